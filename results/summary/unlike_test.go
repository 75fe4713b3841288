package summary

import "testing"

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
