package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/summary"
	"matrix/results/table"
)

// failures tells what did not end well: launches first, then requests. A crash is evidence.
// A launch that crashed is never left out as an outlier: that an engine falls over at a size is what the reader must
// know.
func (m *maker) failures() (Section, error) {
	s := Section{ID: "failures", Title: "Failures"}
	// "Answered before" is what a crash left behind: those rows were committed all the same.
	launches := &Table{Caption: "Launches that did not end complete", Columns: []Column{{Title: "Cell"}, {Title: "Launch", Numeric: true}, {Title: "Ended"}, {Title: "Reason"}, {Title: "Answered before", Numeric: true}}}
	requests := &Table{Caption: "Requests that were not answered, by class", Columns: []Column{{Title: "Cell"}, {Title: "Attempt"}, {Title: "Class"}, {Title: "Requests", Numeric: true}, {Title: "An example"}}}
	times := map[string][]float64{} // class → when, in seconds since the measured phase began
	for _, c := range m.Set.Cells {
		for _, a := range c.Attempts {
			if a.Status != record.Complete {
				launches.Rows = append(launches.Rows, Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: fmt.Sprint(a.Launch)},
					{Text: strings.ReplaceAll(a.Status, "_", " "), Tone: "warn"}, {Text: a.Reason}, {Text: fmt.Sprintf("%s of %s", whole(float64(a.OK)), whole(float64(a.Planned)))}}})
			}
			rows, err := classesOf(c, a, times)
			if err != nil {
				return s, err
			}
			requests.Rows = append(requests.Rows, rows...)
		}
	}
	if len(launches.Rows)+len(requests.Rows) == 0 {
		// No failure among n is not a rate of 0: the bound belongs to the sentence.
		if _, launches, _ := m.counts(); launches > 0 {
			s.Blocks = append(s.Blocks, para(fmt.Sprintf("None in %s: every attempt ended complete, and every request was answered. That bounds the failure rate, it does not make it zero; the comparison has the bound beside each rate.", counted(launches, "launch"))))
		}
		return s, nil
	}
	if f := overTime(times); f != nil {
		s.Blocks = append(s.Blocks, Block{Figure: f})
	}
	for _, t := range []*Table{launches, requests} {
		if len(t.Rows) > 0 {
			s.Blocks = append(s.Blocks, openTable(t))
		}
	}
	return s, nil
}

// classesOf groups the unanswered requests of an attempt; its rows are read only where the manifest tells of any.
// A damaged table gives what could be read of it: its attempt is told as damaged elsewhere.
func classesOf(c *summary.Cell, a *summary.Attempt, times map[string][]float64) ([]Row, error) {
	if a.OK >= a.Planned {
		return nil, nil
	}
	// The manifest knows how many failed even where the rows were not kept.
	if a.Lacks("requests") {
		return []Row{{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: a.Attempt}, {Text: "not told", Tone: "warn"},
			{Text: whole(float64(a.Planned - a.OK))}, {Text: "requests.parquet is not there"}}}}, nil
	}
	type class struct {
		n       int
		example string
	}
	found := map[string]*class{}
	err := table.ReadRequestColumns(a.Dir, []string{"phase", "status", "error_class", "error", "sent_s", "done_s"}, func(r record.RequestRow) error {
		if r.Phase != "measure" || r.Status == "ok" {
			return nil
		}
		name := strings.ReplaceAll(r.Status, "_", " ")
		if r.ErrorClass != "" {
			name += ", " + r.ErrorClass
		}
		if found[name] == nil {
			found[name] = &class{}
		}
		found[name].n++
		// A cancelled one tells when we stopped, not when the engine failed: it is counted, and in no curve.
		if at := cmp.Or(r.DoneS, r.SentS); at != nil && r.Status != "canceled" {
			times[name] = append(times[name], *at)
		}
		// The first text stands for its class: messages hold ids and addresses that differ in each.
		found[name].example = cmp.Or(found[name].example, r.Error)
		return nil
	})
	if err != nil && !errors.Is(err, table.ErrCorrupt) {
		return nil, fmt.Errorf("read the requests of %s: %w", c.Name, err)
	}
	var rows []Row
	for _, name := range slices.Sorted(maps.Keys(found)) {
		rows = append(rows, Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: a.Attempt}, {Text: name, Tone: "warn"},
			{Text: whole(float64(found[name].n))}, {Text: cut(found[name].example, 160)}}})
	}
	return rows, nil
}

// overTime is how many requests had failed by then, a line a class, over all attempts; nil where nobody knows when.
// Each failure is two points, a step: between failures the count stands still, and must not look like a slope.
func overTime(times map[string][]float64) *Figure {
	f := &Figure{ID: "failures-over-time", Title: "Failures over time", Note: "Over all attempts together."}
	var series []chart.Series
	var words []string
	for i, class := range slices.Sorted(maps.Keys(times)) {
		at := times[class]
		slices.Sort(at)
		line := chart.Series{Name: class, Slot: i}
		// A class of thousands is thinned; the last step stays, for it is the total.
		every := max(1, len(at)/mostPoints)
		for k, t := range at {
			if k%every == 0 || k == len(at)-1 {
				line.Points = append(line.Points, chart.Point{X: t, Y: float64(k)}, chart.Point{X: t, Y: float64(k + 1)})
			}
		}
		// Three places answer the mouse: one on every step would be one on another.
		for _, k := range []int{0, len(at) / 2, len(at) - 1} {
			line.Tips = append(line.Tips, chart.Point{X: at[k], Y: float64(k + 1), Note: fmt.Sprintf("%s\n%s so far at %s s", class, whole(float64(k+1)), three(at[k]))})
		}
		words = append(words, fmt.Sprintf("%s: %s, the first at %s s, the last at %s s", class, whole(float64(len(at))), three(at[0]), three(at[len(at)-1])))
		series = append(series, line)
	}
	if len(series) == 0 {
		return nil
	}
	series, not := firstOf(series)
	f.Note += not
	f.Alt = "Failures so far by class. " + strings.Join(words, "; ") + "."
	f.Chart = chart.Plot{Title: f.Alt, X: chart.Axis{Label: "seconds since the measured phase began", Zero: true}, Y: chart.Axis{Label: "requests that failed so far", Zero: true}, Series: series}
	return f
}
