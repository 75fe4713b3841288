package dataset

import (
	"strings"
	"testing"

	"matrix/experiments/cell"
)

// The shipped prompts are many and truly different: no two are equal, nor the same but for a few words.
func TestShippedPrompts(t *testing.T) {
	s := open(t, &cell.Dataset{ID: "candidates", Path: "../prompts/candidates.jsonl"})
	if s.Len() < 200 || s.Facts()["format"] != "openai_batch" {
		t.Errorf("%d prompts, format %v", s.Len(), s.Facts()["format"])
	}
	json, system, references := 0, 0, 0
	recommended := map[string]bool{}
	seen := map[string]string{}
	for _, e := range entries(t, s) {
		text := e.text()
		if other, twice := seen[text]; twice {
			t.Errorf("%s and %s are the same", e.ID, other)
		}
		seen[text] = e.ID
		if e.MaxTokens == 0 || len(e.Messages) == 0 || e.Messages[len(e.Messages)-1].Role != "user" {
			t.Errorf("%s: %+v", e.ID, e)
		}
		if strings.Contains(text, "JSON") {
			json++
		}
		if e.Reference != "" {
			references++
			_, after, _ := strings.Cut(e.Reference, `"recommendation":`)
			recommended[after] = true
		}
		if e.Messages[0].Role == "system" {
			system++
		}
	}
	if json < s.Len() || system < 60 || s.Len()-system < 60 || references < 100 || len(recommended) < 4 {
		t.Errorf("%d ask for JSON, %d have a system message, %d a reference, of %v", json, system, references, recommended)
	}
}
