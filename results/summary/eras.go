package summary

import (
	"cmp"
	"context"
	"slices"

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
			era = &Cell{Experiment: c.Experiment, Address: c.Address, Slug: c.Slug, Name: c.Name, Platform: c.Platform, Model: c.Model,
				BatchSize: c.BatchSize, Axes: c.Axes, Identity: v.Identity.Hash, ended: v.Ended}
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

// Before is the set as it stood before the last change of each cell: of every cell with results of an earlier identity
// and of the present one, the era before the present.
func (s *Set) Before(ctx context.Context) (*Set, error) {
	before := &Set{Root: s.Root}
	for _, c := range s.Cells {
		if len(c.Launches) == 0 {
			continue
		}
		eras, err := s.Eras(ctx, c)
		if err != nil {
			return nil, err
		}
		if n := len(eras); n > 1 {
			before.Cells = append(before.Cells, eras[n-2])
		}
	}
	return before, nil
}
