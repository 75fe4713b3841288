package view

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/exchange"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/summary"
)

// History is a metric of some cells over the versions that they were measured with.
// Add the cells, then draw.
type History struct {
	Metric record.Metric
	cells  []cellHistory
}

// cellHistory is one cell over time, cut where what it measures changed.
type cellHistory struct {
	cell *summary.Cell
	eras []era
}

// era is one line: launches between two changes.
type era struct {
	cell     *summary.Cell
	value    stats.Estimate
	ratio    stats.Ratio // over the line before; unknown for the first
	changed  []summary.Difference
	from, to time.Time
}

// Add appends a cell with its eras, oldest first. Their launches are alike but for what changed, so that their spread is
// pooled where they are few.
func (h *History) Add(c *summary.Cell, cells []*summary.Cell) {
	// pooled among the eras of this cell, not over the tree
	all := &summary.Set{Cells: cells}
	var eras []era
	for i, one := range cells {
		e := era{cell: one, value: all.Estimate(one, h.Metric.Name)}
		if i > 0 {
			e.ratio = all.Ratio(one, cells[i-1], h.Metric.Name)
			e.changed = summary.Unlike(cells[i-1], one)
		}
		for _, a := range one.Launches {
			if e.from.IsZero() || a.Began.Before(e.from) {
				e.from = a.Began
			}
			if a.Ended.After(e.to) {
				e.to = a.Ended
			}
		}
		eras = append(eras, e)
	}
	h.cells = append(h.cells, cellHistory{c, eras})
}

// Draw prints a table a cell, and below them how the intervals came about.
func (h *History) Draw(out *Printer) {
	simulated, methods, width := false, map[string]bool{}, out.Width()
	say := func(line string) { fmt.Fprintln(out, Fold(line, width)) }
	for _, c := range h.cells {
		simulated = simulated || c.cell.Simulated
		fmt.Fprintf(out, "%s%s%s\n", out.Style.Bold(c.cell.Name), out.Style.Dot(), c.cell.Experiment)
		drawn, notes := h.fitted(c, out.Style, width)
		fmt.Fprintln(out, drawn)
		for i, note := range notes {
			say(fmt.Sprintf("[%d] %s", i+1, note))
		}
		fmt.Fprintln(out)
		for _, e := range c.eras {
			methods[e.value.Method], methods[e.ratio.Method] = true, true
		}
	}
	sayMethods(methods, say)
	if simulated {
		fmt.Fprintln(out, out.Style.Warn(Fold(SimulatedBanner, width)))
	}
}

// fitted is a cell's table in so many columns, 0 for any: where it is wider, what changed goes into notes, and what can be done
// without goes.
func (h *History) fitted(c cellHistory, s Style, width int) (drawn string, notes []string) {
	t, head := h.table(c, s, nil)
	if drawn = columned(t, head, nil, nil, 0); !tooWide(drawn, width) {
		return drawn, nil
	}
	foot := &footnotes{}
	t, head = h.table(c, s, foot)
	drawn, _ = fitted(t, head, nil, spareColumns{soon: []string{"spread", "n", "measured"}, last: []string{"interval"}}, width)
	return drawn, foot.texts
}

// table is a cell's, a line for each version or setting. With foot it is a narrow one: what changed goes there, and of the engine
// its version is told.
func (h *History) table(c cellHistory, s Style, foot *footnotes) (t table.Writer, head []string) {
	last := "changed"
	if foot != nil {
		last = "note"
	}
	head = []string{"measured", "engine", h.Metric.Name, "spread", "n", "to before", "interval", last}
	t = newTable(s, head)
	plain := func(x float64) string { return fmt.Sprintf("%.3g", x) }
	in := func(x float64) string { return withUnit(x, h.Metric) }
	for _, e := range c.eras {
		run, ratio, interval, disturbed := e.cell.First().Run(), "", "", e.cell.Disturbed()
		if e.ratio.Known() {
			ratio, interval = plain(e.ratio.Median), between(e.ratio.Estimate, plain)
			if e.ratio.Sure() && (e.ratio.High < 1 || e.ratio.Low > 1) && disturbed == "" {
				// shown by launches that nothing disturbed: the interval leaves 1 out
				ratio = s.Bold(ratio)
			}
		}
		engine, changed := strings.TrimSpace(run.Engine.Name+" "+run.Engine.Version), changes(e.changed)
		if disturbed != "" {
			changed = strings.TrimPrefix(changed+"; "+disturbed, "; ")
		}
		if foot != nil {
			engine = cmp.Or(run.Engine.Version, engine)
		}
		if foot != nil && changed != "" {
			changed = foot.mark(changed)
		}
		t.AppendRow(table.Row{days(e.from, e.to), engine, point(e.value, in), between(e.value, in), e.value.N, ratio, interval, changed})
	}
	return t, head
}

// days are of the reader's own zone.
func days(from, to time.Time) string {
	first, last := from.Local().Format(time.DateOnly), to.Local().Format(time.DateOnly)
	if first == last {
		return first
	}
	return first + " to " + last
}

// changes are what an era differs in from the one before, the first six.
func changes(differences []summary.Difference) string {
	words := make([]string, len(differences))
	for i, d := range differences {
		words[i] = d.Aspect + ": " + d.A + " → " + d.B
	}
	return format.Some(words, 6)
}

// Records writes one record an era.
// Ratio is null for the first era of a cell.
func (h *History) Records(out *Printer) {
	out.Begin()
	for _, c := range h.cells {
		for _, e := range c.eras {
			a := e.cell.First()
			out.Record(ndjson.Era{Experiment: c.cell.Experiment, Cell: c.cell.Name, Identity: e.cell.Identity, Metric: h.Metric.Name, Unit: h.Metric.Unit, From: e.from, To: e.to,
				Engine: a.Run().Engine.Name, Version: a.Run().Engine.Version, Driver: a.Run().Machine.Driver, Value: estimateRecord(e.value),
				Ratio: estimateRecord(e.ratio.Estimate), Changed: differences(e.changed), Disturbed: e.cell.Disturbed(), Simulated: c.cell.Simulated})
		}
	}
}

// Points are the launches, oldest first.
// Cell by cell; a launch without the metric has a nil value.
func (h *History) Points() (all []exchange.Point) {
	for _, c := range h.cells {
		for _, e := range c.eras {
			for _, a := range e.cell.Launches {
				run := a.Run()
				all = append(all, exchange.Point{Began: a.Began, Experiment: c.cell.Experiment, Cell: c.cell.Name, Identity: e.cell.Identity, Launch: a.Launch, Attempt: a.Attempt,
					Engine: run.Engine.Name, EngineVersion: run.Engine.Version, Driver: run.Machine.Driver, Value: a.Number(h.Metric.Name)})
			}
		}
	}
	return all
}

// GoBench writes a line a launch as `go test -bench` does, each version under its configuration: benchstat tells them apart
// by -col engine-version.
func (h *History) GoBench(out io.Writer) error {
	better := "lower"
	if record.MoreIsBetter(h.Metric.Name) {
		better = "higher"
	}
	var b strings.Builder
	// or benchstat would not know which way is an improvement
	fmt.Fprintf(&b, "Unit %s better=%s\n", h.Metric.Name, better)
	for _, c := range h.cells {
		for _, e := range c.eras {
			run := e.cell.First().Run()
			for _, line := range [][2]string{{"experiment", c.cell.Experiment}, {"engine", run.Engine.Name}, {"engine-version", run.Engine.Version}, {"gpu-driver", run.Machine.Driver}, {"identity", e.cell.Identity}} {
				fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
			}
			for _, a := range e.cell.Launches {
				if x := a.Number(h.Metric.Name); x != nil {
					name := strings.Join(strings.Fields(c.cell.Name), "_")
					fmt.Fprintf(&b, "Benchmark%s%s 1 %g %s\n", strings.ToUpper(name[:1]), name[1:], *x, h.Metric.Name)
				}
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
