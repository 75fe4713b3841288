package telemetry

import (
	"context"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/mem"
)

// load is the host's CPU time so far, in seconds over all cores.
type load struct{ busy, total float64 }

// hostLoad is the processor time of the whole machine since its start, in seconds of one core: two readings make a share.
func hostLoad(ctx context.Context) (load, error) {
	times, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(times) == 0 {
		return load{}, err
	}
	t := times[0]
	idle := t.Idle + t.Iowait
	// Guest time is part of user time already; steal is time that others had, so this host was not idle.
	total := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal + idle
	return load{busy: total - idle, total: total}, nil
}

// ratio is the busy share between two readings; false when no time has passed.
func (l load) ratio(before load) (float64, bool) {
	if l.total <= before.total {
		return 0, false
	}
	return min(1, max(0, (l.busy-before.busy)/(l.total-before.total))), true
}

// hostProbe reads the machine as a whole.
func (r *Recorder) hostProbe() probe {
	before, beforeErr := hostLoad(context.Background())
	return func(ctx context.Context, _ bool) []Sample {
		s := reading{at: time.Now(), source: "host"}
		now, err := hostLoad(ctx)
		if err == nil && beforeErr == nil {
			if ratio, ok := now.ratio(before); ok {
				s.add("host_cpu_ratio", ratio)
				before = now
			}
		} else if ctx.Err() == nil {
			r.warn("the host's CPU time cannot be read")
		}
		if memory, err := mem.VirtualMemoryWithContext(ctx); err == nil {
			s.add("host_mem_used_bytes", float64(memory.Total-memory.Available))
			s.add("host_mem_total_bytes", float64(memory.Total))
		}
		return s.out
	}
}

// Quiet watches the host for a window and returns how many cores were busy on average, all processes
// counted. It is negative when that cannot be told: ctx ended first, or the host does not say.
func Quiet(ctx context.Context, window time.Duration) (busyCores float64) {
	before, err := hostLoad(ctx)
	if err != nil {
		return -1
	}
	select {
	case <-ctx.Done():
		return -1
	case <-time.After(window):
	}
	after, err := hostLoad(ctx)
	if err != nil {
		return -1
	}
	ratio, ok := after.ratio(before)
	if !ok {
		return -1
	}
	return ratio * float64(hostCores())
}

// hostCores counts the cores that hostLoad adds up: all of the host's, not those this process may use.
func hostCores() int {
	if n, err := cpu.Counts(true); err == nil && n > 0 {
		return n
	}
	return runtime.NumCPU()
}
