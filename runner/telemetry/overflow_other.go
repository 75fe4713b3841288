//go:build !linux

package telemetry

// ListenOverflows is not to be had here.
func ListenOverflows() (n int64, ok bool) { return 0, false }
