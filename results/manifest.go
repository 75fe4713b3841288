package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"

	"matrix/experiments"
	"matrix/results/disk"
)

const (
	manifestFile   = "manifest.json"
	manifestSchema = 1
	maxDocument    = 64 << 20 // bytes of a manifest, a mark, a source: longer is none of ours
)

// readManifest reads the manifest of an attempt's folder and checks its own checksum.
func readManifest(dir string) (Manifest, error) {
	var m Manifest
	doc, err := disk.ReadFile(filepath.Join(dir, manifestFile), maxDocument)
	if err != nil {
		return m, err
	}
	return parseManifest(doc)
}

func parseManifest(doc []byte) (Manifest, error) {
	var m Manifest
	if err := unseal(doc, &m); err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	compactIdentity(&m.Identity)
	return m, nil
}

// compactIdentity undoes the indentation that the values got inside the document: they are compared as bytes.
func compactIdentity(id *experiments.Identity) {
	for name, c := range id.Components.All() {
		var buf bytes.Buffer
		if json.Compact(&buf, c.Value) == nil {
			c.Value = buf.Bytes()
			id.Components.Set(name, c)
		}
	}
}

// finite is m without what JSON cannot hold.
func finite(m map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(m))
	for k, v := range m {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[k] = v
		}
	}
	return out
}

// keys of the rows of an attempt.
func (m *Manifest) keys() Keys {
	return Keys{Experiment: m.Experiment, Cell: short(m.Address), Launch: int32(m.Launch), Attempt: m.Attempt,
		AttemptStatus: m.Status, Platform: m.Platform, Model: m.Model, BatchSize: int64(m.BatchSize)}
}

// short is the 16 hex digits of an address that rows and folder names carry.
func short(address string) string { return address[:min(16, len(address))] }
