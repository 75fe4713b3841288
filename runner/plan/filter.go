package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"matrix/experiments/cell"
	"matrix/results/store"
)

// Filter narrows a plan. A selector is axis=glob, where the glob may be several with commas between
// ("platform=vllm_*,ollama"); or a cell's id, its name or a glob of names ("ollama/gemma3_4b/*"), or its folder's name.
type Filter struct {
	Only, Except []string // a cell stays when all of Only match and none of Except does
	Replace      []string // selectors of cells that run again: reason requested
	// Rerun names what else runs again: failed and censored, which by default do not; or the kinds of change that
	// make a cell stale (spec, dataset, model, backend, hardware), and then no other kind does. all is every one.
	Rerun []string
	// Since is when Replace and Rerun were asked for: what began later has been run again. Zero: now.
	Since time.Time `json:",omitzero"`
	// Launches is how many launches each cell has at least; 0 = as declared. More of them make no result stale.
	Launches int `json:",omitzero"`
}

// selector is one parsed axis=glob, or what names cells.
type selector struct {
	text  string
	axis  string
	globs []string
	name  string // an id's beginning, a folder's name, or a glob of names; "" = axis=glob
}

// parseSelector reads axis=glob[,glob…], or a glob for ids and names. A broken glob is said here: path.Match would tell of
// it only where a name comes that far.
func parseSelector(text string) (selector, error) {
	axis, globs, ok := strings.Cut(text, "=")
	if !ok && text != "" {
		if _, err := path.Match(text, ""); err != nil {
			return selector{}, fmt.Errorf("selector %q is no glob: %w", text, err)
		}
		return selector{text: text, name: text}, nil
	}
	if axis == "" || globs == "" {
		return selector{}, fmt.Errorf("selector %q is neither axis=glob, like batch_size=1000, nor a cell's id or name", text)
	}
	s := selector{text: text, axis: strings.TrimSpace(axis), globs: strings.Split(globs, ",")}
	for _, g := range s.globs {
		if _, err := path.Match(g, ""); err != nil {
			return selector{}, fmt.Errorf("selector %q: %q is no glob: %w", text, g, err)
		}
	}
	return s, nil
}

// matches holds a cell against the selector: its label or its value may match.
func (s selector) matches(c *cell.Cell) bool {
	if s.name != "" {
		const least = 4 // digits of an id
		named, _ := path.Match(s.name, c.Name())
		return named || c.Slug == s.name || len(s.name) >= least && strings.HasPrefix(c.Address, s.name)
	}
	return slices.ContainsFunc(s.globs, func(glob string) bool { return s.has(c, glob) })
}

// has holds a cell's value of the axis against one of the globs.
func (s selector) has(c *cell.Cell, glob string) bool {
	return slices.ContainsFunc(c.Axes, func(a *cell.Axis) bool {
		label, _ := path.Match(glob, a.Label) // the pattern was checked when it was parsed
		plain, _ := path.Match(glob, strings.Trim(a.JSON, `"`))
		return a.Name == s.axis && (label || plain)
	})
}

// parseSelectors parses and, where cells are given, checks that each one means some of them, so that a misspelt one is not silently
// empty.
func parseSelectors(texts []string, cells []*cell.Cell) ([]selector, error) {
	var all []selector
	for _, text := range texts {
		s, err := parseSelector(text)
		if err != nil {
			return nil, err
		}
		if len(cells) > 0 && !slices.ContainsFunc(cells, s.matches) {
			return nil, fmt.Errorf("selector %q matches no cell%s", text, s.advice(cells))
		}
		// each of several, too: "batch_size=10,model=a" is one selector, of which the end would say nothing
		for _, g := range s.globs {
			if len(cells) > 0 && !slices.ContainsFunc(cells, func(c *cell.Cell) bool { return s.has(c, g) }) {
				return nil, fmt.Errorf("selector %q: %q matches no cell%s", text, g, s.advice(cells))
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// advice lists what the selector could have meant.
func (s selector) advice(cells []*cell.Cell) string {
	if s.name != "" {
		return someNames(s.name, cells)
	}
	var axes, values []string
	for _, c := range cells {
		for _, a := range c.Axes {
			if !slices.Contains(axes, a.Name) {
				axes = append(axes, a.Name)
			}
			if a.Name == s.axis && !slices.Contains(values, a.Label) && len(values) < 12 {
				values = append(values, a.Label)
			}
		}
	}
	if len(values) == 0 {
		return fmt.Sprintf("; the axes are %s", strings.Join(axes, ", "))
	}
	return fmt.Sprintf("; %s is one of %s", s.axis, strings.Join(values, ", "))
}

// someNames offers what a cell's name could have been: the nearest by its beginning, else the first few.
func someNames(text string, cells []*cell.Cell) string {
	if len(cells) == 0 {
		return ""
	}
	begins, _, _ := strings.Cut(text, "/")
	var near []string
	for _, c := range cells {
		if strings.HasPrefix(c.Name(), begins) {
			near = append(near, c.Name())
		}
	}
	if len(near) == 0 {
		for _, c := range cells {
			near = append(near, c.Name())
		}
	}
	const most = 6
	if len(near) > most {
		near = append(near[:most], "…")
	}
	return "; cells are " + strings.Join(near, ", ")
}

// Check holds a filter against the cells of all experiments that it is for: each selector has to mean one of them, and each word of
// Rerun something. An experiment of several may well have none.
func (f Filter) Check(cells []*cell.Cell) error {
	known := append([]string{"failed", "censored", "all"}, staleKinds...)
	for _, r := range f.Rerun {
		if !slices.Contains(known, r) {
			return fmt.Errorf("rerun %q is not one of %s", r, strings.Join(known, ", "))
		}
	}
	_, err := parseSelectors(slices.Concat(f.Only, f.Except, f.Replace), cells)
	return err
}

// Choose applies Only and Except.
func (f Filter) Choose(cells []*cell.Cell) ([]*cell.Cell, error) {
	only, err := parseSelectors(f.Only, nil)
	if err != nil {
		return nil, err
	}
	except, err := parseSelectors(f.Except, nil)
	if err != nil {
		return nil, err
	}
	var chosen []*cell.Cell
	for _, c := range cells {
		misses := func(s selector) bool { return !s.matches(c) }
		hits := func(s selector) bool { return s.matches(c) }
		if !slices.ContainsFunc(only, misses) && !slices.ContainsFunc(except, hits) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

// staleKinds are the identity's components that make a result stale, in the order in which they are said.
var staleKinds = []string{"spec", "dataset", "model", "backend", "hardware"}

// replaced reports whether the user asked for the cell to run again.
func (f Filter) replaced(c *cell.Cell) bool {
	selectors, err := parseSelectors(f.Replace, nil)
	return err == nil && slices.ContainsFunc(selectors, func(s selector) bool { return s.matches(c) })
}

// again reports whether a result that ended so (engine_failed, censored) runs again.
func (f Filter) again(p *store.Past) bool {
	return !f.since(p) && (slices.Contains(f.Rerun, "all") || slices.Contains(f.Rerun, strings.TrimPrefix(p.Status, "engine_")))
}

// since reports whether an attempt began after its repetition was asked for, and so is that repetition.
func (f Filter) since(p *store.Past) bool {
	return p != nil && !f.Since.IsZero() && p.Began.After(f.Since)
}

// triggers reports whether one of these changed components makes a cell stale enough to run.
func (f Filter) triggers(components []string) bool {
	narrowed := slices.ContainsFunc(f.Rerun, func(r string) bool { return slices.Contains(staleKinds, r) })
	if !narrowed || slices.Contains(f.Rerun, "all") {
		return true
	}
	return slices.ContainsFunc(components, func(c string) bool { return slices.Contains(f.Rerun, c) })
}
