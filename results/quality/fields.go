package quality

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/gonum/stat"

	"matrix/results/stats"
)

// Field is how far two cells agree on one field of their answers, over the prompts on which both have it.
type Field struct {
	Path  string `json:"path"` // a JSON pointer into the answer: "/score"
	N     int    `json:"n"`    // prompts
	Exact *Share `json:"exact"`
	// Kappa is Cohen's: agreement beyond what the two cells' own habits would give. Of choices; nil of scores, and where both
	// only ever say one thing.
	Kappa *float64 `json:"kappa"`
	// Score says how numbers differ; nil of choices.
	Score *Differences `json:"score"`
}

// Differences of two scores of the same prompts, B − A.
type Differences struct {
	MeanAbsolute float64  `json:"mean_absolute"`
	Bias         float64  `json:"bias"`     // mean of B − A
	Low          float64  `json:"low"`      // Bland–Altman's limits of agreement: the bias ± 1.96 standard deviations, within which
	High         float64  `json:"high"`     // 95% of the differences lie where they are normal
	Spearman     *float64 `json:"spearman"` // correlation of the ranks; nil where one side says one number only
}

// FieldAccuracy is how often one field is what the references say.
type FieldAccuracy struct {
	Path         string   `json:"path"`
	Share        *Share   `json:"share"`
	MeanAbsolute *float64 `json:"mean_absolute"` // of numbers: mean distance from the reference
}

// What counts as a choice: a short text that comes again. Longer ones are prose, on which nobody agrees to the letter.
const (
	mostChoice  = 40 // characters
	mostChoices = 20 // different ones
)

// object is an answer that is one JSON object, its scalars by JSON pointer; nil for any other. Lists are left out: their
// order and length are free, so that places in them do not correspond.
func object(text string) map[string]any {
	var doc map[string]any
	if json.Unmarshal([]byte(text), &doc) != nil {
		return nil
	}
	out := map[string]any{}
	flatten(out, "", doc)
	return out
}

// flatten puts the scalars of an object under their JSON pointers (RFC 6901). null is left out, as lists are.
func flatten(into map[string]any, path string, doc map[string]any) {
	for key, v := range doc {
		at := path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		switch v := v.(type) {
		case map[string]any:
			flatten(into, at, v)
		case string, bool, float64:
			into[at] = v
		}
	}
}

// values are what two cells said in one field, prompt by prompt.
type values struct{ a, b []any }

// fieldsOf compares the answers of two cells field by field, in the order of their names.
func fieldsOf(pairs [][2]map[string]any) []Field {
	found := map[string]*values{}
	for _, p := range pairs {
		for path, x := range p[0] {
			y, both := p[1][path]
			if !both {
				continue
			}
			if found[path] == nil {
				found[path] = &values{}
			}
			found[path].a, found[path].b = append(found[path].a, x), append(found[path].b, y)
		}
	}
	var out []Field
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if f, ok := found[path].compare(); ok {
			f.Path = path
			out = append(out, f)
		}
	}
	return out
}

// compare is false for prose.
func (v *values) compare() (Field, bool) {
	f := Field{N: len(v.a)}
	same := 0
	for i := range v.a {
		same += one(v.a[i] == v.b[i])
	}
	f.Exact = ShareOf(same, f.N)
	x, numbers := floats(v.a)
	y, numbersToo := floats(v.b)
	switch {
	case numbers && numbersToo:
		f.Score = differences(x, y)
		return f, true
	case isChoice(slices.Concat(v.a, v.b)):
		f.Kappa = kappa(v.a, v.b)
		return f, true
	}
	return f, false
}

// floats are the values as numbers; ok is false where one is none.
func floats(all []any) (out []float64, ok bool) {
	for _, v := range all {
		x, ok := v.(float64)
		if !ok {
			return nil, false
		}
		out = append(out, x)
	}
	return out, len(out) > 0
}

// isChoice tells a field of few short words from prose.
func isChoice(all []any) bool {
	different := map[any]bool{}
	for _, v := range all {
		if text, ok := v.(string); ok && utf8.RuneCountInString(text) > mostChoice {
			return false
		}
		different[v] = true
	}
	return len(different) <= mostChoices
}

// kappa is Cohen's (1960): (observed − expected) / (1 − expected), unweighted.
func kappa(a, b []any) *float64 {
	n := float64(len(a))
	ofA, ofB := map[any]float64{}, map[any]float64{}
	observed, expected := 0.0, 0.0
	for i := range a {
		ofA[a[i]]++
		ofB[b[i]]++
		observed += float64(one(a[i] == b[i])) / n
	}
	for v, count := range ofA {
		expected += count / n * ofB[v] / n
	}
	if expected >= 1 {
		return nil
	}
	return new((observed - expected) / (1 - expected))
}

// differences by Bland and Altman (1986), with the rank correlation of Spearman, ties at their mean rank.
func differences(a, b []float64) *Differences {
	d := &Differences{}
	deltas := make([]float64, len(a))
	for i := range a {
		deltas[i] = b[i] - a[i]
		d.MeanAbsolute += math.Abs(deltas[i]) / float64(len(a))
	}
	var spread float64
	if d.Bias = stat.Mean(deltas, nil); len(deltas) > 1 {
		spread = 1.96 * stat.StdDev(deltas, nil)
	}
	d.Low, d.High = d.Bias-spread, d.Bias+spread
	if r := stat.Correlation(stats.Midranks(a), stats.Midranks(b), nil); !math.IsNaN(r) {
		d.Spearman = &r
	}
	return d
}

// accuracies hold answers against references that are JSON objects, field by field: every field that a reference has.
type accuracies struct {
	right, known map[string]int
	distance     map[string]float64
}

// add holds one answer, nil where it is no object, against one reference.
func (a *accuracies) add(answer, reference map[string]any) {
	if a.known == nil {
		a.right, a.known, a.distance = map[string]int{}, map[string]int{}, map[string]float64{}
	}
	for path, want := range reference {
		a.known[path]++
		got, there := answer[path]
		a.right[path] += one(there && got == want)
		x, isNumber := got.(float64)
		y, wantsNumber := want.(float64)
		switch {
		case isNumber && wantsNumber:
			a.distance[path] += math.Abs(x - y)
		case wantsNumber: // an answer without the number is at no distance
			a.distance[path] = math.NaN()
		}
	}
}

// right reports that an answer is the reference: of one that is a JSON object, that every field of it is there and equal.
func right(answer, reference string) bool {
	want := object(reference)
	if want == nil {
		return correct(answer, reference)
	}
	got := object(answer)
	for path, v := range want {
		if got[path] != v {
			return false
		}
	}
	return true
}

// list is in the order of the fields' names.
func (a *accuracies) list() []FieldAccuracy {
	var out []FieldAccuracy
	for _, path := range slices.Sorted(maps.Keys(a.known)) {
		f := FieldAccuracy{Path: path, Share: ShareOf(a.right[path], a.known[path])}
		if sum, number := a.distance[path]; number && !math.IsNaN(sum) {
			f.MeanAbsolute = new(sum / float64(a.known[path]))
		}
		out = append(out, f)
	}
	return out
}
