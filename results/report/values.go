package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/results/stats"
	"matrix/results/summary"
)

// metric is a column of the comparison table.
type metric struct {
	title, unit string // of the column; unit "" = a share or a count
	column      string // of run.parquet
	format      writer // from the stored base unit to the shown
	higher      bool   // is better, and the best is marked; only with better
	better      bool
}

// compared are the columns of the comparison table, in their order; a column that nobody tells is dropped. The recipe
// shows the first seven.
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
	{"Valid", "of planned", "valid_share", percent, true, false},
	{"Valid", "evaluations/hour", "valid_evaluations_per_hour", whole, true, true},
	{"Prompt", "tokens", "input_tokens", whole, false, false},
	{"Completion", "tokens", "output_tokens", whole, false, false},
}

// value is the column's figure for a cell, marked where it is the best of those beside it.
// Without cells beside it (nil) nothing is marked.
func (m *maker) value(x metric, c *summary.Cell, beside []*summary.Cell) Value {
	e := m.Set.Estimate(c, x.column)
	v := estimated(e, x.format, whyMissing(c, x.column))
	if !e.Known() {
		return v
	}
	// Its interval over launches says less than what the requests show together.
	if x.column == "success_rate" {
		v.Detail = successDetail(c)
		if e.Median < 1 {
			v.Tone = "warn"
		}
	}
	// The first is enough to make a reader look; all stand in the inventory's warnings.
	if odd := c.Unusual(x.column); len(odd) > 0 {
		v.Detail += fmt.Sprintf("; launch %d is unusual", odd[0].Attempt.Launch)
	}
	if x.better && len(beside) > 1 && x.best(m.Set, c, beside) {
		v.Tone = "best"
	}
	return v
}

// best reports whether a cell's figure is ahead of all others', its interval of theirs: a median alone is ahead by chance. Cells
// that lost requests are out of the race, for failing early is fast.
// Two whose intervals meet are both unmarked.
func (x metric) best(set *summary.Set, c *summary.Cell, beside []*summary.Cell) bool {
	mine := set.Estimate(c, x.column)
	if !whole100(c) {
		return false
	}
	rivals := 0
	for _, other := range beside {
		e := set.Estimate(other, x.column)
		if other == c || !e.Known() || !whole100(other) {
			continue
		}
		rivals++
		if x.higher && e.High >= mine.Low || !x.higher && e.Low <= mine.High {
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
	return "shown: " + atLeast(e.Median)
}

// whyMissing is never empty: a dash without its reason would be read as 0.
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
// A launch that lacks requests_ok or batch_s gives none, so there may be fewer than launches.
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

// fastestOf counts the load in; nil where no cell was timed.
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
// Unlike names what else differs: the ratio is then not of the platforms alone.
func ratioTo(c, fastest *summary.Cell) Value {
	mine := stats.Of(perHour(c))
	if !mine.Known() || fastest == nil {
		return missing(whyMissing(c, "batch_s"))
	}
	if c == fastest {
		return Value{Text: "1", Detail: three(mine.Median) + "/h"}
	}
	// Spread is pooled over both: three launches of each are too few for an interval of their own.
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

// kindOf names what a reader must not overlook about a cell.
func kindOf(c *summary.Cell) string {
	var parts []string
	if c.Simulated {
		parts = append(parts, Simulated)
	}
	if c.Imported {
		parts = append(parts, "imported, not measured here")
	}
	if a := c.First(); a != nil && a.Run().Mode != "" {
		parts = append(parts, a.Run().Mode+" load")
	}
	return strings.Join(parts, ", ")
}

// launchesOf counts complete launches, and what did not end so.
// Failed launches stand beside the complete ones: medians are of these alone, and would hide that two of five crashed.
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

// bounded reports whether any of the cells was held to bounds: without them there is no goodput.
func bounded(cells []*summary.Cell) bool {
	return slices.ContainsFunc(cells, func(c *summary.Cell) bool { return len(c.Values("goodput")) > 0 || len(c.Notes("goodput")) > 0 })
}

// middle is the launch whose throughput is the median of the cell's, nil without launches.
func middle(c *summary.Cell) *summary.Attempt {
	all := slices.Clone(c.Launches)
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *summary.Attempt) int {
		return cmp.Compare(number(a, "output_throughput"), number(b, "output_throughput"))
	})
	return all[(len(all)-1)/2]
}

func number(a *summary.Attempt, column string) float64 {
	if v := a.Number(column); v != nil {
		return *v
	}
	return math.Inf(-1)
}

// largest are each contender's largest batch of those that are asked for.
// Cells stand by batch size within a contender, so the last is the largest.
func (g *group) largest(wanted func(*summary.Cell) bool) []*summary.Cell {
	var out []*summary.Cell
	for _, name := range g.contenders {
		for _, c := range slices.Backward(g.cells) {
			if g.name[c] == name && wanted(c) {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

// mostSeries is how many lines a chart can hold and still be read.
// There are as many colours, markers and dashes in package chart.
const mostSeries = 8

// firstOf are as many as a chart draws, and what a note ends with where these are not all.
func firstOf[T any](all []T) ([]T, string) {
	if len(all) <= mostSeries {
		return all, ""
	}
	return all[:mostSeries], fmt.Sprintf(" Drawn are the first %d of %d.", mostSeries, len(all))
}

// startsOf are one cell a contender, that of the largest batch: the batch does not change a load.
func startsOf(g *group) []*summary.Cell {
	return g.largest(func(c *summary.Cell) bool { return c.Estimate("load_s").Known() })
}

// cut shortens a line for a table.
func cut(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// missing is the dash of a figure that nobody has, with the reason.
func missing(why string) Value { return Value{Text: "–", Tone: "missing", Why: why} }

// figureOf is a figure, or the dash of one that nobody told.
func figureOf(v *float64, f writer, why string) Value {
	if v == nil {
		return missing(why)
	}
	return Value{Text: f(*v)}
}

// estimated is figureOf for a median over launches, with its interval.
func estimated(e stats.Estimate, f writer, why string) Value {
	if !e.Known() {
		return missing(why)
	}
	return Value{Text: f(e.Median), Detail: interval(e, f)}
}

func floats(sizes []int64) []float64 {
	out := make([]float64, len(sizes))
	for i, s := range sizes {
		out[i] = float64(s)
	}
	return out
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}
