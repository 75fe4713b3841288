package summary

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"matrix/results/stats"
)

// Levels of a check.
const (
	Red   = "red"   // between contenders that lead: they cannot be compared
	Amber = "amber" // to know before acting on the answer
	Green = "green"
)

// rank orders levels, the worst highest.
func rank(level string) int { return slices.Index([]string{Green, Amber, Red}, level) }

// Check is one line of what makes figures comparable, as it stands for one contender or between two.
type Check struct {
	Name       string   `json:"check"` // one of the names below
	Level      string   `json:"level"`
	Contenders []string `json:"contenders"` // one, or two that it stands between; none when green
	Cells      []string `json:"cells"`      // "experiment/folder" of the cells that show it
	Text       string   `json:"text"`       // a sentence with the figures, for people
}

// Names of the checks, in their order.
const (
	CheckPrompts     = "prompt tokens"
	CheckOutputs     = "output tokens"
	CheckAnswers     = "answers"
	CheckEnds        = "ends"
	CheckValid       = "valid answers"
	CheckRequest     = "request"
	CheckPrefixCache = "prefix cache"
	CheckClient      = "client"
	CheckMachine     = "machine"
	CheckPlacement   = "placement"
	CheckSuccess     = "success"
)

// lines are the checks: each looks at the cells and notes what it found.
var lines = []struct {
	name, good string
	look       func(*checking)
}{
	{CheckPrompts, "alike for all", (*checking).prompts},
	{CheckOutputs, "alike for all", (*checking).outputs},
	{CheckAnswers, "all have text, and begin alike where that can be told", (*checking).answers},
	{CheckEnds, "every ok request ended with an answer", (*checking).ends},
	{CheckValid, "nearly all can be used, by all alike", (*checking).valid},
	{CheckRequest, "the same was sent to all", (*checking).requests},
	{CheckPrefixCache, "used as declared, by all alike", (*checking).prefixCache},
	{CheckClient, "not the limit", (*checking).client},
	{CheckMachine, "the same, and quiet", (*checking).machine},
	{CheckPlacement, "the whole model on the GPU, or where it was declared to be", (*checking).placement},
	{CheckSuccess, "no request failed", (*checking).success},
}

// Checks holds the cells of one group against what makes figures comparable, over all launches that count: one green
// check for a line that nothing is to be said of, else one for each contender or pair that something is to be said of, the
// worst of all batch sizes. A line of which nothing is known has none.
func Checks(cells []*Cell) []Check {
	g := newChecking(cells)
	var out []Check
	for _, line := range lines {
		g.name, g.seen, g.found = line.name, false, nil
		line.look(g)
		if len(g.found) == 0 && g.seen {
			out = append(out, Check{Name: line.name, Level: Green, Contenders: []string{}, Cells: []string{}, Text: line.name + ": " + line.good})
		}
		slices.SortStableFunc(g.found, func(a, b Check) int { return rank(b.Level) - rank(a.Level) })
		out = append(out, g.found...)
	}
	return out
}

// checking is one run of the checks.
type checking struct {
	cells []*Cell          // with a launch that counts
	named map[*Cell]string // the contender that a cell is of

	name  string  // of the line at work
	seen  bool    // it had something to look at
	found []Check // of the line at work
}

// newChecking names the contenders as the decision does: by what varies between them.
func newChecking(cells []*Cell) *checking {
	g := &checking{named: map[*Cell]string{}}
	for _, c := range cells {
		if len(c.Launches) > 0 {
			g.cells = append(g.cells, c)
		}
	}
	varying := slices.DeleteFunc(axesOf(g.cells), func(axis string) bool {
		return slices.Contains([]string{axisExperiment, "platform", "model", "batch_size"}, axis) || len(labels(g.cells, axis)) < 2
	})
	several := len(labels(g.cells, axisExperiment)) > 1
	for _, c := range g.cells {
		name := c.Platform
		for _, axis := range varying {
			if label := c.Axis(axis); label != "" {
				name += ", " + axis + "=" + label
			}
		}
		clash := func(other *Cell) bool {
			return other != c && other.Platform == c.Platform && other.BatchSize == c.BatchSize
		}
		if several && slices.ContainsFunc(g.cells, clash) {
			name += ", experiment=" + c.Experiment
		}
		g.named[c] = name
	}
	return g
}

// one notes something about a contender.
func (g *checking) one(level string, c *Cell, format string, values ...any) {
	text := fmt.Sprintf("%s, %s: %s", g.named[c], requestsOf(c), fmt.Sprintf(format, values...))
	g.note(Check{Name: g.name, Level: level, Contenders: []string{g.named[c]}, Cells: []string{folder(c)}, Text: text})
}

// two notes something between contenders.
func (g *checking) two(level string, a, b *Cell, format string, values ...any) {
	text := fmt.Sprintf("%s against %s, %s: %s", g.named[a], g.named[b], requestsOf(a), fmt.Sprintf(format, values...))
	g.note(Check{Name: g.name, Level: level, Contenders: []string{g.named[a], g.named[b]}, Cells: []string{folder(a), folder(b)}, Text: text})
}

// folder is where a cell's attempts lie, below the root.
func folder(c *Cell) string { return c.Experiment + "/" + c.Slug }

// requestsOf is a cell's batch size in words, by which cells of one contender are told apart.
func requestsOf(c *Cell) string {
	if c.BatchSize == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", c.BatchSize)
}

// note keeps the worst of what is said of the same contenders, with all cells that are as bad.
func (g *checking) note(c Check) {
	for i := range g.found {
		old := &g.found[i]
		if !slices.Equal(old.Contenders, c.Contenders) {
			continue
		}
		switch cmp.Compare(rank(c.Level), rank(old.Level)) {
		case 1:
			*old = c
		case 0:
			for _, slug := range c.Cells {
				if !slices.Contains(old.Cells, slug) {
					old.Cells = append(old.Cells, slug)
				}
			}
		}
		return
	}
	g.found = append(g.found, c)
}

// each calls f for every cell.
func (g *checking) each(f func(*Cell)) {
	for _, c := range g.cells {
		f(c)
	}
}

// pairs calls f for every two cells of different contenders at one batch size.
func (g *checking) pairs(f func(a, b *Cell)) {
	for i, a := range g.cells {
		for _, b := range g.cells[i+1:] {
			if a.BatchSize == b.BatchSize && g.named[a] != g.named[b] {
				f(a, b)
			}
		}
	}
}

// apart compares a figure of two cells: the level by how far the larger is above the smaller. known is false where a side
// lacks it.
func (g *checking) apart(a, b *Cell, of func(*Cell) (float64, bool), red, amber float64, what, unit string) {
	x, okA := of(a)
	y, okB := of(b)
	if !okA || !okB || min(x, y) <= 0 {
		return
	}
	g.seen = true
	level := Green
	switch far := max(x, y)/min(x, y) - 1; {
	case far > red:
		level = Red
	case far > amber:
		level = Amber
	}
	if level != Green {
		g.two(level, a, b, "%s %s against %s%s", what, figure(x), figure(y), unit)
	}
}

// figure is a number to one decimal, without a needless .0.
func figure(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }

// mean is a column's sum over another's, over all launches of a cell; false where a launch lacks either.
func (c *Cell) mean(sum, of string) (float64, bool) {
	var total, n float64
	for _, a := range c.Launches {
		x, y := a.Number(sum), a.Number(of)
		if x == nil || y == nil {
			return 0, false
		}
		total, n = total+*x, n+*y
	}
	return total / max(n, 1), n > 0
}

// success is red below 99% of the requests, amber where any failed.
func (g *checking) success() {
	g.each(func(c *Cell) {
		answered, planned := c.Endings()
		if planned == 0 {
			return
		}
		g.seen = true
		level, share := Green, float64(answered)/float64(planned)
		switch {
		case share < leastSuccess:
			level = Red
		case answered < planned:
			level = Amber
		}
		if level != Green {
			g.one(level, c, "%d of %d requests were answered (%s)", answered, planned, stats.Percent(share))
		}
	})
}

// leastSuccess is the share of answered requests below which a platform is not compared.
const leastSuccess = 0.99
