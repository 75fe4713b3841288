package exchange_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/results/exchange"
	"matrix/results/quality"
	"matrix/results/store"
	"matrix/results/summary"
)

// TestAnswersAreMatchedByTheirPrompts: another tool keeps its answers in an order of its own. They are compared by the
// prompts' ids, and that is said; answers to other prompts are not compared, though they stand at the same place.
func TestAnswersAreMatchedByTheirPrompts(t *testing.T) {
	root := t.TempDir()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	m, err := exchange.ParseMap([]string{"prompt_id=id", "text=text", "status=state"})
	if err != nil {
		t.Fatal(err)
	}
	for platform, text := range map[string]string{
		"one":   `{"id":"a","text":"alpha","state":"ok"}` + "\n" + `{"id":"b","text":"beta","state":"ok"}` + "\n" + `{"id":"x","text":"one","state":"ok"}` + "\n" + `{"id":"x","text":"two","state":"ok"}`,
		"two":   `{"id":"b","text":"beta","state":"ok"}` + "\n" + `{"id":"a","text":"alpha","state":"ok"}` + "\n" + `{"id":"x","text":"one","state":"ok"}` + "\n" + `{"id":"c","text":"gamma","state":"ok"}`,
		"three": `{"id":"p","text":"alpha","state":"ok"}` + "\n" + `{"id":"q","text":"beta","state":"ok"}` + "\n" + `{"id":"r","text":"one","state":"ok"}` + "\n" + `{"id":"s","text":"two","state":"ok"}`,
	} {
		path := filepath.Join(t.TempDir(), platform)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sets, err := ofOne(exchange.Read(t.Context(), []string{path}, exchange.Options{Format: exchange.JSONL, Map: m, Labels: exchange.Labels{Platform: platform, Model: "m"}}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exchange.Keep(t.Context(), store, "old", nil, sets); err != nil {
			t.Fatal(err)
		}
	}
	set, err := summary.Load(t.Context(), store, root)
	if err != nil {
		t.Fatal(err)
	}
	report, err := quality.Measure(t.Context(), set, quality.Options{})
	if err != nil || len(report.Pairs) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if p := report.Pairs[0]; p.N != 2 || p.Exact != 1 || p.SameBytes != 0 || p.Greedy {
		t.Errorf("%+v", p)
	}
	if text := strings.Join(report.Warnings, "\n"); !strings.Contains(text, "matched by prompt_id") {
		t.Errorf("%q", text)
	}
}

// ofOne are the sets of one file.
func ofOne(files [][]*exchange.Set, err error) ([]*exchange.Set, error) {
	if err != nil {
		return nil, err
	}
	return files[0], nil
}
