package launch

import (
	"path/filepath"
	"testing"
)

// TestVisits: stretches are counted in the order of the file, of one server alone; two native APIs are two servers.
func TestVisits(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".matrix", sentFile)
	tree := ""
	for i, c := range []struct {
		server, engine, asked string
		want                  int
	}{
		{"h", "vllm", "k", 0}, {"h", "ollama", "k", 0}, {"h", "vllm", "k", 1}, {"h", "any", "k", 3}, {"h", "vllm", "other", 0}, {"i", "vllm", "k", 0}, {"h", "ollama", "k", 2},
	} {
		name, n, err := visit(path, c.server, c.engine, c.asked)
		if err != nil || n != c.want || name == "" || tree != "" && name != tree {
			t.Errorf("%d: %d before, want %d; tree %q, then %q (%v)", i, n, c.want, tree, name, err)
		}
		tree = name
	}
}
