package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/summary/summarytest"
)

// TestHistory: a cell that was measured with three versions has a chart of them; one that was not has none.
func TestHistory(t *testing.T) {
	era := func(version string, scales ...float64) (out []summarytest.Launch) {
		for i, scale := range scales {
			out = append(out, summarytest.Launch{Number: i + 1, Identity: "with " + version, Scale: scale, Run: func(r *record.Run) { r.Engine.Version = version }})
		}
		return out
	}
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "serve", Size: 20, Launches: slices.Concat(era("1.0", 1, 1.02), era("1.1", 1.01, 1), era("1.2", 2, 2.1, 2))},
		summarytest.Cell{Platform: "other", Size: 20, Launches: era("3", 1)})
	doc := build(t, root, nil)
	i := slices.IndexFunc(doc.Sections, func(s Section) bool { return s.ID == "history" })
	if i < 0 {
		t.Fatal("there is no history")
	}
	s := doc.Sections[i]
	if len(s.Blocks) != 1 || !s.Folded {
		t.Fatalf("%d blocks, folded %t; want one chart, folded", len(s.Blocks), s.Folded)
	}
	p := s.Blocks[0].Figure.Chart.(chart.Plot)
	var got []string
	for _, line := range p.Series {
		got = append(got, fmt.Sprintf("%s at %g, %d launches", line.Name, line.Points[0].X, len(line.Points)))
	}
	for _, mark := range p.Marks {
		got = append(got, fmt.Sprintf("%g %s", mark.X, mark.Label))
	}
	want := "1: serve 1.0, driver 580.1 at 1, 2 launches\n2: serve 1.1, driver 580.1 at 3, 2 launches\n3: serve 1.2, driver 580.1 at 5, 3 launches\n2.5 2\n4.5 3"
	if strings.Join(got, "\n") != want {
		t.Errorf("drawn is\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	svg := p.SVG(chart.Style{})
	if !strings.Contains(svg, "3: serve 1.2") || !strings.HasPrefix(svg, "<svg") {
		t.Errorf("the drawing lacks its marks: %.200s", svg)
	}
}
