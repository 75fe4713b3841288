package tree

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"

	"matrix/cmd/matrix/cli/app"
	"matrix/results/store"
)

// target is what a selector means in the results: a cell with its attempts, or one attempt of it.
type target struct {
	past    []store.Past // oldest first
	attempt string       // "" = the whole cell
}

// last is the newest: its manifest has the present names.
func (m target) last() store.Past { return m.past[len(m.past)-1] }

// name is what the target can be called by. A damaged manifest has no address: the folder ends with its first digits.
func (m target) name() app.Name {
	p := m.last()
	return app.Name{Experiment: p.Experiment, Address: cmp.Or(p.Address, p.Slug[strings.LastIndexByte(p.Slug, '-')+1:]), Slug: p.Slug, Name: p.Name}
}

// selected finds what a selector means among all results. Cells and attempts are looked at together: voiding the wrong
// one of two would be bad.
func selected(ctx context.Context, a *app.App, tree *store.Store, sel string) ([]target, error) {
	// damaged attempts are among them, and can be named
	history, err := tree.History(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("read the results: %w", err)
	}
	// an attempt is looked for among all, a cell among these
	cells := byCell(history)
	if strings.Contains(sel, "=") {
		return matchingAxis(cells, sel)
	}
	// a cell
	found := app.Pick(cells, target.name, sel)
	// an attempt: ULIDs are written in capitals, and typed as one likes
	for _, p := range history {
		if sel != "" && strings.HasPrefix(p.Attempt, strings.ToUpper(sel)) {
			found = append(found, target{[]store.Past{p}, p.Attempt})
		}
	}
	switch len(found) {
	case 0:
		return nil, app.Hint(fmt.Errorf("no cell or attempt in %s begins with %q", a.Results, sel), "matrix show CELL lists a cell's attempts; matrix plan FILE… shows the ids of all cells.")
	case 1:
		return found, nil
	}
	// all of them, so that the next try names one
	var names []string
	for _, m := range found {
		if m.attempt != "" {
			names = append(names, "attempt "+m.attempt)
			continue
		}
		names = append(names, m.name().String())
	}
	return nil, app.Hint(fmt.Errorf("%q begins %d things: %s", sel, len(found), strings.Join(names, ", ")), "Give more of it.")
}

// byCell groups attempts, which come oldest first, by the folder that they lie in.
// First-seen order, so by age.
func byCell(history []store.Past) []target {
	var cells []target
	at := map[string]int{}
	for _, p := range history {
		// the folder: two experiments may have cells of one name
		key := p.Experiment + "/" + p.Slug
		i, known := at[key]
		if !known {
			i = len(cells)
			at[key], cells = i, append(cells, target{})
		}
		cells[i].past = append(cells[i].past, p)
	}
	return cells
}

// matchingAxis are the cells that axis=glob means.
// By the newest attempt's labels; a comma means or.
func matchingAxis(cells []target, sel string) ([]target, error) {
	axis, globs, _ := strings.Cut(sel, "=")
	var found []target
	for _, m := range cells {
		// a cell without the axis matches no glob, not even *
		label, has := m.last().Axes[axis]
		// any of them, as with --only
		for _, glob := range strings.Split(globs, ",") {
			matches, err := path.Match(glob, label)
			if err != nil {
				return nil, fmt.Errorf("selector %q: %q is no glob: %w", sel, glob, err)
			}
			if has && matches {
				found = append(found, m)
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, app.Hint(fmt.Errorf("selector %q matches no cell that has results", sel), "It is axis=glob, like platform=fast* or batch_size=10,100.")
	}
	return found, nil
}
