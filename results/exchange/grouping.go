package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// grouping makes sets of records by the labels that they carry.
type grouping struct {
	m     Map               // of the user
	sets  map[Labels]*Set   // by what their records say of platform, model, size and launch
	used  map[string]bool   // columns that some record had
	read  map[string]int    // column → numbers read
	lost  map[string]int    // column → values that are none
	first map[string]string // column → the first of them
	words map[string]int    // statuses that nobody knows
	parse func(text string) (float64, error)
	notes []string
}

// newGrouping begins with no set: they come with the records.
func newGrouping(m Map) *grouping {
	return &grouping{m: m, sets: map[Labels]*Set{}, used: map[string]bool{}, read: map[string]int{}, lost: map[string]int{}, first: map[string]string{},
		words: map[string]int{}, parse: parseNumber}
}

var errNoMap = errors.New("--map is needed: it says which field is which column, as in --map output_tokens=usage.completion_tokens; matrix import --help lists the columns")

// misread books a value that is not what its column needs; why is "" where it is.
// The first one is kept as an example; a thousand of them are one warning.
func (g *grouping) misread(column, why string) {
	if why == "" {
		return
	}
	if g.lost[column]++; g.lost[column] == 1 {
		g.first[column] = why
	}
}

// add books one record. The error is of a label: without it nobody knows where the record belongs, so it is left out.
func (g *grouping) add(r fields) error {
	row := mapped{g: g, r: r}
	labels := Labels{Platform: labelOf(row.text("platform")), Model: labelOf(row.text("model")), BatchSize: row.whole("batch_size"), Launch: row.whole("launch")}
	if row.err == nil {
		row.err = labels.check()
	}
	if row.err != nil {
		return row.err
	}
	s := g.sets[labels]
	if s == nil {
		s = newSet()
		s.Labels = labels
		g.sets[labels] = s
	}
	s.Requests = append(s.Requests, row.request(int64(len(s.Requests))))
	return nil
}

// done returns the sets in a fixed order. A mapped field that no record has is a mistake of the map, and so is one that
// no record has a number in.
// err is that of the reading, and is passed on.
func (g *grouping) done(note string, err error) ([]*Set, error) {
	if err != nil {
		return nil, err
	}
	for _, column := range sorted(g.m) {
		if !g.used[column] {
			return nil, fmt.Errorf("--map %s=%s: no record has a field %q", column, g.m[column].Path, g.m[column].Path)
		}
		if g.lost[column] > 0 && g.read[column] == 0 {
			return nil, errors.New(g.first[column])
		}
	}
	// The order decides the numbers of launches, so it must not be a map's.
	all := slices.SortedFunc(maps.Values(g.sets), func(a, b *Set) int {
		return cmp.Or(cmp.Compare(a.Labels.Platform, b.Labels.Platform), cmp.Compare(a.Labels.Model, b.Labels.Model),
			cmp.Compare(a.Labels.BatchSize, b.Labels.BatchSize), cmp.Compare(a.Labels.Launch, b.Labels.Launch))
	})
	for _, s := range all {
		g.say(s, note)
	}
	return all, nil
}

// say tells a set what its file did not say, or said oddly.
// Notes are the file's, so each of its sets has them.
func (g *grouping) say(s *Set, note string) {
	for _, text := range append([]string{note}, g.notes...) {
		if text != "" {
			s.warn("%s", text)
		}
	}
	for _, column := range sorted(g.lost) {
		s.warn("%d of %d values of %s are null: the first, %s", g.lost[column], g.lost[column]+g.read[column], column, g.first[column])
	}
	if len(g.words) > 0 {
		s.warn("these statuses are not known, and taken for failures: %s", strings.Join(sorted(g.words), ", "))
	}
	// Every row would else be ok, and the success rate 100%, for nobody said otherwise.
	if !g.used["status"] && !g.used["error"] && !g.used["http_status"] && !g.used["finish_reason"] {
		const why = "imported: how the requests ended was not recorded (no status is mapped)"
		for _, name := range []string{"success_rate", "success_rate_low95", "requests_ok", "requests_failed"} {
			s.Untold[name] = why
		}
		s.warn("how the requests ended was not recorded (map status, error or http_status): no success rate")
	}
}
