package ollama

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/backends/modelfile"
)

func TestManifest(t *testing.T) {
	store := t.TempDir()
	blob := strings.Repeat("ab", 32)
	text := `{"schemaVersion":2,"config":{"digest":"sha256:` + strings.Repeat("cd", 32) + `","size":9},
		"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:` + blob + `","size":42}]}`
	put(t, store+"/manifests/registry.ollama.ai/library/gemma3/4b", text)
	put(t, store+"/manifests/hf.co/org/repo/latest", text)
	for _, name := range []string{"gemma3:4b", "library/gemma3:4b", "registry.ollama.ai/library/gemma3:4b", "hf.co/org/repo"} {
		m, err := manifestOf(store, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sum := sha256.Sum256([]byte(text))
		b, ok := m.Blob("model")
		if m.Digest != hex.EncodeToString(sum[:]) || !ok || b.Size != 42 || b.Path != store+"/blobs/sha256-"+blob || len(m.Blobs) != 2 {
			t.Errorf("%s: %+v", name, m)
		}
	}
	var missing *modelfile.NotFoundError
	if _, err := manifestOf(store, "gemma3"); !errors.As(err, &missing) {
		t.Errorf("another tag: %v", err)
	}
	for _, name := range []string{"", "a/b/c/d", "..", "../x:y", "a:"} {
		if _, err := manifestOf(store, name); err == nil || errors.As(err, &missing) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestManifestDigests(t *testing.T) {
	for _, bad := range []string{`{`, `{"layers":[{"digest":"md5:00"}]}`, `{"layers":[{"digest":"sha256:../../x"}]}`} {
		if _, err := parseManifest([]byte(bad), "/blobs"); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
