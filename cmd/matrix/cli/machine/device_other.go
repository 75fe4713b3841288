//go:build !unix

package machine

import "path/filepath"

// deviceOf names the volume that a path is on.
func deviceOf(path string) string { return filepath.VolumeName(path) }
