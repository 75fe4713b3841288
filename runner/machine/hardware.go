package machine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/record"
)

// vramMargin allows for what CUDA reports less, or a rounded figure in the source.
const vramMargin = 0.98

// Lacks compares a constraint with a machine; nil means that it has all of it.
// What the machine does not tell (no driver, no memory size) is not held against it, but for a GPU that is asked for.
func Lacks(h *cell.Hardware, m record.Machine) error {
	var lacks []string
	add := func(format string, args ...any) { lacks = append(lacks, fmt.Sprintf(format, args...)) }
	gpu := h.GPU != "" || h.GPUs > 0 || h.VRAMGiB > 0
	switch {
	case gpu && m.GPUName == "":
		add("%s, and this machine shows none", strings.TrimSpace("a GPU "+h.GPU))
	case h.GPU != "" && !slices.ContainsFunc(strings.Split(m.GPUName, ", "), func(name string) bool { return SameGPU(h.GPU, name) }):
		add("%s, and this machine has %s", h.GPU, m.GPUName)
	}
	if m.GPUName != "" && int64(h.GPUs) > m.GPUs {
		add("%d GPUs, and this machine has %d", h.GPUs, m.GPUs)
	}
	if bytes := m.GPUMemoryBytes; bytes != nil && h.VRAMGiB > 0 && format.GiB(*bytes) < h.VRAMGiB*vramMargin {
		add("%.4g GiB of VRAM, and this GPU has %.4g", h.VRAMGiB, format.GiB(*bytes))
	}
	if m.RAMBytes > 0 && format.GiB(m.RAMBytes) < h.RAMGiB*vramMargin {
		add("%.4g GiB of RAM, and this machine has %.4g", h.RAMGiB, format.GiB(m.RAMBytes))
	}
	if h.MinDriver != "" && m.Driver != "" && olderVersion(m.Driver, h.MinDriver) {
		add("driver %s, and this machine has %s", h.MinDriver, m.Driver)
	}
	if len(lacks) == 0 {
		return nil
	}
	return fmt.Errorf("hardware %s needs %s", h.ID, strings.Join(lacks, "; "))
}

// SameGPU compares product names; the maker's name and the case do not matter.
func SameGPU(a, b string) bool {
	short := func(s string) string {
		return strings.TrimSpace(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "nvidia "))
	}
	return short(a) == short(b)
}

// olderVersion compares dotted numbers part by part.
func olderVersion(have, need string) bool {
	a, b := strings.Split(have, "."), strings.Split(need, ".")
	for i := range b {
		if i >= len(a) {
			return true
		}
		x, errX := strconv.Atoi(a[i])
		y, errY := strconv.Atoi(b[i])
		if errX != nil || errY != nil {
			return false // not numbers: no claim
		}
		if x != y {
			return x < y
		}
	}
	return false
}
