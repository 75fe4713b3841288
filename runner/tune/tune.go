// Package tune searches an experiment's settings by successive halving over the batch size (Jamieson and Talwalkar, 2016):
// every setting is measured at the smallest batch, the better share of them at the next, and so on to the largest. It
// decides from results alone, so a search that was stopped goes on where it was, and each probe is an ordinary cell.
package tune

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/experiments/cell"
)

// Score says what is known of a cell.
type Score struct {
	State State
	Value float64 // of the objective; higher is better
}

// State of a cell in the search.
type State int

// The closed list of states.
const (
	Pending State = iota // still to be measured
	Measured
	Failed // the engine failed or a limit was reached: its setting is out
)

// Search is the search over one experiment.
type Search struct {
	Groups []*Group
	Keep   float64 // share of the settings that goes on to the next batch size, 0–1
}

// Group is the settings of one platform and model, which compete.
type Group struct {
	Platform, Model string
	Batches         []int // the rungs, ascending
	Settings        []*Setting
}

// Setting is one combination of the tuned axes.
type Setting struct {
	Label string             // "num_parallel=4 num_batch=512"
	Cells map[int]*cell.Cell // by batch size
}

// Round is what to measure now in a group.
type Round struct {
	Group *Group
	Batch int
	Cells []*cell.Cell // those without a result
	Field []*Setting   // all that compete at this batch size, measured or not
}

// fixed are the axes that are not tuned.
var fixed = map[string]bool{"platform": true, "model": true, "batch_size": true, "hardware": true}

// New makes a search of an experiment's cells. The tuned axes are all but platform, model, batch_size and hardware.
func New(cells []*cell.Cell, keep float64) (*Search, error) {
	if !(keep > 0 && keep < 1) {
		return nil, fmt.Errorf("a share of %g of the settings cannot go on: it is between 0 and 1", keep)
	}
	s := &Search{Keep: keep}
	tuned := false
	for _, c := range cells {
		g := s.group(c)
		label := labelOf(c)
		tuned = tuned || label != ""
		i := slices.IndexFunc(g.Settings, func(x *Setting) bool { return x.Label == label })
		if i < 0 {
			g.Settings = append(g.Settings, &Setting{Label: label, Cells: map[int]*cell.Cell{}})
			i = len(g.Settings) - 1
		}
		g.Settings[i].Cells[c.BatchSize] = c
		if !slices.Contains(g.Batches, c.BatchSize) {
			g.Batches = append(g.Batches, c.BatchSize)
		}
	}
	if !tuned {
		return nil, errors.New("there is nothing to tune: the matrix has no axis beside platform, model, batch_size and hardware")
	}
	for _, g := range s.Groups {
		slices.Sort(g.Batches)
	}
	return s, nil
}

// group is that of a cell's platform and model: settings of one are no rivals of another's.
func (s *Search) group(c *cell.Cell) *Group {
	for _, g := range s.Groups {
		if g.Platform == c.Platform.ID && g.Model == c.Model.ID {
			return g
		}
	}
	g := &Group{Platform: c.Platform.ID, Model: c.Model.ID}
	s.Groups = append(s.Groups, g)
	return g
}

// labelOf is a setting's name: the labels of the axes that are searched.
func labelOf(c *cell.Cell) string {
	var parts []string
	for _, a := range c.Axes {
		if !fixed[a.Name] {
			parts = append(parts, a.Name+"="+a.Label)
		}
	}
	return strings.Join(parts, " ")
}

// Next is what to measure now: one round for each group that is not finished.
func (s *Search) Next(score func(*cell.Cell) Score) []Round {
	var rounds []Round
	for _, g := range s.Groups {
		if r, ok := g.next(s.Keep, score); ok {
			rounds = append(rounds, r)
		}
	}
	return rounds
}

// next climbs the batch sizes as far as results reach.
func (g *Group) next(keep float64, score func(*cell.Cell) Score) (Round, bool) {
	field := g.Settings
	for _, batch := range g.Batches {
		field = runnable(field, batch)
		var todo []*cell.Cell
		for _, s := range field {
			if score(s.Cells[batch]).State == Pending {
				todo = append(todo, s.Cells[batch])
			}
		}
		if len(todo) > 0 {
			return Round{Group: g, Batch: batch, Cells: todo, Field: field}, true
		}
		field = better(field, batch, keep, score)
	}
	return Round{}, false
}

// runnable are the settings with a cell at this batch size that may run: cell.fit and constraints decide.
func runnable(field []*Setting, batch int) []*Setting {
	var out []*Setting
	for _, s := range field {
		if c := s.Cells[batch]; c != nil && c.Skip == nil {
			out = append(out, s)
		}
	}
	return out
}

// better is the share of a measured field that goes on, best first; at least one. What failed does not.
func better(field []*Setting, batch int, keep float64, score func(*cell.Cell) Score) []*Setting {
	ranked := Rank(field, batch, score)
	n := int(math.Ceil(keep * float64(len(field))))
	return ranked[:min(max(n, 1), len(ranked))]
}

// Rank orders the settings that were measured at a batch size, best first.
func Rank(field []*Setting, batch int, score func(*cell.Cell) Score) []*Setting {
	var out []*Setting
	for _, s := range field {
		if c := s.Cells[batch]; c != nil && score(c).State == Measured {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b *Setting) int { return cmp.Compare(score(b.Cells[batch]).Value, score(a.Cells[batch]).Value) })
	return out
}

// Best is a group's best setting at the largest batch size at which any was measured; nil without results.
func (g *Group) Best(score func(*cell.Cell) Score) (best *Setting, batch int) {
	for _, batch := range slices.Backward(g.Batches) {
		if ranked := Rank(g.Settings, batch, score); len(ranked) > 0 {
			return ranked[0], batch
		}
	}
	return nil, 0
}
