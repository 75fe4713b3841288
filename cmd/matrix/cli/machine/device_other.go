//go:build !unix

package machine

import "path/filepath"

// deviceOf names the volume that a path is on.
// What differs by name is another disk here.
func deviceOf(path string) string { return filepath.VolumeName(path) }
