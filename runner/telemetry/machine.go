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

// Machine tells what this machine is; parts that cannot be read stay empty and are named in warnings.
func Machine(ctx context.Context) (m record.Machine, warnings []string) {
	warn := func(what string, err error) {
		warnings = append(warnings, fmt.Sprintf("this machine's %s cannot be read: %v", what, err))
	}
	var err error
	if m.Host, err = os.Hostname(); err != nil {
		warn("name", err)
	}
	m.Cores = int64(hostCores())
	if m.CPU, err = cpuModel(ctx); err != nil {
		warn("CPU model", err)
	}
	if memory, err := mem.VirtualMemoryWithContext(ctx); err != nil {
		warn("memory", err)
	} else {
		m.RAMBytes = int64(memory.Total)
	}
	if m.Kernel, err = host.KernelVersionWithContext(ctx); err != nil {
		warn("kernel", err)
	}
	m.OS = osName(ctx)
	m.Governor = governor("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	reader, err := openGPU()
	if err != nil {
		return m, append(warnings, gpuAbsence(err))
	}
	defer reader.Close()
	addGPUs(&m, reader)
	return m, warnings
}

func cpuModel(ctx context.Context) (string, error) {
	infos, err := cpu.InfoWithContext(ctx)
	if err != nil {
		return "", err
	}
	for _, info := range infos {
		if name := strings.Join(strings.Fields(info.ModelName), " "); name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("the kernel names none") // many arm64 boards
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
