package modelfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"matrix/experiments"
)

// Manifest is what Ollama's store holds under a name.
type Manifest struct {
	Digest string // SHA-256 of the manifest, 64 hex digits: what /api/tags calls the model's digest
	Blobs  []Blob // in the manifest's order, its config last
}

// Blob is one layer of a model.
type Blob struct {
	Kind   string // last part of the media type: "model", "template", "params", "system", "license", "config"
	Digest string // 64 hex digits
	Size   int64  // bytes, as the manifest says
	Path   string // in the store; it may be missing
}

// Blob finds the first layer of a kind.
func (m *Manifest) Blob(kind string) (Blob, bool) {
	for _, b := range m.Blobs {
		if b.Kind == kind {
			return b, true
		}
	}
	return Blob{}, false
}

// OllamaModelsDir is the folder where an Ollama server with this environment keeps models.
func OllamaModelsDir(getenv Getenv) string {
	if dir := getenv("OLLAMA_MODELS"); dir != "" {
		dir = ExpandHome(dir)
		if abs, err := filepath.Abs(dir); err == nil {
			return abs // the server has a working folder of its own
		}
		return dir
	}
	return ExpandHome("~/.ollama/models")
}

// OllamaManifest reads the manifest of a model ("gemma3:4b", "hf.co/org/repo:tag") from a store. A model that is
// not there is a *NotFoundError.
func OllamaManifest(modelsDir, name string) (*Manifest, error) {
	path, err := manifestPath(modelsDir, name)
	if err != nil {
		return nil, err
	}
	data, err := ReadSmall(path, 1<<20)
	if os.IsNotExist(err) {
		return nil, &NotFoundError{Name: name, Looked: path}
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(data, filepath.Join(modelsDir, "blobs"))
	if err != nil {
		return nil, fmt.Errorf("read manifest of %s: %w", name, err)
	}
	return m, nil
}

// OllamaGGUF reads the header of a named model's weights.
func OllamaGGUF(modelsDir, name string) (*GGUF, error) {
	m, err := OllamaManifest(modelsDir, name)
	if err != nil {
		return nil, err
	}
	b, ok := m.Blob("model")
	if !ok {
		return nil, fmt.Errorf("model %s has no GGUF layer", name)
	}
	return ReadGGUF(b.Path)
}

// manifestPath completes a name the way Ollama does: registry.ollama.ai/library/NAME:latest.
func manifestPath(modelsDir, name string) (string, error) {
	host, namespace, tag := "registry.ollama.ai", "library", "latest"
	rest := strings.TrimPrefix(strings.TrimPrefix(name, "https://"), "http://")
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, tag = rest[:i], rest[i+1:]
	}
	parts := strings.Split(rest, "/")
	model := parts[len(parts)-1]
	switch len(parts) {
	case 1:
	case 2:
		namespace = parts[0]
	case 3:
		host, namespace = parts[0], parts[1]
	default:
		return "", fmt.Errorf("%q is no Ollama model name", name)
	}
	for _, p := range []string{host, namespace, model, tag} {
		if p == "" || p == "." || p == ".." || strings.ContainsAny(p, "\\\x00") {
			return "", fmt.Errorf("%q is no Ollama model name", name)
		}
	}
	return filepath.Join(modelsDir, "manifests", host, namespace, model, tag), nil
}

func parseManifest(data []byte, blobs string) (*Manifest, error) {
	type layer struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
	}
	var raw struct {
		Config layer   `json:"config"`
		Layers []layer `json:"layers"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, experiments.PlainJSON(err)
	}
	sum := sha256.Sum256(data)
	m := &Manifest{Digest: hex.EncodeToString(sum[:])}
	raw.Config.MediaType = "application/vnd.ollama.image.config"
	for _, l := range append(raw.Layers, raw.Config) {
		if l.Digest == "" {
			continue
		}
		digest, ok := strings.CutPrefix(l.Digest, "sha256:")
		if !ok || !isSHA256(digest) {
			return nil, fmt.Errorf("layer digest %q is no SHA-256", l.Digest)
		}
		kind := l.MediaType[strings.LastIndexByte(l.MediaType, '.')+1:]
		m.Blobs = append(m.Blobs, Blob{Kind: kind, Digest: digest, Size: l.Size, Path: filepath.Join(blobs, "sha256-"+digest)})
	}
	return m, nil
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}
