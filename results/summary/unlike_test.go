package summary

import (
	"encoding/json"
	"fmt"
	"testing"

	"matrix/experiments/cell"
)

// TestPackagesOfLocks: what two locks hold is compared package by package; who has none tells nothing.
func TestPackagesOfLocks(t *testing.T) {
	with := func(environment string) *Attempt {
		a := &Attempt{}
		a.Identity = cell.Identity{Components: cell.Parts{Environment: &cell.Component{Value: json.RawMessage(environment)}}}
		return a
	}
	for _, tt := range []struct{ a, b, want string }{
		{`{"packages":{"torch":"2.12","einops":"1","gone":"3"}}`, `{"packages":{"torch":"2.13","einops":"1","new":"4"}}`,
			"[package gone: 3 against absent package new: absent against 4 package torch: 2.12 against 2.13]"},
		{`{"packages":{"torch":"2.12"}}`, `{}`, "[]"},
		{`{"host":"a"}`, `{"host":"b"}`, "[]"},
	} {
		var got pairing
		if got.packages(with(tt.a), with(tt.b)); fmt.Sprint([]Difference(got)) != tt.want {
			t.Errorf("%s and %s: %v, want %s", tt.a, tt.b, got, tt.want)
		}
	}
}

// A setting that an identity leaves out because it is the default has a value all the same: "temperature 0", not
// "temperature default". Of an engine's own arguments only the engine knows it.
func TestWhatIsLeftOutHasItsValue(t *testing.T) {
	for _, tt := range []struct{ part, key, want string }{
		{"generate", "temperature", "0"}, {"generate", "top_p", "1"}, {"generate", "ignore_eos", "false"}, {"generate", "stop", "default"},
		{"generate", "template", "default"}, {"isolation", "prefix_cache", "off"}, {"args", "max_num_seqs", "default"},
	} {
		if got := setting(tt.part, map[string]any{"max_tokens": 8}, tt.key); got != tt.want {
			t.Errorf("%s.%s: %q, want %q", tt.part, tt.key, got, tt.want)
		}
	}
	if got := setting("generate", map[string]any{"temperature": 0.8}, "temperature"); got != "0.8" {
		t.Errorf("a value that is there: %q", got)
	}
}

// Two long values are cut where both still differ.
func TestClipped(t *testing.T) {
	long := `{"type":"object","properties":{"score":{"type":"integer","minimum":1,"maximum":`
	for _, c := range [][4]string{
		{"false", "true", "false", "true"},
		{"default", long + "10}}}", "default", `{"type":"object","properties":{"score":{…`},
		{long + "10}}}", long + "5}}}", `…1,"maximum":10}}}`, `…1,"maximum":5}}}`},
	} {
		if a, b := clipped(c[0], c[1]); a != c[2] || b != c[3] {
			t.Errorf("%s against %s", a, b)
		}
	}
}
