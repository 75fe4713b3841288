package experiments_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// A decision names what is measured, and asks of a ratio what a share can be.
func TestDecisionNamesMetrics(t *testing.T) {
	list := []cell.Metric{{Name: "success_rate", Unit: cell.Ratio}, {Name: "ttft_p99_s", Unit: "s"}, {Name: "energy_j", Unit: "J"}}
	for text, want := range map[string]string{
		`require = { succes_rate = 0.99 }`:                  `Did you mean "success_rate"?`,
		`require = { success_rate = 99 }`:                   `success_rate is a ratio: write 0.99.`,
		`require = { success_rate = 99.9 }`:                 `write 0.999.`,
		`require = { success_rate = 1000 }`:                 `between 0 and 1`,
		`require = { success_rate = -0.1 }`:                 `between 0 and 1`,
		`goals = { enery_j = "min" }`:                       `Did you mean "energy_j"?`,
		`goals = { "TTFT_p99_s" = "min" }`:                  `Did you mean "ttft_p99_s"?`,
		`weights = { relyability = 1 }`:                     `Did you mean "reliability"?`,
		`require = { success_rate = 0.99, ttft_p99_s = 2 }`: "",
		`goals = { energy_j = "min" }`:                      "",
	} {
		path := filepath.Join(t.TempDir(), "d.hcl")
		if err := os.WriteFile(path, []byte("decision \"d\" {\n  "+text+"\n}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, diags := grid.Load([]string{path}, lang.Options{Metrics: list})
		if got := diags.Error(); (want == "") != !diags.HasErrors() || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", text, got, want)
		}
		if _, diags := grid.Load([]string{path}, lang.Options{}); strings.Contains(diags.Error(), "metric") {
			t.Errorf("without a list any name goes: %v", diags)
		}
	}
}
