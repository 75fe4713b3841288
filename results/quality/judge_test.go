package quality

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/summary"
)

// measured commits a cell with these outputs and returns the set that it is read back in.
func measured(t *testing.T, root string, outputs map[string][]string) *summary.Set {
	t.Helper()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	for platform, texts := range outputs {
		c := &cell.Cell{Experiment: "e", Address: strings.Repeat(platform, 64)[:64], Slug: platform + "-m", BatchSize: len(texts),
			Platform: &cell.Platform{ID: platform}, Model: &cell.Model{ID: "m"}}
		var id cell.Identity
		id.Hash = "same"
		id.Components.Set("spec", cell.Component{Value: []byte(`{"generate":{"max_tokens":8}}`)})
		a, err := store.Begin(c, id, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			tokens, at := int64(3), float64(i)
			row := record.RequestRow{Seq: int64(i), PromptID: string(rune('p' + i)), PromptHash: [16]byte{byte(i)}, Phase: "measure", Status: "ok", SentS: &at, DoneS: &at, OutputTokens: &tokens}
			if err := a.Append(row, &record.OutputRow{PromptID: row.PromptID, Text: text}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.Commit(record.Complete, "done", "", record.Run{Planned: int64(len(texts)), Mode: "closed"}); err != nil {
			t.Fatal(err)
		}
	}
	set, err := summary.Load(t.Context(), store, root)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A judge that always prefers what stands first is worth nothing: every verdict turns with the order, and is a tie. One
// that looks at the answers is heard. What was judged is not asked again, also after an error half way.
func TestJudge(t *testing.T) {
	root := t.TempDir()
	set := measured(t, root, map[string][]string{"a": {"good", "bad", "same", "good"}, "b": {"bad", "good", "same", "bad"}})
	a, b := set.Cells[0], set.Cells[1]
	first := Judge{Model: "first", Ask: func(context.Context, string) (string, error) { return "Answer A is better: A", nil }}
	got, err := first.Compare(t.Context(), root, a, b)
	if err != nil || got.Ties != 4 || got.Turned != 3 || got.PreferredB != nil {
		t.Errorf("a judge of positions: %+v, %v", got, err)
	}
	var mu sync.Mutex
	asked := 0
	look := func(_ context.Context, q string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked == 3 {
			return "", errors.New("overloaded")
		}
		_, answers, _ := strings.Cut(q, "[Answer A]\n")
		if strings.HasPrefix(answers, "good") {
			return "A", nil
		}
		return "**B**", nil
	}
	j := Judge{Model: "looks", Ask: look}
	if _, err := j.Compare(t.Context(), root, a, b); err == nil || !strings.Contains(err.Error(), "overloaded") {
		t.Fatalf("the third question failed, and Compare says %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(root, "e", "judgements", "*.jsonl"))
	for _, path := range files { // as a crash would leave it
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.WriteString(`{"seq": 3, "ver`)
		_ = f.Close()
	}
	before := asked
	got, err = j.Compare(t.Context(), root, a, b)
	if err != nil || got.WinsA != 2 || got.WinsB != 1 || got.Ties != 1 || got.Turned != 0 {
		t.Errorf("a judge that looks: %+v, %v", got, err)
	}
	if asked-before > 4 {
		t.Errorf("%d questions for two prompts that were left", asked-before)
	}
	before = asked
	if again, err := j.Compare(t.Context(), root, a, b); err != nil || asked != before || again.WinsA != 2 {
		t.Errorf("judged twice: %+v, %v", again, err)
	}
	store, _ := store.Open(root)
	if past, err := store.History(t.Context(), ""); err != nil || len(past) != 2 {
		t.Errorf("judgements are taken for attempts: %d, %v", len(past), err)
	}
}

func TestHeard(t *testing.T) {
	for text, want := range map[string]string{"A": PrefersA, "**B**": PrefersB, "TIE.": Tie, "A is shorter, but B is right.\n\nB": PrefersB, "neither": Unclear, "": Unclear, "Both": Unclear} {
		if got := heard(text); got != want {
			t.Errorf("heard(%q) = %s", text, got)
		}
	}
}

// Two cells of one model that begin differently on most prompts are warned of; two that part later are not.
func TestMismatchWarning(t *testing.T) {
	words := func(head string) []string {
		var out []string
		for i := range 12 {
			out = append(out, head+" one two three "+string(rune('a'+i)))
		}
		return out
	}
	for _, test := range []struct {
		b    string
		want bool
	}{{"x", false}, {"quite different", true}} {
		set := measured(t, t.TempDir(), map[string][]string{"a": words("x"), "b": words(test.b)})
		prompts := Prompts{}
		for i := range 12 {
			prompts[string(rune('p'+i))] = Prompt{Text: "Answer in JSON", Reference: "x one two three a"}
		}
		report, err := Measure(t.Context(), set, Options{Prompts: prompts})
		if err != nil || len(report.Pairs) != 1 || (len(report.Warnings) > 0) != test.want {
			t.Errorf("%s: %+v, %v", test.b, report, err)
			continue
		}
		c := report.Cells[0]
		if c.Accuracy == nil || c.Accuracy.K != 1 || c.JSONs == nil || c.JSONs.K != 0 || c.N != 12 {
			t.Errorf("cell: %+v", c)
		}
	}
}
