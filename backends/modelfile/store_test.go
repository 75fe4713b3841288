package modelfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

func TestResolveHF(t *testing.T) {
	hub := t.TempDir()
	repo := filepath.Join(hub, "models--google--gemma-3-4b-it")
	writeFile(t, filepath.Join(repo, "refs", "main"), commit)
	writeFile(t, filepath.Join(repo, "snapshots", commit, "config.json"), "{}")
	for _, revision := range []string{"", "main", commit} {
		dir, got, err := ResolveHFIn(hub, "google/gemma-3-4b-it", revision)
		if err != nil || got != commit || dir != filepath.Join(repo, "snapshots", commit) {
			t.Errorf("revision %q: %s, %s, %v", revision, dir, got, err)
		}
	}
	if dir, got, err := ResolveHFIn(hub, repo, ""); dir != repo || got != "" || err != nil {
		t.Errorf("a folder: %s, %s, %v", dir, got, err)
	}
	for name, revision := range map[string]string{
		"google/gemma-3-4b-it": "other", "google/none": "", "/nonexistent/model": "", "google/gemma-3-4b-IT": "../../../etc",
	} {
		var missing *NotFoundError
		if _, _, err := ResolveHFIn(hub, name, revision); !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s@%s: %v", name, revision, err)
		}
	}
	if _, _, err := ResolveHFIn(hub, "a/b/c", ""); err == nil || !strings.Contains(err.Error(), "neither a folder nor") {
		t.Errorf("a/b/c: %v", err)
	}
}

func TestHubDir(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip("no home directory")
	}
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HF_HUB_CACHE": "/a"}, "/a"},
		{map[string]string{"HF_HOME": "/b"}, "/b/hub"},
		{map[string]string{"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"},
		{nil, home + "/.cache/huggingface/hub"},
	} {
		if got := HubDir(func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%v: %s, want %s", test.env, got, test.want)
		}
	}
}

// A digest is asked of the disk once: the second answer stands although the cached value was planted.
func TestDigest(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "digests")
	path := filepath.Join(dir, "weights")
	writeFile(t, path, "weights")
	want := hex.EncodeToString(func() []byte { s := sha256.Sum256([]byte("weights")); return s[:] }())
	got, err := digestCached(path, cache)
	if err != nil || got != want {
		t.Fatalf("%s, %v; want %s", got, err, want)
	}
	planted := strings.Repeat("00", 32)
	file := cacheFile(cache, path)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, strings.Replace(string(data), want, planted, 1))
	if got, _ := digestCached(path, cache); got != planted {
		t.Errorf("read again although nothing changed: %s", got)
	}
	writeFile(t, path, "weights, changed")
	if got, _ := digestCached(path, cache); got == planted || got == want {
		t.Errorf("stale digest %s of a changed file", got)
	}
	writeFile(t, file, "{broken")
	if got, err := digestCached(path, cache); err != nil || got == planted {
		t.Errorf("a broken cache: %s, %v", got, err)
	}
	if _, err := digestCached(dir, cache); err == nil {
		t.Error("a folder has no digest")
	}
}
