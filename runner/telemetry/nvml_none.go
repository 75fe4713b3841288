//go:build !linux || !(amd64 || arm64) || nonvml

package telemetry

// Built reports whether this binary can load NVML: not where NVML is not.
func Built() bool { return false }

func openGPU() (gpuReader, error) { return nil, ErrNoNVML }
