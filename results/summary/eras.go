package summary

import (
	"cmp"
	"context"
	"slices"

	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/store"
	"matrix/results/table"
)

// Eras are a cell's results by what was asked for and what ran, oldest first: one cell an identity, the present one last.
// Between two of them something of the identity changed: an engine's version, the model, a setting. An identity that came
// back after another is one era with all its launches, dated by its last. Eras without a complete launch are left out.
func (s *Set) Eras(ctx context.Context, c *Cell) ([]*Cell, error) {
	byIdentity := map[string]*Cell{}
	earlier := &Set{Root: s.Root}
	for _, v := range slices.Backward(c.byAge()) {
		era := byIdentity[v.Identity.Hash]
		if era == nil {
			era = c.era(v.Identity.Hash)
			era.ended = v.Ended
			byIdentity[era.Identity] = era
			earlier.Cells = append(earlier.Cells, era)
		}
		era.Attempts = append(era.Attempts, &Attempt{Past: v.Past})
	}
	if err := earlier.read(ctx, table.ReadRun); err != nil {
		return nil, err
	}
	s.Problems = append(s.Problems, earlier.Problems...)
	for _, era := range earlier.Cells {
		era.close()
	}
	slices.SortStableFunc(earlier.Cells, func(a, b *Cell) int { return a.ended.Compare(b.ended) })
	eras := append(earlier.Cells, c) // the present one is the last, whatever the clocks say
	return slices.DeleteFunc(eras, func(c *Cell) bool { return len(c.Launches) == 0 }), nil
}

// byAge are the cell's superseded attempts, oldest first.
func (c *Cell) byAge() []Standing {
	var out []Standing
	for _, v := range c.void {
		if v.WhyNot == NotSuperseded {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b Standing) int { return cmp.Compare(a.Attempt, b.Attempt) })
	return out
}

// Narrow is the set as some of its attempts alone tell it: of every cell that has any that keep says yes to, the newest
// identity among them. Tainted ones are not asked about; a cell without a complete launch left is left out.
// The set itself is not changed.
func (s *Set) Narrow(ctx context.Context, keep func(*Cell, store.Past) bool) (*Set, error) {
	out := &Set{Root: s.Root}
	for _, c := range s.Cells {
		kept := c.byAge()
		for _, a := range c.Attempts {
			past := a.Past
			past.Identity.Hash = c.Identity // an accepted one counts as of the present identity
			kept = append(kept, Standing{past, ""})
		}
		kept = slices.DeleteFunc(kept, func(v Standing) bool { return !keep(c, v.Past) })
		if len(kept) == 0 {
			continue
		}
		newest := slices.MaxFunc(kept, func(a, b Standing) int { return cmp.Compare(a.Attempt, b.Attempt) })
		era := c.era(newest.Identity.Hash)
		for _, v := range slices.Backward(kept) {
			if v.Identity.Hash == era.Identity {
				era.Attempts = append(era.Attempts, &Attempt{Past: v.Past})
			}
		}
		out.Cells = append(out.Cells, era)
	}
	if err := out.read(ctx, table.ReadRun); err != nil {
		return nil, err
	}
	for _, c := range out.Cells {
		c.close()
	}
	out.Cells = slices.DeleteFunc(out.Cells, func(c *Cell) bool { return len(c.Launches) == 0 })
	return out, nil
}

// Before is the set as it stood before each cell's last change: the newest earlier identity with a complete launch.
func (s *Set) Before(ctx context.Context) (*Set, error) {
	usable := map[string]string{} // cell → identity
	for _, c := range s.Cells {
		for _, v := range c.byAge() {
			if v.Status == record.Complete {
				usable[c.Experiment+"/"+c.Slug] = v.Identity.Hash
			}
		}
	}
	return s.Narrow(ctx, func(c *Cell, p store.Past) bool {
		return p.Identity.Hash != c.Identity && p.Identity.Hash == usable[c.Experiment+"/"+c.Slug]
	})
}

// era is a cell of the same coordinates with nothing measured.
func (c *Cell) era(identity string) *Cell {
	return &Cell{Experiment: c.Experiment, Address: c.Address, Slug: c.Slug, Name: c.Name, Platform: c.Platform, Model: c.Model,
		BatchSize: c.BatchSize, Axes: c.Axes, Identity: identity}
}

// Gate is how far a metric may move from one version to the next: a Change of −0.05 allows it to fall by 5% and to rise at
// will, one of +0.1 to rise by 10%.
type Gate struct {
	Metric string // a column of run.parquet
	Change float64
}

// Verdict is what a comparison shows of a gate.
type Verdict string

const (
	Holds    Verdict = "holds"     // the whole interval is on the right side
	Broken   Verdict = "broken"    // the whole interval is beyond
	NotShown Verdict = "not shown" // it reaches to both sides, or there is none: too few launches
)

// Judge holds a ratio, after over before, against the gate. A ratio without a confidence interval shows nothing.
func (g Gate) Judge(r stats.Ratio) Verdict {
	low, high, bound := r.Low, r.High, 1+g.Change
	if g.Change > 0 {
		low, high, bound = -high, -low, -bound
	}
	switch {
	case !r.Known() || !r.Sure():
		return NotShown
	case low >= bound:
		return Holds
	case high < bound:
		return Broken
	}
	return NotShown
}
