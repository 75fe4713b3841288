package machine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/runner/telemetry"
)

// vramTolerance is how many bytes of VRAM beyond the baseline still count as released.
const vramTolerance = 64 << 20

// PollEvery is the time between two looks at the GPUs.
const PollEvery = 250 * time.Millisecond

// Baseline is how the GPUs were before the first launch: a desktop's memory and processes are not ours to blame.
type Baseline struct {
	used    map[string]int64 // bytes, by UUID
	noise   int64            // bytes between two looks
	pids    map[int]bool     // compute processes that were there
	Compute []onGPU          // the same, each once
}

// onGPU is a process on a GPU.
type onGPU struct {
	telemetry.GPUProcess
	GPU string // product name
}

// Baseline looks three times, for the noise.
// It is taken before the first launch, and empty where GPUs cannot be read.
func (m Machine) Baseline(ctx context.Context) Baseline {
	b := Baseline{used: map[string]int64{}, pids: map[int]bool{}}
	for look := range 3 {
		gpus, err := m.GPUs()
		if err != nil {
			return b
		}
		for _, g := range gpus {
			if look > 0 {
				b.noise = max(b.noise, g.MemoryUsed-b.used[g.UUID], b.used[g.UUID]-g.MemoryUsed)
			}
			b.used[g.UUID] = max(b.used[g.UUID], g.MemoryUsed)
			for _, p := range g.Processes {
				if p.Compute && !b.pids[p.PID] {
					b.pids[p.PID] = true
					b.Compute = append(b.Compute, onGPU{p, g.Name})
				}
			}
		}
		Pause(ctx, 100*time.Millisecond)
	}
	return b
}

// Occupied names what is on the GPUs beyond the baseline; "" = they are free. Exclusive counts the baseline's compute
// processes too.
func (b Baseline) Occupied(gpus []telemetry.GPU, exclusive bool, tolerance int64) string {
	var found []string
	for _, g := range gpus {
		for _, p := range g.Processes {
			if p.Compute && (exclusive || !b.pids[p.PID]) {
				found = append(found, fmt.Sprintf("%s holds %d MiB of %s", ProcessName(p), p.Bytes>>20, g.Name))
			}
		}
		over := g.MemoryUsed - b.used[g.UUID]
		if over > max(tolerance, vramTolerance, 3*b.noise) && len(found) == 0 {
			found = append(found, fmt.Sprintf("%s has %d MiB more in use than before the first launch", g.Name, over>>20))
		}
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), "; ")
}

// ProcessName is a process as a person finds it: by name and number.
func ProcessName(p telemetry.GPUProcess) string {
	if p.Name == "" {
		return fmt.Sprintf("process %d", p.PID)
	}
	return fmt.Sprintf("%s (pid %d)", p.Name, p.PID)
}

// Among keeps the GPUs of a set.
func Among(gpus []telemetry.GPU, set []string) []telemetry.GPU {
	return slices.DeleteFunc(slices.Clone(gpus), func(g telemetry.GPU) bool { return !slices.Contains(set, g.UUID) })
}

// holding is who has memory on a GPU, and how much.
func holding(g telemetry.GPU) []string {
	var names []string
	for _, p := range g.Processes {
		names = append(names, fmt.Sprintf("%s with %.2f GiB", ProcessName(p), format.GiB(p.Bytes)))
	}
	return names
}

// Visible are the GPUs that a CUDA_VISIBLE_DEVICES names, by number or UUID (or its beginning). Like CUDA it stops at
// the first that is none.
func Visible(gpus []telemetry.GPU, devices string) []telemetry.GPU {
	var seen []telemetry.GPU
	for name := range strings.SplitSeq(devices, ",") {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(gpus, func(g telemetry.GPU) bool {
			return name == strconv.Itoa(g.Index) || len(name) > len("GPU-") && strings.HasPrefix(g.UUID, name)
		})
		if i < 0 {
			break
		}
		seen = append(seen, gpus[i])
	}
	return seen
}

// Crowded says that a cell's engine wants more of a GPU's memory than is free, and who has it; "" = it will do.
func Crowded(b backends.Backend, c *cell.Cell, g telemetry.GPU) string {
	if b.Reserves == nil {
		return ""
	}
	want := int64(float64(b.Reserves(c, g.MemoryTotal)) * vramMargin)
	free := g.MemoryTotal - g.MemoryUsed
	if want <= free {
		return ""
	}
	holders := "no process that can be listed"
	if names := holding(g); len(names) > 0 {
		holders = strings.Join(names, ", ")
	}
	return fmt.Sprintf("the engine wants %.2f GiB of %s and %.2f of %.2f are free; in use by %s", format.GiB(want), g.Name, format.GiB(free), format.GiB(g.MemoryTotal), holders)
}
