package report

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/stats"
	"matrix/results/summary"
)

// metric is a column of the comparison table.
type metric struct {
	title, unit string
	column      string // of run.parquet
	format      writer
	higher      bool // is better, and the best is marked; only with better
	better      bool
}

var compared = []metric{
	{"Throughput", "output tokens/s", "output_throughput", three, true, true},
	{"Requests", "requests/s", "request_throughput", three, true, true},
	{"Goodput", "requests/s within slo", "goodput", three, true, true},
	{"Success", "of planned", "success_rate", percent, true, false},
	{"Load", "s", "load_s", three, false, true},
	{"Load + batch", "s", "batch_s", three, false, true},
	{"VRAM peak", "GiB", "vram_peak_bytes", gib, false, false},
	{"GPU busy", "", "gpu_util_ratio", percent, true, false},
	{"CPU", "cores", "cpu_cores_mean", three, false, false},
	{"Energy", "J/output token", "j_per_output_token", three, false, true},
	{"Prompt", "tokens", "input_tokens", whole, false, false},
	{"Completion", "tokens", "output_tokens", whole, false, false},
}

// comparison is one table a model and batch size.
func (m *maker) comparison() (Section, error) {
	s := Section{ID: "comparison", Title: "Comparison"}
	for _, g := range m.groups {
		for _, size := range g.sizes {
			s.Blocks = append(s.Blocks, table(m.comparisonTable(g, size)))
		}
	}
	if len(s.Blocks) > 0 {
		s.Blocks = append(s.Blocks, Block{Tone: "note", Text: plain("Medians over complete launches; below each its interval and the launches behind it (pooled: from the spread between launches of like cells, which assumes that they vary alike). ★ marks a column's best figure; cells that failed a request have none. Throughput counts from first dispatch to last completion; load is process start to first token. – is a figure that was not to be had, with its reason in the inventory.")})
	}
	return s, nil
}

func (m *maker) comparisonTable(g *group, size int64) *Table {
	cells := g.at(size)
	t := &Table{ID: slug("compare", g.model, fmt.Sprint(size)), Caption: fmt.Sprintf("%s, %s", g.model, counted(int(size), "request")),
		Columns: []Column{{Title: "Platform"}, {Title: "Launches", Numeric: true}, {"Ratio", "requests/hour with the load of these launches, to the fastest", true}}}
	shown := slices.DeleteFunc(slices.Clone(compared), func(x metric) bool { return x.column == "goodput" && !bounded(cells) })
	for _, x := range shown {
		t.Columns = append(t.Columns, Column{x.title, x.unit, true})
	}
	fastest := fastestOf(cells)
	for _, c := range cells {
		r := Row{Values: []Value{{Text: g.name[c], Anchor: anchor(c), Detail: kindOf(c)}, launchesOf(c), ratioTo(c, fastest)}}
		for _, x := range shown {
			r.Values = append(r.Values, m.value(x, c, cells))
		}
		t.Rows = append(t.Rows, r)
		if full := unlikeNote(g, c, fastest); full != "" {
			t.Notes = append(t.Notes, full)
		}
	}
	return t
}

// bounded reports whether any of the cells was held to bounds: without them there is no goodput.
func bounded(cells []*summary.Cell) bool {
	return slices.ContainsFunc(cells, func(c *summary.Cell) bool { return len(c.Values("goodput")) > 0 || len(c.Notes("goodput")) > 0 })
}

// kindOf names what a reader must not overlook about a cell.
func kindOf(c *summary.Cell) string {
	var parts []string
	if c.Simulated {
		parts = append(parts, Simulated)
	}
	if c.Imported {
		parts = append(parts, "imported, not measured here")
	}
	if a := c.First(); a != nil && a.Text("load_mode") != "" {
		parts = append(parts, a.Text("load_mode")+" load")
	}
	return strings.Join(parts, ", ")
}

// launchesOf counts complete launches, and what did not end so.
func launchesOf(c *summary.Cell) Value {
	v := Value{Text: fmt.Sprint(len(c.Launches))}
	ended := map[string]int{}
	for _, a := range c.Attempts {
		if a.Status != "complete" {
			ended[strings.ReplaceAll(a.Status, "_", " ")]++
		}
	}
	var parts []string
	for status, n := range ended {
		parts = append(parts, fmt.Sprintf("%d %s", n, status))
	}
	slices.Sort(parts)
	if len(parts) > 0 {
		v.Tone = "warn"
	}
	if in := c.InSegments(); in != "" {
		parts = append(parts, in)
	}
	v.Detail = strings.Join(parts, ", ")
	return v
}

// value is the column's figure for a cell, marked where it is the best of those beside it.
func (m *maker) value(x metric, c *summary.Cell, beside []*summary.Cell) Value {
	e := m.Set.Estimate(c, x.column)
	if !e.Known() {
		return Value{Text: "–", Tone: "missing", Why: whyMissing(c, x.column)}
	}
	v := Value{Text: x.format(e.Median), Detail: interval(e, x.format)}
	if x.column == "success_rate" {
		v.Detail = successDetail(c)
		if e.Median < 1 {
			v.Tone = "warn"
		}
	}
	if odd := c.Unusual(x.column); len(odd) > 0 {
		v.Detail += fmt.Sprintf("; launch %d is unusual", odd[0].Attempt.Launch)
	}
	if x.better && len(beside) > 1 && x.best(c, beside) {
		v.Tone = "best"
	}
	return v
}

// best reports whether a cell's median is ahead of all others'; cells that lost requests are out of the race, for
// failing early is fast.
func (x metric) best(c *summary.Cell, beside []*summary.Cell) bool {
	mine := c.Estimate(x.column).Median
	if !whole100(c) {
		return false
	}
	rivals := 0
	for _, other := range beside {
		e := other.Estimate(x.column)
		if other == c || !e.Known() || !whole100(other) {
			continue
		}
		rivals++
		if x.higher && e.Median >= mine || !x.higher && e.Median <= mine {
			return false
		}
	}
	return rivals > 0
}

func whole100(c *summary.Cell) bool {
	e := c.Estimate("success_rate")
	return !e.Known() || e.Median >= 1
}

// successDetail is the bound that the requests show: none failed of 100 is not 100%.
func successDetail(c *summary.Cell) string {
	e := c.Estimate("success_rate_low95")
	if !e.Known() {
		return ""
	}
	return "shown: ≥\u00a0" + percent(e.Median)
}

func whyMissing(c *summary.Cell, column string) string {
	a := c.First()
	if a == nil || len(c.Launches) == 0 {
		return "no launch completed"
	}
	if why := a.Why(column); why != "" {
		return why
	}
	if c.Imported {
		return "not recorded in the imported results"
	}
	return "not measured: the engine or the machine does not tell"
}

// perHour are evaluations per hour, load included, one a launch.
func perHour(c *summary.Cell) []float64 {
	var out []float64
	for _, a := range c.Launches {
		ok, s := a.Number("requests_ok"), a.Number("batch_s")
		if ok != nil && s != nil && *s > 0 {
			out = append(out, 3600**ok / *s)
		}
	}
	return out
}

func fastestOf(cells []*summary.Cell) *summary.Cell {
	var best *summary.Cell
	most := 0.0
	for _, c := range cells {
		if e := stats.Of(perHour(c)); e.Known() && e.Median > most {
			best, most = c, e.Median
		}
	}
	return best
}

// ratioTo is a cell's evaluations per hour over the fastest's.
func ratioTo(c, fastest *summary.Cell) Value {
	mine := stats.Of(perHour(c))
	if !mine.Known() || fastest == nil {
		return Value{Text: "–", Tone: "missing", Why: whyMissing(c, "batch_s")}
	}
	if c == fastest {
		return Value{Text: "1", Detail: three(mine.Median) + "/h"}
	}
	r := stats.RatioOf(perHour(c), perHour(fastest), stats.Pool(perHour(c), perHour(fastest)))
	times := func(v float64) string { return "×" + three(v) }
	return Value{Text: times(r.Median), Detail: strings.Trim(interval(r.Estimate, times)+"; "+three(mine.Median)+"/h", "; "), Unlike: unlikeShort(c, fastest)}
}

// unlikeShort names the aspects in which a pair differs, "" = none is known.
func unlikeShort(c, fastest *summary.Cell) string {
	var all []string
	for _, d := range summary.Unlike(c, fastest) {
		all = append(all, d.Aspect)
	}
	if len(all) == 0 {
		return ""
	}
	return "unlike in " + strings.Join(all, ", ")
}

// unlikeNote says the same with both sides' values, below the table.
func unlikeNote(g *group, c, fastest *summary.Cell) string {
	if fastest == nil || c == fastest {
		return ""
	}
	var all []string
	for _, d := range summary.Unlike(c, fastest) {
		all = append(all, d.String())
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("%s is unlike %s in %s.", g.name[c], g.name[fastest], strings.Join(all, "; "))
}
