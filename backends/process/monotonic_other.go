//go:build !linux

package process

// Monotonic is not to be had here.
func Monotonic() int64 { return 0 }
