package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"matrix/experiments"
	"matrix/results"
	"matrix/results/stats"
)

// measured is what the result table says of one cell: the median of its complete launches.
type measured struct {
	cell      *experiments.Cell
	complete  []results.Past
	others    []results.Past // attempts that ended otherwise
	simulated bool
}

// latest picks, for each cell in order, its attempts with the cell's present identity; of a launch that was replaced the
// last complete one, as everywhere.
func latest(cells []*experiments.Cell, history []results.Past, identities map[string]string) []measured {
	byAddress := map[string][]results.Past{}
	for _, p := range history {
		byAddress[p.Address] = append(byAddress[p.Address], p)
	}
	var rows []measured
	for _, c := range cells {
		m := measured{cell: c}
		for _, p := range byAddress[c.Address] {
			switch {
			case p.Identity.Hash != identities[c.Address] || p.Tainted != "" || p.Problem != "":
			case p.Status == results.Complete:
				m.complete = append(slices.DeleteFunc(m.complete, func(q results.Past) bool { return q.Launch == p.Launch }), p)
				m.simulated = m.simulated || p.Simulated
			default:
				m.others = append(m.others, p)
			}
		}
		if len(m.complete)+len(m.others) > 0 {
			rows = append(rows, m)
		}
	}
	return rows
}

// median of one summary column over the complete launches; ok is false when none has it.
func (m measured) median(column string) (x float64, ok bool) {
	var all []float64
	for _, p := range m.complete {
		if v, has := p.Summary[column]; has {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	return stats.Median(all), true
}

// resultColumns of the table: title, column of run.parquet, format ("" = a share), and the order in which a narrow terminal loses them
// (highest first).
var resultColumns = []struct {
	title, column, format string
	dropped               int
}{
	{"load s", "load_s", "%.1f", 0},
	{"batch s", "batch_s", "%.1f", 2},
	{"out tok/s", "output_throughput", "%.1f", 0},
	{"req/s", "request_throughput", "%.2f", 1},
	{"success", "success_rate", "", 0},
	{"TTFT p50 s", "ttft_p50_s", "%.3f", 3},
	{"TPOT p50 s", "tpot_p50_s", "%.4f", 4},
	{"CPU cores", "cpu_cores_mean", "%.2f", 5},
}

// mostDropped is the highest rank among resultColumns.
const mostDropped = 5

// writeResults draws the table of what was measured, with as many columns as fit.
func writeResults(out io.Writer, s style, width int, rows []measured) {
	if len(rows) == 0 {
		return
	}
	axes := varying(rows)
	table, missing := "", []string(nil)
	for keep := mostDropped; ; keep-- {
		table = drawResults(s, rows, axes, keep)
		if head, _, _ := strings.Cut(table, "\n"); width <= 0 || keep == 0 || ansi.StringWidth(head) <= width {
			missing = dropped(keep)
			break
		}
	}
	fmt.Fprintln(out, table)
	simulated, queued, beside, shared := false, false, false, false
	for _, m := range rows {
		beside, shared = beside || m.beside() != "", shared || m.shared() != ""
		simulated = simulated || m.simulated
		queued = queued || m.cell.Load.Mode == "batch" && len(m.complete) > 0
	}
	var notes []string
	if len(missing) > 0 {
		notes = append(notes, s.dim("Too narrow here for "+strings.Join(missing, ", ")+"; run.parquet has all."))
	} else if queued {
		notes = append(notes, s.dim("* includes waiting in the batch: do not rank it against a closed load's."))
	}
	if beside {
		notes = append(notes, s.warn("+ ran beside other launches on this machine: they may have slowed each other down."))
	}
	if shared {
		notes = append(notes, s.warn("= shared its server with other cells: no load time of its own, and what they left in it may tell."))
	}
	if simulated {
		notes = append(notes, s.warn(simulatedBanner))
	}
	for _, note := range notes {
		fmt.Fprintln(out, fold(note, width))
	}
}

// varying are the axes that tell the rows apart; the others would only cost width. One row shows all.
func varying(rows []measured) (axes []int) {
	first := rows[0].cell.Axes
	for i, a := range first {
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
func fixed(rows []measured) string {
	var parts []string
	kept := varying(rows)
	for i, a := range rows[0].cell.Axes {
		if !slices.Contains(kept, i) {
			parts = append(parts, a.Name+" "+a.Label)
		}
	}
	return strings.Join(parts, ", ")
}

// dropped names the columns that a table of this rank leaves out.
func dropped(keep int) (titles []string) {
	for _, c := range resultColumns {
		if c.dropped > keep {
			titles = append(titles, c.title)
		}
	}
	return titles
}

func drawResults(s style, rows []measured, axes []int, keep int) string {
	t := table.NewWriter()
	head := table.Row{}
	var configs []table.ColumnConfig
	for _, i := range axes {
		name := rows[0].cell.Axes[i].Name
		if name == "batch_size" {
			name = "batch"
			configs = append(configs, table.ColumnConfig{Name: name, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
		head = append(head, name)
	}
	head = append(head, "launches")
	for _, c := range resultColumns {
		if c.dropped <= keep {
			head = append(head, c.title)
			configs = append(configs, table.ColumnConfig{Name: c.title, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.AppendHeader(head)
	for _, m := range rows {
		t.AppendRow(resultRow(m, axes, keep))
	}
	t.SetColumnConfigs(configs)
	t.SetStyle(tableStyle(s))
	return t.Render()
}

func resultRow(m measured, axes []int, keep int) table.Row {
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
		if c.dropped > keep {
			continue
		}
		x, ok := m.median(c.column)
		switch {
		case !ok:
			row = append(row, "-")
		case c.format == "":
			row = append(row, percent(x))
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
func (m measured) launches() string {
	text := fmt.Sprintf("%d/%d%s%s", len(m.complete), m.cell.Launches, m.beside(), m.shared())
	if len(m.others) == 0 {
		return text
	}
	last := m.others[len(m.others)-1]
	if len(m.complete) >= m.cell.Launches && last.Status != results.EngineFailed && last.Status != results.Censored {
		return text
	}
	return text + " " + strings.ReplaceAll(last.Status, "_", " ")
}

// beside marks a cell that was measured while other launches ran.
func (m measured) beside() string {
	return flagged(m.complete, func(p results.Past) bool { return p.Neighbours > 0 }, "+")
}

// shared marks a cell that was measured on a server of several cells.
func (m measured) shared() string {
	return flagged(m.complete, func(p results.Past) bool { return p.Server == "group" }, "=")
}

func flagged(past []results.Past, is func(results.Past) bool, mark string) string {
	if slices.ContainsFunc(past, is) {
		return mark
	}
	return ""
}

func tableStyle(s style) table.Style {
	look := table.StyleLight
	if s.ascii {
		look = table.StyleDefault
	}
	look.Format.Header = text.FormatDefault
	look.Options.DrawBorder = false
	look.Options.SeparateColumns = false
	return look
}
