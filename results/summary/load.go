package summary

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

// Load reads the attempts of some experiments, or of all when none is named. Attempts whose files are damaged are
// listed in Problems and count for nothing.
func Load(ctx context.Context, store *store.Store, root string, experiments ...string) (*Set, error) {
	return loadWith(ctx, store, root, experiments, table.ReadRun)
}

// Survey is Load without the rows: which attempts count, and of each the numbers that its manifest tells, for trees of
// thousands of cells.
func Survey(ctx context.Context, store *store.Store, root string, experiments ...string) (*Set, error) {
	return loadWith(ctx, store, root, experiments, func(dir string) (*record.RunRow, error) { return nil, table.VerifyRun(dir) })
}

// loadWith is Load with its own way to read, or only to verify, a row.
// A row is read for those attempts alone that the marks let count: settle comes before read.
func loadWith(ctx context.Context, store *store.Store, root string, experiments []string, row func(dir string) (*record.RunRow, error)) (*Set, error) {
	if len(experiments) == 0 {
		experiments = []string{""}
	}
	set := &Set{Root: root}
	byCell := map[string]*Cell{}
	for _, name := range experiments {
		past, err := store.History(ctx, name)
		if err != nil {
			return nil, err // it names the folder
		}
		for _, p := range slices.Backward(past) { // newest first: it tells the identity
			set.add(byCell, p)
		}
	}
	for _, c := range set.Cells {
		marks, err := store.Accepts(ctx, c.Experiment, c.Slug)
		if err != nil {
			return nil, fmt.Errorf("read the marks of %s: %w", c.Name, err)
		}
		c.settle(marks)
	}
	if err := set.read(ctx, row); err != nil {
		return nil, err
	}
	for _, c := range set.Cells {
		c.close()
	}
	sortCells(set.Cells)
	return set, nil
}

// sortCells puts cells into the order in which they are shown: numbers in a name count as numbers, concurrency_4 before
// concurrency_16.
func sortCells(cells []*Cell) {
	labels := collate.New(language.Und, collate.Numeric)
	slices.SortStableFunc(cells, func(a, b *Cell) int {
		return cmp.Or(cmp.Compare(a.Experiment, b.Experiment), cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Model, b.Model),
			cmp.Compare(a.BatchSize, b.BatchSize), labels.CompareString(a.Name, b.Name))
	})
}

// add puts an attempt to its cell. The newest comes first.
func (s *Set) add(byCell map[string]*Cell, p store.Past) {
	if p.Problem != "" {
		s.Problems = append(s.Problems, p)
		return
	}
	key := p.Experiment + "/" + p.Slug
	c := byCell[key]
	if c == nil {
		c = &Cell{Experiment: p.Experiment, Address: p.Address, Slug: p.Slug, Name: p.Name, Platform: p.Platform, Model: p.Model,
			BatchSize: int64(p.BatchSize), Axes: p.Axes, Identity: p.Identity.Hash, ended: p.Ended}
		byCell[key] = c
		s.Cells = append(s.Cells, c)
	}
	if p.Tainted != "" {
		c.Tainted++
		c.void = append(c.void, Standing{p, NotTainted})
		return
	}
	c.past = append(c.past, &Attempt{Past: p})
}

// read reads the row of every attempt, on all processors. A damaged one becomes a problem.
func (s *Set) read(ctx context.Context, row func(dir string) (*record.RunRow, error)) error {
	var all []*Attempt
	for _, c := range s.Cells {
		all = append(all, c.Attempts...)
	}
	errs := make([]error, len(all))
	each(len(all), func(i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			all[i].row, errs[i] = row(all[i].Dir)
		}
	})
	for i, a := range all {
		switch err := errs[i]; {
		case errors.Is(err, table.ErrCorrupt):
			a.Problem, a.Detail = store.ResultCorrupt, err.Error()
			s.Problems = append(s.Problems, a.Past)
		case err != nil:
			return fmt.Errorf("read attempt %s: %w", a.Attempt, err)
		}
	}
	for _, c := range s.Cells {
		c.Attempts = slices.DeleteFunc(c.Attempts, func(a *Attempt) bool { return a.Problem != "" })
	}
	return nil
}

// each calls do for 0 to n − 1, on all processors, and returns when all are done.
// do may be called concurrently for different i; it keeps its own result.
func each(n int, do func(i int)) {
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		work.Go(func() error { do(i); return nil })
	}
	_ = work.Wait() // each keeps its own error: all are told, not the first
}

// kind takes what sort of figures an attempt has.
func (c *Cell) kind(m *record.Manifest) {
	c.Simulated = c.Simulated || m.Simulated
	c.Imported = c.Imported || m.Imported()
}

// close puts the attempts in order and picks the launches. Where none counts, what is void says what the cell is of.
func (c *Cell) close() {
	slices.Reverse(c.Attempts)
	byLaunch := map[int]*Attempt{}
	for _, a := range c.Attempts {
		c.kind(&a.Manifest)
		if a.Status == record.Complete {
			byLaunch[a.Launch] = a
		}
	}
	if len(c.Attempts) == 0 {
		for _, v := range c.void {
			c.kind(&v.Manifest)
		}
	}
	for _, a := range byLaunch {
		c.Launches = append(c.Launches, a)
	}
	slices.SortFunc(c.Launches, func(a, b *Attempt) int { return cmp.Compare(a.Launch, b.Launch) })
}
