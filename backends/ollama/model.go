package ollama

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// source is where a cell's model comes from.
type source struct {
	name     string      // as the server knows it; "" until a GGUF's is made up with the version
	store    string      // OLLAMA_MODELS
	gguf     string      // file to create it from; "" = taken by name
	digest   string      // of the GGUF, or of the manifest: 64 hex digits
	template string      // Ollama's, for a GGUF; "" = the file's own
	identity cell.Values // what Identity.Model has
}

// resolveModel reads digests, no server.
func resolveModel(c *cell.Cell) (source, error) {
	m := modelOf(c.Model)
	if m.GGUF != "" {
		return resolveGGUF(c)
	}
	s := source{name: bareName(m.Model), store: userStore(c.Platform, m.Model), identity: cell.Values{"model": m.Model}}
	manifest, err := manifestOf(s.store, m.Model)
	if err != nil {
		return s, err
	}
	s.digest = manifest.Digest
	s.identity["digest"] = manifest.Digest
	return s, nil
}

// resolveGGUF is a model that a server of ours makes from a file. Unless OLLAMA_MODELS is declared its store is one of
// matrix's own, so that the user's list of models stays theirs.
func resolveGGUF(c *cell.Cell) (source, error) {
	m := modelOf(c.Model)
	s := source{gguf: m.GGUF, template: m.Template, identity: cell.Values{}}
	if c.Platform.Env["OLLAMA_MODELS"] != "" {
		s.store = modelsDir(process.Getenv(c.Platform.Env))
	} else {
		cache, err := os.UserCacheDir()
		if err != nil {
			return s, fmt.Errorf("find a folder for ollama's models: %w", err)
		}
		s.store = filepath.Join(cache, "matrix", "ollama-models")
	}
	digest, err := modelfile.Digest(m.GGUF)
	if err != nil {
		return s, fmt.Errorf("read model: %w; correct model.ollama.gguf", err)
	}
	s.digest = digest
	s.identity["gguf_sha256"] = digest
	if m.Template != "" {
		s.identity["template_sha256"] = sum(m.Template)
	}
	return s, nil
}

// sum is SHA-256 in hex: a text in an identity would be as long as a template is.
func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// reNoTag finds what a tag must not have.
var reNoTag = regexp.MustCompile(`[^0-9A-Za-z._-]`)

// servedName names what is made from a GGUF by its contents, so that it is made once, and the server that answers to
// it has just these weights. The engine's version is part of it: what one version made, another may read differently.
func (s source) servedName(version string) string {
	if s.gguf == "" {
		return s.name
	}
	name := "matrix-" + s.digest[:16]
	if s.template != "" {
		name += "-" + sum(s.template)[:8]
	}
	return name + ":" + reNoTag.ReplaceAllString(version, "_")
}

// serviceStore is where the models of Ollama's system service are on Linux.
const serviceStore = "/usr/share/ollama/.ollama/models"

// userStore is the folder that holds a model which is taken by name: the declared one, or the first of the usual
// ones that has it.
// It is looked at each time: a pull between two plans may fill either.
func userStore(p *cell.Platform, name string) string {
	own := modelsDir(process.Getenv(p.Env))
	if p.Env["OLLAMA_MODELS"] != "" {
		return own
	}
	if _, err := manifestOf(own, name); err != nil {
		if _, err := manifestOf(serviceStore, name); err == nil {
			return serviceStore
		}
	}
	return own
}

// complete reports whether the store holds all of a model.
func complete(store, name string) bool {
	m, err := manifestOf(store, name)
	if err != nil {
		return false
	}
	for _, b := range m.Blobs {
		if info, err := os.Stat(b.Path); err != nil || info.Size() != b.Size {
			return false
		}
	}
	return len(m.Blobs) > 0
}

// weights are the size of a model's weights and its number of layers as Ollama counts them, the output layer
// included; nil where the files do not tell.
func (s source) weights(name string) (bytes, layers *int64) {
	m, err := manifestOf(s.store, name)
	if err != nil {
		return nil, nil
	}
	blob, ok := m.Blob("model")
	if !ok {
		return nil, nil
	}
	if g, err := modelfile.ReadGGUF(blob.Path); err == nil && g.Layers > 0 {
		n := int64(g.Layers) + 1
		layers = &n
	}
	return &blob.Size, layers
}
