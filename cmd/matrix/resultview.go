package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"matrix/experiments"
	"matrix/results"
)

// measured is what the result table says of one cell: the median of its complete launches.
type measured struct {
	cell      *experiments.Cell
	complete  []results.Past
	others    int // attempts that ended otherwise
	simulated bool
}

// latest picks, for each cell in order, its attempts with the cell's present identity.
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
				m.complete = append(m.complete, p)
				m.simulated = m.simulated || p.Simulated
			default:
				m.others++
			}
		}
		if len(m.complete)+m.others > 0 {
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
	slices.SortFunc(all, cmp.Compare)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2, true
}

// resultColumns of the table: title, column of run.parquet, format.
var resultColumns = []struct{ title, column, format string }{
	{"load s", "load_s", "%.1f"},
	{"batch s", "batch_s", "%.1f"},
	{"out tok/s", "output_throughput", "%.1f"},
	{"req/s", "request_throughput", "%.2f"},
	{"success", "success_rate", "%.4g"},
	{"TTFT p50 s", "ttft_p50_s", "%.3f"},
	{"TPOT p50 s", "tpot_p50_s", "%.4f"},
	{"CPU cores", "cpu_cores_mean", "%.2f"},
}

// writeResults draws the table of what was measured.
func writeResults(out io.Writer, s style, width int, rows []measured) {
	if len(rows) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetOutputMirror(out)
	head := table.Row{}
	configs := []table.ColumnConfig{}
	for _, a := range rows[0].cell.Axes {
		head = append(head, a.Name)
	}
	head = append(head, "launches")
	for _, c := range resultColumns {
		head = append(head, c.title)
		configs = append(configs, table.ColumnConfig{Name: c.title, Align: text.AlignRight})
	}
	t.AppendHeader(head)
	simulated, queued := false, false
	for _, m := range rows {
		simulated = simulated || m.simulated
		queued = queued || m.cell.Load.Mode == "batch"
		t.AppendRow(resultRow(m))
	}
	t.SetColumnConfigs(configs)
	t.SetStyle(tableStyle(s))
	if width > 0 {
		t.Style().Size.WidthMax = width
	}
	t.Render()
	if queued {
		fmt.Fprintln(out, s.dim("A batch's TTFT includes waiting in the batch: do not rank it against a closed load's."))
	}
	if simulated {
		fmt.Fprintln(out, s.warn(simulatedBanner))
	}
}

func resultRow(m measured) table.Row {
	row := table.Row{}
	for _, a := range m.cell.Axes {
		row = append(row, a.Label)
	}
	launches := fmt.Sprintf("%d of %d", len(m.complete), m.cell.Launches)
	if m.others > 0 {
		launches += fmt.Sprintf(" (%d other)", m.others)
	}
	row = append(row, launches)
	for _, c := range resultColumns {
		if x, ok := m.median(c.column); ok {
			row = append(row, fmt.Sprintf(c.format, x))
		} else {
			row = append(row, "-")
		}
	}
	return row
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
