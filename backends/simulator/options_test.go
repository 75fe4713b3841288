package simulator

import (
	"strings"
	"testing"

	"matrix/backends/fake/queueing"
	"matrix/experiments/cell"
)

func cellWith(options cell.Values) *cell.Cell {
	return &cell.Cell{
		Platform: &cell.Platform{ID: "sim", Backend: cell.Simulator, Options: options},
		Model:    &cell.Model{ID: "tiny"},
		Generate: &cell.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1},
	}
}

func TestCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		options cell.Values
		change  func(*cell.Cell)
		path    string // of the one problem; "" = none
		says    string
	}{
		"nothing set": {},
		"everything": {options: cell.Values{
			"api": "ollama", "slots": int64(4), "prefill_tokens_per_s": 1e4, "decode_tokens_per_s": int64(200),
			"kv_tokens": int64(9000), "load_s": 0.5, "exit_at_load": true, "hang_at_load": false, "weights_gib": nil,
		}},
		"whole float":   {options: cell.Values{"slots": 4.0}},
		"typo":          {options: cell.Values{"slotz": int64(4)}, path: "platform.options.slotz", says: `Did you mean "slots"?`},
		"no such thing": {options: cell.Values{"temperature": 1.0}, path: "platform.options.temperature", says: "It has api"},
		"api":           {options: cell.Values{"api": "tgi"}, path: "platform.options.api", says: "one of vllm_offline, vllm_serve, ollama"},
		"half a slot":   {options: cell.Values{"slots": 0.5}, path: "platform.options.slots", says: "whole number, 1 at least"},
		"no rate":       {options: cell.Values{"decode_tokens_per_s": 0.0}, path: "platform.options.decode_tokens_per_s", says: "a number"},
		"text":          {options: cell.Values{"load_s": "2s"}, path: "platform.options.load_s", says: "from 0 to 86400"},
		"share":         {options: cell.Values{"error_rate": 1.5}, path: "platform.options.error_rate", says: "from 0 to 1"},
		"flag":          {options: cell.Values{"oom_log": int64(1)}, path: "platform.options.oom_log", says: "true or false"},
		"args":          {change: func(c *cell.Cell) { c.Platform.Args = cell.Values{"max_num_seqs": int64(1)} }, path: "platform.args"},
		"other backend": {options: cell.Values{"nonsense": 1}, change: func(c *cell.Cell) { c.Platform.Backend = "ollama" }},
		"ignore_eos, ollama": {options: cell.Values{"api": "ollama"}, path: "generate.ignore_eos", says: "no ignore_eos",
			change: func(c *cell.Cell) { c.Generate.IgnoreEOS = true }},
		"min_tokens, ollama": {options: cell.Values{"api": "ollama"}, path: "generate.min_tokens",
			change: func(c *cell.Cell) { c.Generate.MinTokens = 3 }},
		"ignore_eos, vllm": {options: cell.Values{"api": "vllm_serve"}, change: func(c *cell.Cell) { c.Generate.IgnoreEOS = true }},
	} {
		cell := cellWith(tt.options)
		if tt.change != nil {
			tt.change(cell)
		}
		problems := Check(cell)
		if tt.path == "" {
			if len(problems) > 0 {
				t.Errorf("%s: %+v", name, problems)
			}
			continue
		}
		if len(problems) != 1 || problems[0].Path != tt.path || !strings.Contains(problems[0].Summary+" "+problems[0].Detail, tt.says) {
			t.Errorf("%s: %+v, want one at %s that says %q", name, problems, tt.path, tt.says)
		}
	}
}

func TestParseKeepsWhatIsSet(t *testing.T) {
	o, problems := parse(cell.Values{"api": "ollama", "slots": int64(3), "load_s": int64(2), "exit_at_load": int64(7), "weights_gib": nil})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := queueing.Defaults()
	want.API, want.Slots, want.LoadS, want.ExitAtLoad = "ollama", 3, 2, 7
	if o != want {
		t.Errorf("got %+v, want %+v", o, want)
	}
	if o.Context() != 8192 {
		t.Errorf("context %d without a KV limit", o.Context())
	}
	o.KVTokens = 1000
	if o.Context() != 1000 {
		t.Errorf("context %d with room for 1,000 tokens", o.Context())
	}
}
