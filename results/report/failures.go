package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/results"
	"matrix/results/record"
	"matrix/results/summary"
)

// failures tells what did not end well: launches first, then requests. A crash is evidence.
func (m *maker) failures() (Section, error) {
	s := Section{ID: "failures", Title: "Failures"}
	launches := &Table{Caption: "Launches that did not end complete", Columns: []Column{{Title: "Cell"}, {Title: "Launch", Numeric: true}, {Title: "Ended"}, {Title: "Reason"}, {Title: "Answered before", Numeric: true}}}
	requests := &Table{Caption: "Requests that were not answered, by class", Columns: []Column{{Title: "Cell"}, {Title: "Attempt"}, {Title: "Class"}, {Title: "Requests", Numeric: true}, {Title: "An example"}}}
	for _, c := range m.Set.Cells {
		for _, a := range c.Attempts {
			if a.Status != record.Complete {
				launches.Rows = append(launches.Rows, Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: fmt.Sprint(a.Launch)},
					{Text: strings.ReplaceAll(a.Status, "_", " "), Tone: "warn"}, {Text: a.Reason}, {Text: fmt.Sprintf("%s of %s", whole(float64(a.OK)), whole(float64(a.Planned)))}}})
			}
			rows, err := classesOf(c, a)
			if err != nil {
				return s, err
			}
			requests.Rows = append(requests.Rows, rows...)
		}
	}
	if len(launches.Rows)+len(requests.Rows) == 0 {
		if _, launches, _ := m.counts(); launches > 0 {
			s.Blocks = append(s.Blocks, para(fmt.Sprintf("None in %s: every attempt ended complete, and every request was answered. That bounds the failure rate, it does not make it zero; the comparison has the bound beside each rate.", counted(launches, "launch"))))
		}
		return s, nil
	}
	for _, t := range []*Table{launches, requests} {
		if len(t.Rows) > 0 {
			s.Blocks = append(s.Blocks, table(t))
		}
	}
	return s, nil
}

// classesOf groups the unanswered requests of an attempt; its rows are read only where the manifest tells of any.
func classesOf(c *summary.Cell, a *summary.Attempt) ([]Row, error) {
	if a.OK >= a.Planned {
		return nil, nil
	}
	if a.Lacks("requests") {
		return []Row{{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: a.Attempt}, {Text: "not told", Tone: "warn"},
			{Text: whole(float64(a.Planned - a.OK))}, {Text: "requests.parquet is not there"}}}}, nil
	}
	type class struct {
		n       int
		example string
	}
	found := map[string]*class{}
	err := results.ReadRequestColumns(a.Dir, []string{"phase", "status", "error_class", "error"}, func(r record.RequestRow) error {
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
		found[name].example = cmp.Or(found[name].example, r.Error)
		return nil
	})
	if err != nil && !errors.Is(err, results.ErrCorrupt) {
		return nil, fmt.Errorf("read the requests of %s: %w", c.Name, err)
	}
	var rows []Row
	for _, name := range slices.Sorted(maps.Keys(found)) {
		rows = append(rows, Row{Values: []Value{{Text: c.Name, Anchor: anchor(c)}, {Text: a.Attempt}, {Text: name, Tone: "warn"},
			{Text: whole(float64(found[name].n))}, {Text: cut(found[name].example, 160)}}})
	}
	return rows, nil
}

// cut shortens a line for a table.
func cut(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
