package summary

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"matrix/results"
)

// Load reads the attempts of some experiments, or of all when none is named. Attempts whose files are damaged are
// listed in Problems and count for nothing.
func Load(ctx context.Context, store *results.Store, root string, experiments ...string) (*Set, error) {
	if len(experiments) == 0 {
		experiments = []string{""}
	}
	set := &Set{Root: root}
	byCell := map[string]*Cell{}
	for _, name := range experiments {
		past, err := store.History(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("read the results of %q: %w", name, err)
		}
		for _, p := range slices.Backward(past) { // newest first: it tells the identity
			if err := set.add(byCell, p); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range set.Cells {
		c.close()
	}
	slices.SortStableFunc(set.Cells, func(a, b *Cell) int {
		return cmp.Or(cmp.Compare(a.Experiment, b.Experiment), cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Model, b.Model),
			cmp.Compare(a.BatchSize, b.BatchSize), cmp.Compare(a.Name, b.Name))
	})
	return set, nil
}

func (s *Set) add(byCell map[string]*Cell, p results.Past) error {
	if p.Problem != "" {
		s.Problems = append(s.Problems, p)
		return nil
	}
	key := p.Experiment + "/" + p.Slug
	c := byCell[key]
	if c == nil {
		c = &Cell{Experiment: p.Experiment, Address: p.Address, Slug: p.Slug, Name: p.Name, Platform: p.Platform, Model: p.Model,
			BatchSize: int64(p.BatchSize), Axes: p.Axes, Identity: p.Identity.Hash}
		byCell[key] = c
		s.Cells = append(s.Cells, c)
	}
	switch {
	case p.Tainted != "":
		c.Tainted++
		return nil
	case p.Identity.Hash != c.Identity:
		c.Older++
		return nil
	}
	row, err := results.ReadRun(p.Dir)
	if errors.Is(err, results.ErrCorrupt) {
		p.Problem, p.Detail = results.ResultCorrupt, err.Error()
		s.Problems = append(s.Problems, p)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read attempt %s: %w", p.Attempt, err)
	}
	c.Attempts = append(c.Attempts, &Attempt{Past: p, row: row})
	return nil
}

// close puts the attempts in order and picks the launches.
func (c *Cell) close() {
	slices.Reverse(c.Attempts)
	byLaunch := map[int]*Attempt{}
	for _, a := range c.Attempts {
		c.Simulated = c.Simulated || a.Simulated
		c.Imported = c.Imported || a.Flag("imported")
		if a.Status == results.Complete {
			byLaunch[a.Launch] = a
		}
	}
	for _, a := range byLaunch {
		c.Launches = append(c.Launches, a)
	}
	slices.SortFunc(c.Launches, func(a, b *Attempt) int { return cmp.Compare(a.Launch, b.Launch) })
}
