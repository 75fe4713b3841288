package quality

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFieldsGolden holds agreement against scipy's and scikit-learn's figures.
func TestFieldsGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/fields.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Scores []struct {
			A, B            []float64
			MeanAbsolute    float64 `json:"mean_absolute"`
			Bias, Low, High float64
			Spearman        *float64
		}
		Choices []struct {
			A, B  []string
			Kappa float64
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil || len(golden.Scores) < 10 || len(golden.Choices) < 10 {
		t.Fatalf("%v: %d, %d", err, len(golden.Scores), len(golden.Choices))
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %g, want %g", what, got, want)
		}
	}
	for _, s := range golden.Scores {
		d := differences(s.A, s.B)
		near("mean absolute", d.MeanAbsolute, s.MeanAbsolute)
		near("bias", d.Bias, s.Bias)
		near("low", d.Low, s.Low)
		near("high", d.High, s.High)
		switch {
		case (d.Spearman == nil) != (s.Spearman == nil):
			t.Errorf("%v against %v: Spearman %v, want %v", s.A, s.B, d.Spearman, s.Spearman)
		case d.Spearman != nil:
			near("Spearman", *d.Spearman, *s.Spearman)
		}
	}
	for _, c := range golden.Choices {
		var v values
		for i := range c.A {
			v.a, v.b = append(v.a, c.A[i]), append(v.b, c.B[i])
		}
		f, ok := v.compare()
		if !ok || f.Kappa == nil {
			t.Fatalf("%v against %v: %+v", c.A, c.B, f)
		}
		near("kappa", *f.Kappa, c.Kappa)
	}
}

// TestFieldsOfAnswers: which fields are compared, and how.
func TestFieldsOfAnswers(t *testing.T) {
	pair := func(a, b string) [2]map[string]any { return [2]map[string]any{object(a), object(b)} }
	fields := fieldsOf([][2]map[string]any{
		pair(`{"score":7,"recommendation":"hire","why":"`+prose+`1","deep":{"a/b":true},"list":[1]}`, `{"score":8,"recommendation":"hire","why":"`+prose+`2","deep":{"a/b":true}}`),
		pair(`{"score":3,"recommendation":"hold"}`, `{"score":3,"recommendation":"hire","other":1}`),
		pair(`{"score":5}`, `{"score":6,"recommendation":"hire"}`),
	})
	var got []string
	for _, f := range fields {
		got = append(got, f.Path)
	}
	if diff := cmp.Diff([]string{"/deep/a~1b", "/recommendation", "/score"}, got); diff != "" {
		t.Fatal(diff)
	}
	if f := fields[0]; f.N != 1 || f.Exact.K != 1 || f.Kappa != nil || f.Score != nil {
		t.Errorf("one thing only: %+v", f)
	}
	if f := fields[1]; f.N != 2 || f.Exact.K != 1 || f.Kappa == nil || *f.Kappa != 0 {
		t.Errorf("choice: %+v", f)
	}
	if f := fields[2]; f.N != 3 || f.Exact.K != 1 || f.Score == nil || math.Abs(f.Score.MeanAbsolute-2.0/3) > 1e-12 {
		t.Errorf("score: %+v", f)
	}
}

const prose = "Somewhat longer than any choice would be, "

// TestFieldAccuracy: references that are objects are held field by field; what an answer adds is no fault.
func TestFieldAccuracy(t *testing.T) {
	reference := `{"score":7,"recommendation":"hire"}`
	var a accuracies
	for answer, all := range map[string]bool{
		`{"score":7,"recommendation":"hire","justification":"x"}`: true,
		`{"score":9,"recommendation":"hire"}`:                     false,
		`{"score":8,"recommendation":"hold"}`:                     false,
	} {
		if right(answer, reference) != all {
			t.Errorf("%s: right is %v", answer, !all)
		}
		a.add(object(answer), object(reference))
	}
	list := a.list()
	if len(list) != 2 || list[0].Path != "/recommendation" || list[0].Share.K != 2 || list[1].Share.K != 1 || list[1].MeanAbsolute == nil || *list[1].MeanAbsolute != 1 {
		t.Errorf("%+v", list)
	}
	a.add(object("no JSON"), object(reference))
	if list = a.list(); list[1].MeanAbsolute != nil || list[1].Share.N != 4 || right("no JSON", reference) {
		t.Errorf("an answer without the number: %+v", list[1])
	}
	if !right(" Yes. ", "yes") {
		t.Error("a reference that is no object is text")
	}
}
