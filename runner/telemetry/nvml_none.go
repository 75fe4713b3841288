//go:build !cgo || !linux

package telemetry

// Built reports whether this binary can load NVML: not without cgo, and not where NVML is not.
func Built() bool { return false }

func openGPU() (gpuReader, error) { return nil, ErrNoNVML }
