//go:build cgo && linux

package telemetry

import (
	"fmt"
	"math"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Built reports whether this binary can load NVML (cgo).
func Built() bool { return true }

// library is NVML of this machine.
type library struct {
	lib     nvml.Interface
	system  gpuSystem
	devices []nvml.Device
	has     map[string]bool
}

// newer are functions that an old driver's library lacks. go-nvml binds lazily: calling one that is not
// there would end the process, so each is looked up first.
var newer = []string{
	"nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetTotalEnergyConsumption",
	"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons",
	"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v3",
	"nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetPcieThroughput",
}

// openGPU loads NVML (10 ms on a machine that has it).
func openGPU() (gpuReader, error) {
	lib := nvml.New()
	switch ret := lib.Init(); ret {
	case nvml.SUCCESS:
	case nvml.ERROR_LIBRARY_NOT_FOUND, nvml.ERROR_DRIVER_NOT_LOADED:
		return nil, fmt.Errorf("%w: %s", ErrNoNVML, nvml.ErrorString(ret))
	default:
		return nil, fmt.Errorf("start NVML: %s", lib.ErrorString(ret))
	}
	l := &library{lib: lib, has: map[string]bool{}}
	for _, name := range newer {
		l.has[name] = lib.Extensions().LookupSymbol(name) == nil
	}
	if err := l.enumerate(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *library) enumerate() error {
	l.system.Driver, _ = l.lib.SystemGetDriverVersion()
	if v, ret := l.lib.SystemGetCudaDriverVersion(); ret == nvml.SUCCESS {
		l.system.CUDA = fmt.Sprintf("%d.%d", v/1000, v%1000/10)
	}
	n, ret := l.lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return fmt.Errorf("count GPUs: %s", l.lib.ErrorString(ret))
	}
	for i := range n {
		d, ret := l.lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			return fmt.Errorf("open GPU %d: %s", i, l.lib.ErrorString(ret))
		}
		var info gpuDevice
		info.UUID, _ = d.GetUUID()
		info.Name, _ = d.GetName()
		if l.has["nvmlDeviceGetEnforcedPowerLimit"] {
			mw, ret := d.GetEnforcedPowerLimit()
			info.PowerLimitW = figure(float64(mw)/1e3, ret)
		}
		l.devices = append(l.devices, d)
		l.system.Devices = append(l.system.Devices, info)
	}
	return nil
}

func (l *library) System() gpuSystem { return l.system }

func (l *library) Close() { l.lib.Shutdown() }

// figure is nil unless the call succeeded.
func figure(value float64, ret nvml.Return) *float64 {
	if ret != nvml.SUCCESS {
		return nil
	}
	return &value
}

func (l *library) Read(i int, pcie bool) gpuReading {
	d := l.devices[i]
	var r gpuReading
	l.readMemory(d, &r)
	util, ret := d.GetUtilizationRates()
	r.Util = figure(float64(util.Gpu)/100, ret)
	r.MemUtil = figure(float64(util.Memory)/100, ret)
	mw, ret := d.GetPowerUsage()
	r.PowerW = figure(float64(mw)/1e3, ret)
	if l.has["nvmlDeviceGetTotalEnergyConsumption"] {
		mj, ret := d.GetTotalEnergyConsumption()
		r.EnergyJ = figure(float64(mj)/1e3, ret)
	}
	sm, ret := d.GetClockInfo(nvml.CLOCK_SM)
	r.SMClockHz = figure(float64(sm)*1e6, ret)
	memory, ret := d.GetClockInfo(nvml.CLOCK_MEM)
	r.MemClockHz = figure(float64(memory)*1e6, ret)
	temp, ret := d.GetTemperature(nvml.TEMPERATURE_GPU)
	r.TempC = figure(float64(temp), ret)
	l.readThrottle(d, &r)
	if pcie && l.has["nvmlDeviceGetPcieThroughput"] {
		tx, ret := d.GetPcieThroughput(nvml.PCIE_UTIL_TX_BYTES)
		r.PCIeTx = figure(float64(tx)*1024, ret) // NVML says KB/s and means KiB
		rx, ret := d.GetPcieThroughput(nvml.PCIE_UTIL_RX_BYTES)
		r.PCIeRx = figure(float64(rx)*1024, ret)
	}
	l.readProcesses(d, &r)
	return r
}

// readMemory prefers version 2: version 1 counts what the driver reserves (480 MiB on an idle H100) as used.
func (l *library) readMemory(d nvml.Device, r *gpuReading) {
	if l.has["nvmlDeviceGetMemoryInfo_v2"] {
		if m, ret := d.GetMemoryInfo_v2(); ret == nvml.SUCCESS {
			r.MemTotal, r.MemUsed = figure(float64(m.Total), ret), figure(float64(m.Used), ret)
			return
		}
	}
	m, ret := d.GetMemoryInfo()
	r.MemTotal, r.MemUsed = figure(float64(m.Total), ret), figure(float64(m.Used), ret)
}

func (l *library) readThrottle(d nvml.Device, r *gpuReading) {
	if l.has["nvmlDeviceGetCurrentClocksEventReasons"] {
		mask, ret := d.GetCurrentClocksEventReasons()
		r.Throttle = figure(float64(mask), ret)
	} else if l.has["nvmlDeviceGetCurrentClocksThrottleReasons"] {
		mask, ret := d.GetCurrentClocksThrottleReasons()
		r.Throttle = figure(float64(mask), ret)
	}
}

// readProcesses lists who holds memory. Utilisation per process is not asked for: NVML answers it with
// "not found" whenever the GPU is idle, and the device's own says as much.
func (l *library) readProcesses(d nvml.Device, r *gpuReading) {
	if !l.has["nvmlDeviceGetComputeRunningProcesses_v3"] || !l.has["nvmlDeviceGetGraphicsRunningProcesses_v3"] {
		return
	}
	compute, ret := d.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS {
		return
	}
	graphics, _ := d.GetGraphicsRunningProcesses() // compute-only devices have none to list
	r.ProcessesKnown = true
	for kind, list := range [][]nvml.ProcessInfo{compute, graphics} {
		for _, p := range list {
			if kind == 1 && holds(r.Processes, int(p.Pid)) {
				continue // listed under both; its memory counts once
			}
			name, _ := l.lib.SystemGetProcessName(int(p.Pid))
			bytes := int64(0)
			if p.UsedGpuMemory == math.MaxUint64 { // NVML_VALUE_NOT_AVAILABLE
				r.ProcessMemoryUnreadable = true
			} else {
				bytes = int64(p.UsedGpuMemory)
			}
			r.Processes = append(r.Processes, GPUProcess{PID: int(p.Pid), Name: name, Bytes: bytes, Compute: kind == 0})
		}
	}
}

func holds(list []GPUProcess, pid int) bool {
	for _, p := range list {
		if p.PID == pid {
			return true
		}
	}
	return false
}
