package results

import (
	"math"
	"path/filepath"

	"matrix/results/disk"
	"matrix/results/record"
)

const (
	manifestFile = "manifest.json"
	maxDocument  = 64 << 20 // bytes of a manifest, a mark, a source: longer is none of ours
)

// readManifest reads the manifest of an attempt's folder and checks its own checksum.
func readManifest(dir string) (Manifest, error) {
	var m Manifest
	doc, err := disk.ReadFile(filepath.Join(dir, manifestFile), maxDocument)
	if err != nil {
		return m, err
	}
	return record.ParseManifest(doc)
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
