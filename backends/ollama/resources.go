package ollama

import (
	"os"
	"path/filepath"

	"matrix/experiments/cell"
)

// modelFiles are the blobs of a model that is taken by name. One that is made from a GGUF file is read from the copy in
// the store, under the file's digest; before the first launch that is not there, and the file itself is read.
func modelFiles(c *cell.Cell) []string {
	s, err := resolveModel(c)
	if err != nil {
		return nil
	}
	if s.gguf != "" {
		files := []string{s.gguf}
		if blob := filepath.Join(s.store, "blobs", "sha256-"+s.digest); exists(blob) {
			files = append(files, blob)
		}
		return files
	}
	manifest, err := manifestOf(s.store, s.name)
	if err != nil {
		return nil
	}
	var files []string
	for _, b := range manifest.Blobs {
		if b.Kind == "model" || b.Kind == "projector" {
			files = append(files, b.Path)
		}
	}
	return files
}

// exists is false where a path cannot be looked at: nobody reads from it then.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
