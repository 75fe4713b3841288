package quality

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// testdata/mismatch.json is what real engines answered: with the same template the engines agree although their weights
// differ in precision; without the template Ollama begins otherwise nearly always, and that is warned of.
func TestRealTemplateMismatch(t *testing.T) {
	doc, err := os.ReadFile("testdata/mismatch.json")
	if err != nil {
		t.Fatal(err)
	}
	var outputs map[string][]string
	if err := json.Unmarshal(doc, &outputs); err != nil {
		t.Fatal(err)
	}
	report, err := Measure(t.Context(), measured(t, t.TempDir(), outputs), Options{})
	if err != nil || len(report.Pairs) != 3 {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, p := range report.Pairs {
		bare := strings.Contains(p.CellA+p.CellB, "bare")
		if bare != (p.Warning != "") || bare && p.FirstWords > 0.1 || !bare && p.FirstWords < 0.9 {
			t.Errorf("%s and %s: first words agree on %.2f, warning %q", p.CellA, p.CellB, p.FirstWords, p.Warning)
		}
	}
	t.Log(report.Warnings)
}
