package real

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/backends/ollama"
	"matrix/backends/vllm"
	"matrix/experiments/cell"
)

// hubCommit is the commit that the fake hub's main is at.
const hubCommit = "0123456789abcdef0123456789abcdef01234567"

// fakeHub is the part of the Hugging Face hub that a download sees: one repository, lab/tiny.
type fakeHub struct {
	mu      sync.Mutex
	files   map[string]string
	commit  string
	gotten  []string
	offered string // Authorization of the last request
}

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offered = r.Header.Get("Authorization")
	switch p := r.URL.Path; {
	case strings.HasPrefix(p, "/api/models/lab/gated"):
		h.refuse(w, http.StatusForbidden, "GatedRepo")
	case !strings.Contains(p, "lab/tiny"):
		h.refuse(w, http.StatusUnauthorized, "RepoNotFound") // as the real one answers strangers
	case strings.HasPrefix(p, "/api/models/lab/tiny/revision/"):
		if revision := path.Base(p); revision != "main" && revision != h.commit {
			h.refuse(w, http.StatusNotFound, "RevisionNotFound")
			return
		}
		h.info(w)
	case strings.HasPrefix(p, "/api/models/lab/tiny/tree/"):
		h.tree(w)
	default:
		h.file(w, r)
	}
}

func (h *fakeHub) refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Error-Code", code)
	w.WriteHeader(status)
}

func (h *fakeHub) info(w http.ResponseWriter) {
	type sibling struct {
		Name   string `json:"rfilename"`
		Size   int    `json:"size"`
		BlobID string `json:"blobId"`
	}
	var siblings []sibling
	for name, content := range h.files {
		siblings = append(siblings, sibling{name, len(content), etag(content)})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": "lab/tiny", "modelId": "lab/tiny", "sha": h.commit, "private": false, "tags": []string{}, "siblings": siblings})
}

func (h *fakeHub) tree(w http.ResponseWriter) {
	var entries []map[string]any
	for name, content := range h.files {
		entries = append(entries, map[string]any{"type": "file", "path": name, "size": len(content), "oid": etag(content)})
	}
	_ = json.NewEncoder(w).Encode(entries)
}

func (h *fakeHub) file(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	content, ok := h.files[name]
	if !ok {
		h.refuse(w, http.StatusNotFound, "EntryNotFound")
		return
	}
	if r.Method == http.MethodGet {
		h.gotten = append(h.gotten, name)
	}
	w.Header().Set("ETag", `"`+etag(content)+`"`)
	w.Header().Set("X-Repo-Commit", h.commit)
	serveContent(w, r, content)
}

func etag(content string) string { return sha(content)[:40] }

func sha(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// hubCell loads a repository of the fake hub into a cache of its own.
func hubCell(t *testing.T, dir, endpoint, model string) *cell.Cell {
	return &cell.Cell{
		Platform: &cell.Platform{
			ID: "offline", Backend: vllm.OfflineName, Python: filepath.Join(dir, vllmPython),
			Env: map[string]string{"HF_HOME": t.TempDir(), "HF_ENDPOINT": endpoint, "HF_HUB_CACHE": "", "HF_HUB_DISABLE_XET": "1"},
		},
		Model: &cell.Model{ID: "tiny", Parts: vllm.Model{Model: model}.Parts()},
	}
}

// TestFetchFromHub drives the real huggingface_hub: what is lacking, the download, and the offline look afterwards.
func TestFetchFromHub(t *testing.T) {
	dir, ctx := engines(t, vllmPython), within(t, 2*time.Minute)
	t.Setenv("HF_TOKEN", "hf_secret")
	hub := &fakeHub{commit: hubCommit, files: map[string]string{
		"config.json": `{"model_type":"tiny"}`, "tokenizer.json": "{}", "model.safetensors": strings.Repeat("w", 300_000),
		"pytorch_model.bin": "the same weights again", "README.md": "words",
	}}
	server := httptest.NewServer(hub)
	defer server.Close()
	c := hubCell(t, dir, server.URL, "lab/tiny")
	by := vllm.Offline()
	lacking, err := by.Lacking(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(c.Platform.Env["HF_HOME"], "hub")
	if len(lacking) != 1 || *lacking[0].Bytes != 300_000+21+2 || lacking[0].Into != cache || lacking[0].Name != "lab/tiny" {
		t.Fatalf("lacking %+v", lacking)
	}
	if hub.offered != "Bearer hf_secret" {
		t.Errorf("the hub was shown %q, not the user's token", hub.offered)
	}
	if _, _, err := modelfile.ResolveHFIn(cache, "lab/tiny", ""); err == nil {
		t.Error("found before it was fetched")
	}
	var done, total int64
	if err := by.Fetch(ctx, c, lacking[0], func(d, n int64) { done, total = d, n }); err != nil || done != 300_023 || total != done {
		t.Fatalf("%d of %d: %v", done, total, err)
	}
	slices.Sort(hub.gotten)
	if got := strings.Join(hub.gotten, " "); got != "config.json model.safetensors tokenizer.json" {
		t.Errorf("got %s", got)
	}
	hub.commit, hub.files["config.json"] = strings.Repeat("9", 40), `{"model_type":"other"}`
	server.Close() // what follows is offline
	folder, commit, err := modelfile.ResolveHFIn(cache, "lab/tiny", "")
	if err != nil || commit != hubCommit {
		t.Errorf("resolved to %s at %s: %v", folder, commit, err)
	}
	if id, err := vllm.Offline().Resolve(ctx, c); err != nil || id.Missing != nil || id.Model["commit"] != hubCommit {
		t.Errorf("%+v, %v", id, err)
	}
}

// TestFetchAgain: what is here is not lacking; a lost file is; a branch that has moved on does not change what is here.
func TestFetchAgain(t *testing.T) {
	dir, ctx := engines(t, vllmPython), within(t, 2*time.Minute)
	hub := &fakeHub{commit: hubCommit, files: map[string]string{"config.json": "{}", "model.safetensors": "weights"}}
	server := httptest.NewServer(hub)
	defer server.Close()
	c := hubCell(t, dir, server.URL, "lab/tiny")
	by := vllm.Serve()
	get := func(wantBytes int64) {
		t.Helper()
		lacking, err := by.Lacking(ctx, c)
		if err != nil || len(lacking) != 1 || *lacking[0].Bytes != wantBytes {
			t.Fatalf("lacking %+v, %v; want %d bytes", lacking, err, wantBytes)
		}
		if err := by.Fetch(ctx, c, lacking[0], func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
	}
	get(9)
	folder, _, err := modelfile.ResolveHFIn(filepath.Join(c.Platform.Env["HF_HOME"], "hub"), "lab/tiny", "")
	if err != nil {
		t.Fatal(err)
	}
	removeFile(t, filepath.Join(folder, "model.safetensors"))
	get(7)
	if lacking, err := by.Lacking(ctx, c); err != nil || len(lacking) != 0 {
		t.Errorf("after the fetch: lacking %+v, %v", lacking, err)
	}
}

// TestFetchHubTrouble is what a user reads when the hub does not give a model.
func TestFetchHubTrouble(t *testing.T) {
	dir, ctx := engines(t, vllmPython), within(t, 2*time.Minute)
	server := httptest.NewServer(&fakeHub{commit: hubCommit})
	defer server.Close()
	for model, want := range map[string]string{
		"lab/gated":  "lab/gated is gated: accept its licence at " + server.URL + "/lab/gated, then set HF_TOKEN",
		"lab/absent": server.URL + " has no repository lab/absent for you: correct model.vllm, or set HF_TOKEN",
		"lab/tiny":   `lab/tiny has no revision "v9"`,
	} {
		c := hubCell(t, dir, server.URL, model)
		if model == "lab/tiny" {
			c.Model.Parts[vllm.Part]["revision"] = "v9"
		}
		if _, err := vllm.Offline().Lacking(ctx, c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v\nwant: %s", model, err, want)
		}
	}
	c := hubCell(t, dir, "http://127.0.0.1:1", "lab/tiny")
	if _, err := vllm.Offline().Lacking(ctx, c); err == nil || !strings.HasPrefix(err.Error(), "cannot reach http://127.0.0.1:1: see the network") {
		t.Errorf("no network: %v", err)
	}
}

// ociRegistry is an Ollama registry with one model, lab/tiny:1.
type ociRegistry struct {
	manifest string
	blobs    map[string]string // by digest
}

func newRegistry(weights string) *ociRegistry {
	r := &ociRegistry{blobs: map[string]string{}}
	config := `{"model_format":"gguf","model_family":"llama","rootfs":{"type":"layers","diff_ids":[]}}`
	r.manifest = fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",`+
		`"config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":%q,"size":%d},`+
		`"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":%q,"size":%d}]}`,
		r.add(config), len(config), r.add(weights), len(weights))
	return r
}

func (r *ociRegistry) add(content string) string {
	digest := "sha256:" + sha(content)
	r.blobs[digest] = content
	return digest
}

func (r *ociRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	content, ok := r.blobs[path.Base(req.URL.Path)]
	if req.URL.Path == "/v2/lab/tiny/manifests/1" {
		content, ok = r.manifest, true
	}
	if !ok {
		http.NotFound(w, req)
		return
	}
	// The real registry sends blobs from another host, and Ollama takes them from nowhere else.
	if host, port, err := net.SplitHostPort(req.Host); err == nil && host != "localhost" && content != r.manifest {
		http.Redirect(w, req, "http://localhost:"+port+req.URL.Path, http.StatusTemporaryRedirect)
		return
	}
	serveContent(w, req, content)
}

// TestFetchFromRegistry drives the real `ollama serve` of both eras against a registry on loopback.
func TestFetchFromRegistry(t *testing.T) {
	for version, binary := range ollamaEras {
		t.Run(version, func(t *testing.T) {
			dir, ctx := engines(t, binary), within(t, 2*time.Minute)
			registry := newRegistry(strings.Repeat("GGUF", 50_000))
			server := httptest.NewServer(registry)
			defer server.Close()
			c := ollamaCell(dir, binary, t.TempDir())
			store := c.Platform.Env["OLLAMA_MODELS"]
			c.Model.Parts = ollama.Model{Model: server.URL + "/lab/tiny:1"}.Parts()
			by := ollama.New()
			if id, err := ollama.New().Resolve(ctx, c); err != nil || id.Missing == nil || !strings.Contains(id.Missing.Error(), "matrix fetch") {
				t.Errorf("before the fetch: %+v, %v", id, err)
			}
			lacking, err := by.Lacking(ctx, c)
			if err != nil || len(lacking) != 1 || *lacking[0].Bytes < 200_000 || lacking[0].Into != store {
				t.Fatalf("lacking %+v, %v", lacking, err)
			}
			var done int64
			if err := by.Fetch(ctx, c, lacking[0], func(d, _ int64) { done = d }); err != nil || done > *lacking[0].Bytes { // 0.33 says nothing of a download this short
				t.Fatalf("fetched %d of %d: %v", done, *lacking[0].Bytes, err)
			}
			if lacking, err := by.Lacking(ctx, c); err != nil || len(lacking) != 0 {
				t.Errorf("after the fetch: lacking %+v, %v", lacking, err)
			}
			if id, err := ollama.New().Resolve(ctx, c); err != nil || id.Missing != nil || id.Model["digest"] != sha(registry.manifest) {
				t.Errorf("after the fetch: %+v, %v; want digest %s", id, err, sha(registry.manifest))
			}
			gone := backends.Download{Name: server.URL + "/lab/tiny:2", Into: store}
			err = by.Fetch(ctx, c, gone, func(int64, int64) {})
			if err == nil || !strings.Contains(err.Error(), "has no model") {
				t.Errorf("a tag that is not there: %v", err)
			}
			gone.Name = "http://127.0.0.1:1/lab/tiny:1"
			if err = by.Fetch(ctx, c, gone, func(int64, int64) {}); err == nil || !strings.Contains(err.Error(), "cannot reach 127.0.0.1:1") {
				t.Errorf("no network: %v", err)
			}
		})
	}
}

// serveContent serves ranges too, as both hubs do.
func serveContent(w http.ResponseWriter, r *http.Request, content string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

func removeFile(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}
