//go:build linux && (amd64 || arm64) && !nonvml

package telemetry

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/ebitengine/purego"
)

// Built reports whether this binary can load NVML: on Linux, where NVML is.
func Built() bool { return true }

// What is used of nvml.h. NVIDIA's go-nvml needs cgo, so no machine could build for
// another one, and binaries without cgo had no GPU columns.
const (
	nvmlSuccess          = 0
	nvmlInsufficientSize = 7
	nvmlDriverNotLoaded  = 9
	nvmlLibraryNotFound  = 12

	nvmlClockSM     = 1 // nvmlClockType_t
	nvmlClockMemory = 2

	nvmlPCIeSent     = 0 // nvmlPcieUtilCounter_t
	nvmlPCIeReceived = 1

	nvmlNoMemory = math.MaxUint64 // NVML_VALUE_NOT_AVAILABLE
)

// nvmlMemory, nvmlMemoryV2, nvmlUtilization and nvmlProcess have the layout of NVML's structures in C. The first counts
// what the driver reserves as used; its second version does not, and has its own version number in it.
type nvmlMemory struct{ Total, Free, Used uint64 }

type nvmlMemoryV2 struct {
	Version                     uint32
	Total, Reserved, Free, Used uint64
}

// nvmlMemoryVersion is NVML_STRUCT_VERSION(Memory, 2): the size of the struct in the low bits.
const nvmlMemoryVersion = 40 | 2<<24

type nvmlUtilization struct{ GPU, Memory uint32 } // percent

type nvmlProcess struct {
	PID                  uint32
	Used                 uint64 // bytes
	GPUInstance, Compute uint32
}

type (
	text      = func(device uintptr, to *byte, length uint32) int32
	number    = func(device uintptr, to *uint32) int32
	large     = func(device uintptr, to *uint64) int32
	numberOf  = func(device uintptr, of uint32, to *uint32) int32
	processes = func(device uintptr, n *uint32, to *nvmlProcess) int32
)

// library is NVML of this machine: a function that its version lacks is nil.
type library struct {
	system  gpuSystem
	devices []uintptr

	init, shutdown     func() int32
	errorString        func(ret int32) string
	driverVersion      func(to *byte, length uint32) int32
	cudaVersion        func(to *int32) int32
	count              func(to *uint32) int32
	handle             func(i uint32, to *uintptr) int32
	processName        func(pid uint32, to *byte, length uint32) int32
	uuid, name         text
	powerLimit, power  number
	memory             func(device uintptr, to *nvmlMemory) int32
	memoryV2           func(device uintptr, to *nvmlMemoryV2) int32
	utilization        func(device uintptr, to *nvmlUtilization) int32
	energy             large
	events, throttle   large
	clock, temperature numberOf
	pcie               numberOf
	compute, graphics  processes
}

// functions are what is asked of the library, by the names of its symbols. One that a driver lacks stays nil, and its
// figures are absent.
func (l *library) functions() map[string]any {
	return map[string]any{
		"nvmlInit_v2": &l.init, "nvmlShutdown": &l.shutdown, "nvmlErrorString": &l.errorString,
		"nvmlSystemGetDriverVersion": &l.driverVersion, "nvmlSystemGetCudaDriverVersion": &l.cudaVersion,
		"nvmlDeviceGetCount_v2": &l.count, "nvmlDeviceGetHandleByIndex_v2": &l.handle, "nvmlSystemGetProcessName": &l.processName,
		"nvmlDeviceGetUUID": &l.uuid, "nvmlDeviceGetName": &l.name,
		"nvmlDeviceGetEnforcedPowerLimit": &l.powerLimit, "nvmlDeviceGetPowerUsage": &l.power,
		"nvmlDeviceGetMemoryInfo": &l.memory, "nvmlDeviceGetMemoryInfo_v2": &l.memoryV2,
		"nvmlDeviceGetUtilizationRates": &l.utilization, "nvmlDeviceGetTotalEnergyConsumption": &l.energy,
		"nvmlDeviceGetCurrentClocksEventReasons": &l.events, "nvmlDeviceGetCurrentClocksThrottleReasons": &l.throttle,
		"nvmlDeviceGetClockInfo": &l.clock, "nvmlDeviceGetTemperature": &l.temperature, "nvmlDeviceGetPcieThroughput": &l.pcie,
		"nvmlDeviceGetComputeRunningProcesses_v3": &l.compute, "nvmlDeviceGetGraphicsRunningProcesses_v3": &l.graphics,
	}
}

// openGPU loads NVML (10 ms on a machine that has it).
func openGPU() (gpuReader, error) { return openNVML("libnvidia-ml.so.1") }

// openNVML loads the library by dlopen: the driver brings it, so it can be no dependency of the build. ErrNoNVML means that
// this machine has none, or no driver behind it; any other error is one of a machine that should have figures.
func openNVML(file string) (gpuReader, error) {
	lib, err := purego.Dlopen(file, purego.RTLD_LAZY|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoNVML, err)
	}
	l := &library{}
	for name, function := range l.functions() {
		if symbol, err := purego.Dlsym(lib, name); err == nil {
			purego.RegisterFunc(function, symbol)
		}
	}
	for _, needed := range []bool{l.init != nil, l.shutdown != nil, l.errorString != nil, l.count != nil, l.handle != nil} {
		if !needed {
			return nil, fmt.Errorf("%w: %s is too old", ErrNoNVML, file)
		}
	}
	switch ret := l.init(); ret {
	case nvmlSuccess:
	case nvmlLibraryNotFound, nvmlDriverNotLoaded:
		return nil, fmt.Errorf("%w: %s", ErrNoNVML, l.errorString(ret))
	default:
		return nil, fmt.Errorf("start NVML: %s", l.errorString(ret))
	}
	if err := l.enumerate(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// enumerate opens each GPU, by NVML's index, and asks for what does not change.
func (l *library) enumerate() error {
	if l.driverVersion != nil {
		l.system.Driver = spelled(80, l.driverVersion)
	}
	var cuda int32
	if l.cudaVersion != nil && l.cudaVersion(&cuda) == nvmlSuccess {
		l.system.CUDA = fmt.Sprintf("%d.%d", cuda/1000, cuda%1000/10)
	}
	var n uint32
	if ret := l.count(&n); ret != nvmlSuccess {
		return fmt.Errorf("count GPUs: %s", l.errorString(ret))
	}
	for i := range n {
		var d uintptr
		if ret := l.handle(i, &d); ret != nvmlSuccess {
			return fmt.Errorf("open GPU %d: %s", i, l.errorString(ret))
		}
		of := func(call text) string {
			if call == nil {
				return ""
			}
			return spelled(96, func(to *byte, length uint32) int32 { return call(d, to, length) })
		}
		l.devices = append(l.devices, d)
		l.system.Devices = append(l.system.Devices, gpuDevice{UUID: of(l.uuid), Name: of(l.name), PowerLimitW: figure(d, l.powerLimit, 1e-3)})
	}
	return nil
}

// spelled is a text that NVML writes into a buffer of so many bytes; "" when it does not.
func spelled(length uint32, call func(to *byte, length uint32) int32) string {
	buffer := make([]byte, length)
	if call(&buffer[0], length) != nvmlSuccess {
		return ""
	}
	name, _, _ := bytes.Cut(buffer, []byte{0})
	return string(name)
}

// figure is nil unless this library has the function and it succeeds.
func figure[N uint32 | uint64](device uintptr, call func(uintptr, *N) int32, unit float64) *float64 {
	var n N
	if call == nil || call(device, &n) != nvmlSuccess {
		return nil
	}
	value := float64(n) * unit
	return &value
}

// figureOf is figure of one clock, sensor or counter.
func figureOf(device uintptr, call numberOf, of uint32, unit float64) *float64 {
	if call == nil {
		return nil
	}
	return figure(device, func(d uintptr, to *uint32) int32 { return call(d, of, to) }, unit)
}

// System is what was read when the library was opened.
func (l *library) System() gpuSystem { return l.system }

// Close shuts NVML down; no other method may be called then.
func (l *library) Close() { l.shutdown() }

// Read takes one reading of a GPU in SI units. pcie asks for its traffic too, which NVML measures over a window of its own,
// waiting meanwhile.
func (l *library) Read(i int, pcie bool) gpuReading {
	d := l.devices[i]
	r := gpuReading{
		PowerW: figure(d, l.power, 1e-3), EnergyJ: figure(d, l.energy, 1e-3),
		SMClockHz: figureOf(d, l.clock, nvmlClockSM, 1e6), MemClockHz: figureOf(d, l.clock, nvmlClockMemory, 1e6),
		TempC: figureOf(d, l.temperature, 0, 1), Throttle: figure(d, l.events, 1),
	}
	if l.events == nil { // its name before driver 535
		r.Throttle = figure(d, l.throttle, 1)
	}
	r.MemTotal, r.MemUsed = l.readMemory(d)
	if u := (nvmlUtilization{}); l.utilization != nil && l.utilization(d, &u) == nvmlSuccess {
		gpu, memory := float64(u.GPU)/100, float64(u.Memory)/100
		r.Util, r.MemUtil = &gpu, &memory
	}
	if pcie {
		r.PCIeTx = figureOf(d, l.pcie, nvmlPCIeSent, 1024) // NVML says KB/s and means KiB
		r.PCIeRx = figureOf(d, l.pcie, nvmlPCIeReceived, 1024)
	}
	l.readProcesses(d, &r)
	return r
}

// readMemory prefers version 2: version 1 counts what the driver reserves (480 MiB on an idle H100) as used.
func (l *library) readMemory(d uintptr) (total, used *float64) {
	m := nvmlMemoryV2{Version: nvmlMemoryVersion}
	if l.memoryV2 == nil || l.memoryV2(d, &m) != nvmlSuccess {
		var old nvmlMemory
		if l.memory == nil || l.memory(d, &old) != nvmlSuccess {
			return nil, nil
		}
		m.Total, m.Used = old.Total, old.Used
	}
	all, taken := float64(m.Total), float64(m.Used)
	return &all, &taken
}

// readProcesses lists who holds memory. Utilisation per process is not asked for: NVML answers it with
// "not found" whenever the GPU is idle, and the device's own says as much.
func (l *library) readProcesses(d uintptr, r *gpuReading) {
	if l.compute == nil || l.graphics == nil {
		return
	}
	compute, ok := list(d, l.compute)
	if !ok {
		return
	}
	graphics, _ := list(d, l.graphics) // compute-only devices have none to list
	r.ProcessesKnown = true
	for kind, listed := range [][]nvmlProcess{compute, graphics} {
		for _, p := range listed {
			if kind == 1 && holds(r.Processes, int(p.PID)) {
				continue // listed under both; its memory counts once
			}
			process := GPUProcess{PID: int(p.PID), Compute: kind == 0}
			if l.processName != nil {
				process.Name = spelled(256, func(to *byte, length uint32) int32 { return l.processName(p.PID, to, length) })
			}
			if p.Used == nvmlNoMemory {
				r.ProcessMemoryUnreadable = true
			} else {
				process.Bytes = int64(p.Used)
			}
			r.Processes = append(r.Processes, process)
		}
	}
}

// list asks again with more room while the list does not fit: processes come and go between two calls.
func list(d uintptr, call processes) ([]nvmlProcess, bool) {
	for room := uint32(32); ; room *= 2 {
		listed, n := make([]nvmlProcess, room), room
		switch call(d, &n, &listed[0]) {
		case nvmlSuccess:
			return listed[:n], true
		case nvmlInsufficientSize:
		default:
			return nil, false
		}
	}
}

// holds reports that a list has a process: one that computes and draws is in both of NVML's lists.
func holds(list []GPUProcess, pid int) bool {
	return slices.ContainsFunc(list, func(p GPUProcess) bool { return p.PID == pid })
}
