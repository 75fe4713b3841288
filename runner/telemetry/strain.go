package telemetry

import (
	"context"

	gopsload "github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
)

// Strain is what the host suffers from before a launch: bytes of swap in use, and the load average over one minute. nil:
// the host does not tell.
func Strain(ctx context.Context) (swapUsedBytes *int64, load1 *float64) {
	if swap, err := mem.SwapMemoryWithContext(ctx); err == nil {
		used := int64(swap.Used)
		swapUsedBytes = &used
	}
	if average, err := gopsload.AvgWithContext(ctx); err == nil {
		load1 = &average.Load1
	}
	return swapUsedBytes, load1
}
