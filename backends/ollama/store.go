package ollama

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"matrix/backends/modelfile"
	"matrix/experiments/textfile"
)

// manifest is what Ollama's store holds under a name.
type manifest struct {
	Digest string // SHA-256 of the manifest, 64 hex digits: what /api/tags calls the model's digest
	Blobs  []blob // in the manifest's order, its config last
}

// blob is one layer of a model.
type blob struct {
	Kind   string // last part of the media type: "model", "template", "params", "system", "license", "config"
	Digest string // 64 hex digits
	Size   int64  // bytes, as the manifest says
	Path   string // in the store; it may be missing
}

// Blob finds the first layer of a kind.
func (m *manifest) Blob(kind string) (blob, bool) {
	for _, b := range m.Blobs {
		if b.Kind == kind {
			return b, true
		}
	}
	return blob{}, false
}

// modelsDir is the folder where an Ollama server with this environment keeps models.
func modelsDir(getenv modelfile.Getenv) string {
	if dir := getenv("OLLAMA_MODELS"); dir != "" {
		dir = modelfile.ExpandHome(dir)
		if abs, err := filepath.Abs(dir); err == nil {
			return abs // the server has a working folder of its own
		}
		return dir
	}
	return modelfile.ExpandHome("~/.ollama/models")
}

// manifestOf reads the manifest of a model ("gemma3:4b", "hf.co/org/repo:tag") from a store. A model that is
// not there is a *modelfile.NotFoundError.
func manifestOf(store, name string) (*manifest, error) {
	path, err := manifestPath(store, name)
	if err != nil {
		return nil, err
	}
	data, err := modelfile.ReadSmall(path, 1<<20)
	if os.IsNotExist(err) {
		return nil, &modelfile.NotFoundError{Name: name, Looked: path}
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(data, filepath.Join(store, "blobs"))
	if err != nil {
		return nil, fmt.Errorf("read manifest of %s: %w", name, err)
	}
	return m, nil
}

// ggufOf reads the header of a named model's weights.
func ggufOf(store, name string) (*modelfile.GGUF, error) {
	m, err := manifestOf(store, name)
	if err != nil {
		return nil, err
	}
	b, ok := m.Blob("model")
	if !ok {
		return nil, fmt.Errorf("model %s has no GGUF layer", name)
	}
	return modelfile.ReadGGUF(b.Path)
}

// manifestPath is where a store keeps a model's manifest: below registry.ollama.ai/library, unless the name says otherwise.
func manifestPath(store, name string) (string, error) {
	r, err := parseReference(name)
	if err != nil {
		return "", err
	}
	parts := []string{cmp.Or(r.host, strings.TrimPrefix(registry, "https://")), r.namespace, r.model, r.tag}
	for _, p := range parts { // a name must not lead out of the store
		if p == "." || p == ".." || strings.ContainsAny(p, "\\\x00") {
			return "", fmt.Errorf("%q is no Ollama model name", name)
		}
	}
	return filepath.Join(append([]string{store, "manifests"}, parts...)...), nil
}

// parseManifest reads a manifest, as a registry says it and the store keeps it. Its own SHA-256 identifies the model: it names the digest of every part.
func parseManifest(data []byte, blobs string) (*manifest, error) {
	type layer struct {
		MediaType, Digest string // "application/vnd.ollama.image.model"; "sha256:" and 64 hex digits
		Size              int64  // bytes
	}
	var raw struct {
		Config layer   // parameters and the like; a blob as the others are
		Layers []layer // weights, template, parameters, licence
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, textfile.PlainJSON(err)
	}
	sum := sha256.Sum256(data)
	m := &manifest{Digest: hex.EncodeToString(sum[:])}
	raw.Config.MediaType = "application/vnd.ollama.image.config"
	for _, l := range append(raw.Layers, raw.Config) {
		if l.Digest == "" {
			continue
		}
		digest, ok := strings.CutPrefix(l.Digest, "sha256:")
		if !ok || !modelfile.IsSHA256(digest) {
			return nil, fmt.Errorf("layer digest %q is no SHA-256", l.Digest)
		}
		kind := l.MediaType[strings.LastIndexByte(l.MediaType, '.')+1:]
		m.Blobs = append(m.Blobs, blob{Kind: kind, Digest: digest, Size: l.Size, Path: filepath.Join(blobs, "sha256-"+digest)})
	}
	return m, nil
}
