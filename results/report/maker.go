package report

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matrix/results/decision"
	"matrix/results/quality"
	"matrix/results/summary"
)

// Input is all that a report is made from.
type Input struct {
	Set      *summary.Set                        // the tree as it was summed; a report never changes it
	Title    string                              // names the experiments, not the folder
	Made     time.Time                           // shown in UTC, to the minute
	Version  string                              // of matrix
	Decision *decision.Result                    // nil = none was made
	Quality  *quality.Report                     // of the answers; nil = not looked at
	Coverage *Coverage                           // what was planned; nil = only the tree is known
	Recipe   func(*summary.Cell) (Recipe, error) // nil = recipes cannot be written here: the command is named instead
}

// Coverage is what was planned, as a plan or the source tells it.
type Coverage struct {
	From  string // "the saved plan", "gemma3.hcl"
	Cells []Planned
}

// Planned is one cell of the plan.
type Planned struct {
	Name, Slug     string // Slug is the folder: how a planned cell finds its attempts
	State          string // done, new, stale, partial, failed, infeasible, excluded, unavailable
	Reason         string // why it is in that state, for a reader; "" = nothing to say
	Done, Launches int    // complete launches, and how many were asked for
}

// Recipe starts a cell's engine without matrix.
type Recipe struct {
	Script  string // a whole shell script, printed as code
	Command string // prints it again: "matrix recipe …"
	Note    string // where it differs from what was measured; "" = nowhere
}

// Simulated stands wherever a simulated figure is.
const Simulated = "SIMULATED"

// It names the engines that are imitated: a reader must not take the figures for theirs.
const simulatedBanner = Simulated + ": matrix's own simulator stands in for the engines; these figures tell nothing about vLLM or Ollama."

// maker builds one document.
// It lives for one Build, on one goroutine.
type maker struct {
	Input
	ctx    context.Context // of the reading
	doc    *Document       // grows section by section
	groups []*group        // by model, first-seen order
}

// place is a folder by a name that says something elsewhere, too: "." does not.
func place(root string) string {
	if abs, err := filepath.Abs(root); err == nil && (root == "." || strings.HasPrefix(root, "..")) {
		return abs
	}
	return root
}

// group is the cells of one model: what a choice of platform is made from.
type group struct {
	model      string   // as the cells name it: a precision does not split a group here
	sizes      []int64  // batch sizes in requests, ascending
	contenders []string // first-seen order, which gives each its colour
	cells      []*summary.Cell
	name       map[*summary.Cell]string // contender
}

// The contenders' names come second: which axes tell cells apart is known only once all cells of the model are
// together.
func groupsOf(set *summary.Set) []*group {
	var all []*group
	byModel := map[string]*group{}
	for _, c := range set.Cells {
		g := byModel[c.Model]
		if g == nil {
			g = &group{model: c.Model, name: map[*summary.Cell]string{}}
			byModel[c.Model] = g
			all = append(all, g)
		}
		g.cells = append(g.cells, c)
		if !slices.Contains(g.sizes, c.BatchSize) {
			g.sizes = append(g.sizes, c.BatchSize)
		}
	}
	for _, g := range all {
		slices.Sort(g.sizes)
		for _, c := range g.cells {
			g.name[c] = g.contender(c)
			if !slices.Contains(g.contenders, g.name[c]) {
				g.contenders = append(g.contenders, g.name[c])
			}
		}
	}
	return all
}

// contender is the platform with whatever tells the cell from others of that platform, in the words of the decision.
func (g *group) contender(c *summary.Cell) string {
	// The order of the parts is the decision's: a reader must find the same name in both.
	parts := []string{c.Platform}
	for _, axis := range extraAxes(g.cells) {
		if label, ok := c.Axes[axis]; ok {
			parts = append(parts, axis+"="+label)
		}
	}
	for _, other := range g.cells {
		if other.Experiment != c.Experiment {
			parts = append(parts, "experiment="+c.Experiment)
			break
		}
	}
	if c.Imported {
		parts = append(parts, "imported")
	}
	return strings.Join(parts, ", ")
}

// extraAxes are the axes beside platform, model and batch size that vary among cells, sorted.
func extraAxes(cells []*summary.Cell) []string {
	var axes []map[string]string
	for _, c := range cells {
		axes = append(axes, c.Axes)
	}
	return slices.DeleteFunc(summary.Varying(axes...), func(axis string) bool { return axis == "platform" || axis == "model" || axis == "batch_size" })
}

// at are the cells of one batch size, in the set's order.
// Cells of one contender and size stay apart: experiments may have measured the same.
func (g *group) at(size int64) []*summary.Cell {
	var out []*summary.Cell
	for _, c := range g.cells {
		if c.BatchSize == size {
			out = append(out, c)
		}
	}
	return out
}

// mostModels is of how many models a section shows all figures: of three, a page of 18 cells would be 13 screens.
const mostModels = 2

// behind folds the figures of a model, the i-th, where there are many and it is not the first; what decides stands above, of every model.
func (m *maker) behind(i int, figures []Block) []Block {
	if i == 0 || len(m.groups) <= mostModels || len(figures) == 0 {
		return figures
	}
	return []Block{fold(m.groups[i].model, figures...)}
}

// slot is a contender's colour, dash and marker: the same in every chart of the model.
func (g *group) slot(c *summary.Cell) int { return slices.Index(g.contenders, g.name[c]) }

// anchor is the id of a cell's row in the inventory.
// 16 digits of the address: enough to tell the cells of a tree apart, and the page has thousands of such links.
func anchor(c *summary.Cell) string { return "cell-" + c.Address[:min(16, len(c.Address))] }

// links lists cells as links, apart by commas.
// The order is the caller's; an empty list is nil, which writes nothing.
func links(cells []*summary.Cell) Text {
	var t Text
	for i, c := range cells {
		if i > 0 {
			t = append(t, Span{Text: ", "})
		}
		t = append(t, Span{Text: c.Name, Anchor: anchor(c)})
	}
	return t
}

// slug makes an id from words, another one from other words: two figures of one id would be one file.
// It is for anchors and file names: what is no ASCII letter, digit or _ becomes a dash. Then a hash of the words as they were
// tells "a.b" from "a-b"; a number behind the second of them would change with what else the page has.
func slug(parts ...string) string {
	exact := true
	words := make([]string, len(parts))
	for i, part := range parts {
		words[i] = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
				return r
			}
			return '-'
		}, strings.ToLower(part))
		exact = exact && words[i] == part && !strings.Contains(part, "-") // dashes stand between the parts
	}
	s := strings.Trim(strings.Join(words, "-"), "-")
	if !exact {
		s += fmt.Sprintf("-%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))[:9]
	}
	return s
}

// anchorOf is the anchor of the last of some cells, "" = none.
// Sources stand in the order of batch size, so the last is the largest.
func (m *maker) anchorOf(sources []decision.Source) string {
	if c := m.sourceOf(sources); c != nil {
		return anchor(c)
	}
	return ""
}

// cellAt is the cell whose folder is so named, nil = none.
// The folder alone is enough within one experiment; a set of several names the experiment first.
func (m *maker) cellAt(folder string) *summary.Cell {
	for _, c := range m.Set.Cells {
		if folder != "" && (c.Slug == folder || c.Experiment+"/"+c.Slug == folder) {
			return c
		}
	}
	return nil
}

// counts the cells, their complete launches and all attempts.
// Tainted attempts and those of an earlier declaration are not among the cells' own.
func (m *maker) counts() (real, launches, attempts int) {
	for _, c := range m.Set.Cells {
		if !c.Simulated {
			real++ // a simulated cell is none
		}
		launches += len(c.Launches)
		attempts += len(c.Attempts)
	}
	return real, launches, attempts
}
