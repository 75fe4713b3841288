package view

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/summary"
)

// TestHistoryFitsTheTerminal: in a narrow one what changed stands below the table, whole.
func TestHistoryFitsTheTerminal(t *testing.T) {
	cell := func() *summary.Cell { return &summary.Cell{Launches: []*summary.Attempt{{}}} }
	spread := stats.Pool([]float64{100, 104}, []float64{50, 49, 51})
	x, y := []float64{12345.6, 12001.2}, []float64{6001.2, 5999.1}
	upgrade := summary.Difference{Aspect: "packages.xllamacpp", A: "2026.9.11063", B: "2026.10.11549"}
	h := History{Metric: record.Metric{Name: "output_throughput", Unit: "tokens/s"}}
	c := cellHistory{cell: cell(), eras: []era{{cell: cell(), value: stats.OfPooled(x, spread)},
		{cell: cell(), value: stats.OfPooled(y, spread), ratio: stats.RatioOf(y, x, spread), changed: []summary.Difference{upgrade, {Aspect: "host", A: "a-machine-of-a-long-name", B: "another"}}}}}
	const changed = "packages.xllamacpp: 2026.9.11063 → 2026.10.11549, host: a-machine-of-a-long-name → another"
	for _, width := range []int{0, 80, 200} {
		drawn, notes := h.fitted(c, Style{}, width)
		for line := range strings.Lines(drawn) {
			if w := ansi.StringWidth(strings.TrimRight(line, "\n")); width > 0 && w > width {
				t.Errorf("%d columns in %d: %q", w, width, line)
			}
		}
		if narrow := width == 80; narrow != (len(notes) == 1 && strings.Join(strings.Fields(notes[0]), " ") == changed) || narrow == strings.Contains(drawn, upgrade.Aspect) {
			t.Errorf("at %d columns:\n%s\nnotes %q", width, drawn, notes)
		}
	}
}

// TestHistoryOfABusyMachine: a change that other programs may have made is drawn, and not as one that is sure.
func TestHistoryOfABusyMachine(t *testing.T) {
	spread := stats.Pool([]float64{100, 101}, []float64{50, 49, 51})
	x, y := []float64{100, 101}, []float64{50, 51}
	h := History{Metric: record.Metric{Name: "output_throughput", Unit: "tokens/s"}}
	colour := Style{Color: true}
	for busy, said := range map[float64]bool{0.63: true, 0.02: false} {
		launch := &summary.Attempt{}
		launch.Launch, launch.Summary = 2, map[string]float64{record.MetricForeignCPU: busy}
		now := &summary.Cell{Launches: []*summary.Attempt{launch}}
		drawn, _ := h.fitted(cellHistory{cell: now, eras: []era{{cell: now, value: stats.OfPooled(y, spread), ratio: stats.RatioOf(y, x, spread)}}}, colour, 0)
		if noted := strings.Contains(drawn, "other processes used up to 63% of the machine's processors in launch 2"); noted != said {
			t.Errorf("%.2f of the machine used by others: noted %v\n%s", busy, noted, drawn)
		}
		if bold := strings.Contains(drawn, "\x1b[1m"); bold == said {
			t.Errorf("%.2f of the machine used by others: bold %v\n%q", busy, bold, drawn)
		}
	}
}
