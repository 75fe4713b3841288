package llamacpp

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestSplitModel: of a split file the last part decides about the identity as the first does, and none may lack.
func TestSplitModel(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	first, last := filepath.Join(dir, "m-00001-of-00002.gguf"), filepath.Join(dir, "m-00002-of-00002.gguf")
	c := testCell(nil)
	c.Model.Parts[Name]["gguf"] = first
	c.Platform.Binary = filepath.Join(dir, "none")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(first, "one")
	if _, err := lacking(t.Context(), c); err == nil {
		t.Error("the second part is not missed")
	}
	digests := map[any]bool{}
	for _, text := range []string{"two", "three"} {
		write(last, text)
		id, err := resolve(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		digests[id.Model["gguf_sha256"]] = true
	}
	if len(digests) != 2 || !slices.Equal(modelFiles(c), []string{first, last}) {
		t.Errorf("identities %v of files %q", digests, modelFiles(c))
	}
}
