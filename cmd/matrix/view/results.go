package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/summary"
	"matrix/runner/plan"
)

// ResultTable prints what an experiment's results say, as the report reads them.
// Nothing where no cell of the plan has an attempt.
func ResultTable(out *Printer, p *plan.Plan, set *summary.Set) {
	rows := latest(p.Items, set)
	if len(rows) == 0 {
		return
	}
	title := out.Style.Bold(p.Experiment)
	if same := fixed(rows); same != "" {
		title += out.Style.Dot() + same
	}
	fmt.Fprintf(out, "\n%s\n", title)
	writeResults(out, out.Style, out.Width(), rows)
}

// resultRow is a row of the result table: a cell of the plan, and what the results hold of it.
type resultRow struct {
	cell  *cell.Cell    // as the plan has it
	of    *summary.Cell // as the tree has it
	older bool          // the results are of what the cell was before a change
}

// latest are the cells that have results, in order; which of them count is the summary's to say.
func latest(items []*plan.Item, set *summary.Set) []resultRow {
	byAddress := map[string]*summary.Cell{}
	for _, c := range set.Cells {
		byAddress[c.Address] = c
	}
	var rows []resultRow
	for _, item := range items {
		if of := byAddress[item.Cell.Address]; of != nil && len(of.Attempts) > 0 {
			rows = append(rows, resultRow{item.Cell, of, of.Identity != item.Identity.Hash})
		}
	}
	return rows
}

// others are the attempts that ended otherwise than complete.
func (m resultRow) others() []*summary.Attempt {
	return slices.DeleteFunc(slices.Clone(m.of.Attempts), func(a *summary.Attempt) bool { return a.Status == record.Complete })
}

// resultColumns of the table: title, column of run.parquet, format ("" = a share).
var resultColumns = []struct{ title, column, format string }{
	{"load s", "load_s", "%.1f"},
	{"batch s", "batch_s", "%.1f"},
	{"out tok/s", "output_throughput", "%.1f"},
	{"req/s", "request_throughput", "%.2f"},
	{"success", "success_rate", ""},
	{"valid/h", record.MetricValidPerHour, "%.0f"},
	{"TTFT p50 s", "ttft_p50_s", "%.3f"},
	{"TPOT p50 s", "tpot_p50_s", "%.4f"},
	{"CPU cores", "cpu_cores_mean", "%.2f"},
}

// spareResults go first on a narrow terminal; how many came through is what matters most.
var spareResults = spareColumns{soon: []string{"CPU cores", "TPOT p50 s", "TTFT p50 s", "batch s", "req/s"}, last: []string{"load s", "out tok/s", "valid/h", "success"}}

// writeResults draws the table of what was measured, with as many columns as fit.
func writeResults(out io.Writer, s Style, width int, rows []resultRow) {
	drawn, hidden := resultTable(s, rows, width)
	fmt.Fprintln(out, drawn)
	var missing []string
	for _, c := range resultColumns {
		if slices.Contains(hidden, c.title) {
			missing = append(missing, c.title)
		}
	}
	simulated, queued, beside, shared, older := false, false, false, false, false
	for _, m := range rows {
		beside, shared = beside || m.beside() != "", shared || m.shared() != ""
		simulated, older = simulated || m.of.Simulated, older || m.older
		queued = queued || m.cell.Load.Mode == "batch" && len(m.of.Launches) > 0
	}
	var notes []string
	if len(missing) > 0 {
		notes = append(notes, s.Dim("Too narrow here for "+strings.Join(missing, ", ")+"; run.parquet has all."))
	} else if queued {
		notes = append(notes, s.Dim("* includes waiting in the batch: do not rank it against a closed load's."))
	}
	if beside {
		notes = append(notes, s.Warn("+ ran beside other launches on this machine: they may have slowed each other down."))
	}
	if shared {
		notes = append(notes, s.Warn("= shared its server with other cells: no load time of its own, and what they left in it may tell."))
	}
	if older {
		notes = append(notes, s.Warn("(before a change): the cell was measured so before the files said what they say now; matrix plan tells the difference."))
	}
	if simulated {
		notes = append(notes, s.Warn(SimulatedBanner))
	}
	for _, note := range notes {
		fmt.Fprintln(out, Fold(note, width))
	}
}

// varying are the axes that tell the rows apart; the others would only cost width. One row shows all.
func varying(rows []resultRow) (axes []int) {
	first := rows[0].cell.Axes
	for i, a := range first {
		// a single row has nothing to be fixed against
		differs := len(rows) == 1
		for _, m := range rows {
			differs = differs || i >= len(m.cell.Axes) || m.cell.Axes[i].Label != a.Label
		}
		if differs {
			axes = append(axes, i)
		}
	}
	return axes
}

// fixed says what all rows have in common: "model gemma3, batch_size 10".
func fixed(rows []resultRow) string {
	var parts []string
	kept := varying(rows)
	for i, a := range rows[0].cell.Axes {
		if !slices.Contains(kept, i) {
			parts = append(parts, a.Name+" "+a.Label)
		}
	}
	return strings.Join(parts, ", ")
}

// resultTable is the table with the columns that fit; hidden are those of spareResults that do not.
func resultTable(s Style, rows []resultRow, width int) (drawn string, hidden []string) {
	axes := varying(rows)
	head, right := []string{}, []string{"batch"}
	for _, i := range axes {
		name := rows[0].cell.Axes[i].Name
		if name == "batch_size" {
			name = "batch"
		}
		head = append(head, name)
	}
	head = append(head, "launches")
	for _, c := range resultColumns {
		head, right = append(head, c.title), append(right, c.title)
	}
	t := newTable(s, head)
	for _, m := range rows {
		t.AppendRow(m.row(axes))
	}
	return fitted(t, head, right, spareResults, width)
}

// row is as the table has it.
func (m resultRow) row(axes []int) table.Row {
	row := table.Row{}
	for _, i := range axes {
		label := ""
		if i < len(m.cell.Axes) {
			label = m.cell.Axes[i].Label
		}
		row = append(row, label)
	}
	row = append(row, m.launches())
	for _, c := range resultColumns {
		e := m.of.Estimate(c.column)
		x := e.Median
		switch {
		case !e.Known():
			row = append(row, "-")
		case c.format == "":
			row = append(row, format.Percent(x))
		case c.column == "ttft_p50_s" && m.cell.Load.Mode == "batch":
			row = append(row, fmt.Sprintf(c.format, x)+"*")
		default:
			row = append(row, fmt.Sprintf(c.format, x))
		}
	}
	return row
}

// launches writes "3/3", "0/1 engine failed": what did not end well is said while a launch is missing for it, and always
// of an engine that failed: that is a result.
// More launches than are asked for are counted as they are: 4/3.
func (m resultRow) launches() string {
	text := fmt.Sprintf("%d/%d%s%s", len(m.of.Launches), m.cell.Launches, m.beside(), m.shared())
	if in := m.of.InSegments(); in != "" && len(m.of.Launches) == 1 {
		text += " in " + format.Count(m.of.Launches[0].Segments, "segment")
	} else if in != "" {
		text += " (" + in + ")"
	}
	if m.older {
		text += " (before a change)"
	}
	others := m.others()
	if len(others) == 0 {
		return text
	}
	// the newest of them
	last := others[len(others)-1]
	if len(m.of.Launches) >= m.cell.Launches && last.Status != record.EngineFailed && last.Status != record.Censored {
		return text
	}
	return text + " " + strings.ReplaceAll(last.Status, "_", " ")
}

// beside marks a cell that was measured while other launches ran.
func (m resultRow) beside() string {
	return flagged(m.of.Launches, func(a *summary.Attempt) bool { return a.Neighbours > 0 }, "+")
}

// shared marks a cell that was measured on a server of several cells.
func (m resultRow) shared() string {
	return flagged(m.of.Launches, func(a *summary.Attempt) bool { return a.Server == "group" }, "=")
}

// flagged is the mark where any launch is so: one is enough to doubt the median.
func flagged(launches []*summary.Attempt, is func(*summary.Attempt) bool, mark string) string {
	if slices.ContainsFunc(launches, is) {
		return mark
	}
	return ""
}
