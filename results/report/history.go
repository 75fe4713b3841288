package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/summary"
)

// mostHistories bounds the charts: of more cells, matrix history has the figures.
const mostHistories = 12

// histories are the cells that changed.
type histories struct{ *maker }

// section shows the throughput of cells that were measured with several versions or settings, launch by launch.
// Within an era launches may be averaged, over two of them they may not: see summary.Eras.
func (h histories) section() (Section, error) {
	m := h.maker
	s := Section{ID: "history", Title: "Before and after"}
	// cells beyond mostHistories
	left := 0
	for _, c := range m.Set.Cells {
		eras, err := m.Set.Eras(m.ctx, c)
		if err != nil {
			return s, err
		}
		// most cells have one: nothing changed
		if len(eras) < 2 {
			continue
		}
		if len(s.Blocks) == mostHistories {
			left++
			continue
		}
		p := eraPlot(eras)
		if len(p.Series) == 0 {
			continue
		}
		s.Blocks = append(s.Blocks, Block{Figure: &Figure{ID: slug("history", c.Experiment, c.Name), Title: c.Experiment + " · " + c.Name, Chart: p, Alt: p.Title, Source: links([]*summary.Cell{c}),
			Note: "A point a launch, oldest first, and a line a version or setting; what changed stands beside its number."}})
	}
	if left > 0 {
		s.Blocks = append(s.Blocks, Block{Text: plain(fmt.Sprintf("%d more cells were measured with several versions: matrix history lists all.", left))})
	}
	return s, nil
}

// eraPlot is a cell's output tokens a second over its launches.
// Launches are apart evenly, not by date: months without any would push the points together.
func eraPlot(eras []*summary.Cell) chart.Plot {
	p := chart.Plot{Title: "Output tokens a second over the launches of all versions.", X: chart.Axis{Label: "launch, oldest first"}, Y: chart.Axis{Label: "output tokens/s", Zero: true}}
	n := 0
	for i, era := range eras {
		run := era.First().Run()
		name := strings.TrimSpace(run.Engine.Name + " " + run.Engine.Version)
		if run.Machine.Driver != "" {
			name += ", driver " + run.Machine.Driver
		}
		line := chart.Series{Name: fmt.Sprintf("%d: %s", i+1, name), Slot: i, Marks: true}
		// by time: within an era the numbers of launches may begin anew
		launches := slices.Clone(era.Launches)
		slices.SortStableFunc(launches, func(a, b *summary.Attempt) int { return a.Began.Compare(b.Began) })
		for _, a := range launches {
			n++
			if v := a.Number(record.MetricOutputThroughput); v != nil {
				line.Points = append(line.Points, chart.Point{X: float64(n), Y: *v, Note: fmt.Sprintf("%s tokens/s, %s, %s", three(*v), name, a.Began.UTC().Format(time.DateOnly))})
			}
		}
		if len(line.Points) == 0 {
			continue
		}
		// half a step before its first launch: between the two versions. What changed is too long to stand there: labels
		// of three upgrades ran into each other
		if i > 0 {
			p.Marks = append(p.Marks, chart.Mark{X: line.Points[0].X - 0.5, Label: strconv.Itoa(i + 1)})
			line.Name += changed(eras[i-1], era, name)
		}
		p.Series = append(p.Series, line)
	}
	return p
}

// changed is what differs between two versions of a cell, in few words.
// The legend has room for one; matrix history tells all.
// What the name says already is left out.
func changed(before, after *summary.Cell, name string) string {
	d := slices.DeleteFunc(summary.Unlike(before, after), func(d summary.Difference) bool { return d.B != "" && strings.Contains(name, d.B) })
	switch len(d) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" (%s %s)", d[0].Aspect, d[0].B)
	}
	return fmt.Sprintf(" (%s %s, %d more)", d[0].Aspect, d[0].B, len(d)-1)
}
