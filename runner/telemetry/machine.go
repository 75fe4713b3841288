package telemetry

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"matrix/results/record"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
)

// Machine tells what this machine is. An error is what a result's identity would miss without anybody seeing it; figures of
// a GPU that no driver gives are none, and the recorder says so.
func Machine(ctx context.Context) (m record.Machine, err error) {
	m.Cores = int64(hostCores())
	memory := new(mem.VirtualMemoryStat)
	for _, part := range []struct {
		name string
		read func() error
	}{
		{"name", func() (err error) { m.Host, err = os.Hostname(); return err }},
		{"CPU model", func() (err error) { m.CPU, err = cpuModel(ctx); return err }},
		{"memory", func() (err error) { memory, err = mem.VirtualMemoryWithContext(ctx); return err }},
		{"kernel", func() (err error) { m.Kernel, err = host.KernelVersionWithContext(ctx); return err }},
	} {
		if err := part.read(); err != nil {
			return m, fmt.Errorf("this machine's %s cannot be read, which its results are known by: %w", part.name, err)
		}
	}
	m.RAMBytes = int64(memory.Total)
	m.OS = osName(ctx)
	m.Governor = governor("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	if reader, err := openGPU(); err == nil {
		defer reader.Close()
		addGPUs(&m, reader)
	}
	return m, nil
}

// cpuModel is the processor's name; "" where the kernel names none, as on many arm64 boards.
func cpuModel(ctx context.Context) (string, error) {
	infos, err := cpu.InfoWithContext(ctx)
	for _, info := range infos {
		if name := strings.Join(strings.Fields(info.ModelName), " "); name != "" {
			return name, nil
		}
	}
	return "", err
}

// osName is "debian 12.5 linux/amd64"; the distribution is left out where nothing says it.
func osName(ctx context.Context) string {
	platform, _, version, _ := host.PlatformInformationWithContext(ctx)
	return strings.Join(strings.Fields(platform+" "+version+" "+runtime.GOOS+"/"+runtime.GOARCH), " ")
}

// governor is the CPU's frequency policy; "" where the kernel offers none, as in most virtual machines.
func governor(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// addGPUs describes the first device and counts them all; a mixed machine names each product.
func addGPUs(m *record.Machine, reader gpuReader) {
	system := reader.System()
	m.Driver, m.CUDA, m.GPUs = system.Driver, system.CUDA, int64(len(system.Devices))
	var names, uuids []string
	for _, d := range system.Devices {
		if len(names) == 0 || names[len(names)-1] != d.Name {
			names = append(names, d.Name)
		}
		uuids = append(uuids, d.UUID)
	}
	m.GPUName, m.GPUUUID = strings.Join(names, ", "), strings.Join(uuids, ",")
	if len(system.Devices) == 0 {
		return
	}
	m.PowerLimitW = system.Devices[0].PowerLimitW
	if total := reader.Read(0, false).MemTotal; total != nil {
		bytes := int64(*total)
		m.GPUMemoryBytes = &bytes
	}
}
