package telemetry

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/results/record"

	"github.com/shirou/gopsutil/v4/common"
)

// recordedGPU replays readings that NVML gave on an H100, the same for each of its devices.
type recordedGPU struct {
	system gpuSystem
	rows   []gpuReading
	next   int
	closed bool
}

func (g *recordedGPU) System() gpuSystem { return g.system }
func (g *recordedGPU) Close()            { g.closed = true }

func (g *recordedGPU) Read(i int, pcie bool) gpuReading {
	row := g.rows[g.next%len(g.rows)]
	if i == len(g.system.Devices)-1 {
		g.next++
	}
	if pcie {
		row.PCIeTx, row.PCIeRx = ptr(1024), ptr(2048)
	}
	return row
}

func ptr(v float64) *float64 { return &v }

// recorded reads testdata/nvml_h100.jsonl: idle, loaded, and running.
func recorded(t *testing.T, devices int) *recordedGPU {
	t.Helper()
	f, err := os.Open("testdata/nvml_h100.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g := &recordedGPU{system: gpuSystem{Driver: "580.159.04", CUDA: "13.0"}}
	for i := range devices {
		g.system.Devices = append(g.system.Devices, gpuDevice{
			UUID: "GPU-" + string(rune('a'+i)), Name: "NVIDIA H100 80GB HBM3", PowerLimitW: ptr(700),
		})
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var row struct {
			Energy float64                              `json:"energy_mJ"`
			Power  float64                              `json:"power_mW"`
			SM     float64                              `json:"sm_MHz"`
			Temp   float64                              `json:"temp_C"`
			Reason float64                              `json:"clock_event_reasons"`
			Mem    struct{ Total, Used float64 }        `json:"mem_v2"`
			Util   struct{ Gpu, Memory float64 }        `json:"util"`
			Procs  []struct{ Pid, UsedGpuMemory int64 } `json:"procs"`
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		r := gpuReading{
			MemTotal: &row.Mem.Total, MemUsed: &row.Mem.Used, Util: ptr(row.Util.Gpu / 100), PowerW: ptr(row.Power / 1e3),
			EnergyJ: ptr(row.Energy / 1e3), SMClockHz: ptr(row.SM * 1e6), TempC: &row.Temp, Throttle: &row.Reason,
			ProcessesKnown: true,
		}
		for _, p := range row.Procs {
			r.Processes = append(r.Processes, GPUProcess{PID: int(p.Pid), Bytes: p.UsedGpuMemory, Compute: true})
		}
		g.rows = append(g.rows, r)
	}
	return g
}

func TestGPUProbeReadsEveryDevice(t *testing.T) {
	for _, devices := range []int{1, 2, 8} {
		g := recorded(t, devices)
		r := newRecorder()
		probe := r.gpuProbe(g, func() []int { return []int{1048} }, true)
		for round := range g.rows {
			bySource := map[string]map[string]float64{}
			for _, s := range probe(context.Background(), false) {
				if bySource[s.Source] == nil {
					bySource[s.Source] = map[string]float64{}
				}
				bySource[s.Source][s.Metric] = s.Value
			}
			if len(bySource) != devices {
				t.Fatalf("%d devices: samples of %d", devices, len(bySource))
			}
			checkH100(t, round, g.rows[round], bySource["nvml:GPU-a"])
		}
		if len(r.warnings) != 0 {
			t.Errorf("warnings %v", r.warnings)
		}
	}
}

func checkH100(t *testing.T, round int, row gpuReading, got map[string]float64) {
	t.Helper()
	if got["memory_total_bytes"] != 85520809984 || got["pcie_rx_bytes_per_s"] != 2048 {
		t.Errorf("round %d: %v", round, got)
	}
	if _, ok := got["memory_util_ratio"]; ok {
		t.Error("a figure that the device does not tell became a sample")
	}
	if got["power_w"] < 70 || got["power_w"] > 700 || got["sm_clock_hz"] < 300e6 || got["energy_j"] < 19000 {
		t.Errorf("round %d: units are wrong: %v", round, got)
	}
	memory, ok := got["process_memory_bytes"]
	switch idle := len(row.Processes) == 0; {
	case !ok:
		t.Errorf("round %d: no memory of the engine", round)
	case idle && memory != 0, !idle && memory < 9e9:
		t.Errorf("round %d: the engine holds %v bytes", round, memory)
	}
}

func TestProcessMemoryIsNotInvented(t *testing.T) {
	held := []GPUProcess{{PID: 7, Bytes: 100}, {PID: 8, Bytes: 20}}
	for name, tt := range map[string]struct {
		now  gpuReading
		ours []int
		want *float64
	}{
		"ours":            {gpuReading{ProcessesKnown: true, Processes: held}, []int{7, 8, 9}, ptr(120)},
		"one of ours":     {gpuReading{ProcessesKnown: true, Processes: held}, []int{8}, ptr(20)},
		"nobody's":        {gpuReading{ProcessesKnown: true}, []int{7}, ptr(0)},
		"others' ids":     {gpuReading{ProcessesKnown: true, Processes: held}, []int{1}, nil},
		"not listed":      {gpuReading{}, []int{7}, nil},
		"without figures": {gpuReading{ProcessesKnown: true, Processes: held, ProcessMemoryUnreadable: true}, []int{7}, nil},
	} {
		got := processMemory(tt.now, tt.ours)
		if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestListGPUs(t *testing.T) {
	g := recorded(t, 2)
	g.next = 2
	gpus := listGPUs(g)
	if len(gpus) != 2 || gpus[1].Index != 1 || gpus[1].UUID != "GPU-b" || gpus[0].MemoryTotal != 85520809984 {
		t.Fatalf("%+v", gpus)
	}
	if p := gpus[0].Processes; len(p) != 1 || p[0].PID != 1048 || !p[0].Compute || p[0].Bytes < 9e9 {
		t.Errorf("processes %+v", p)
	}
}

func TestMachineNamesItsGPUs(t *testing.T) {
	var m record.Machine
	addGPUs(&m, recorded(t, 2))
	if m.GPUs != 2 || m.GPUName != "NVIDIA H100 80GB HBM3" || m.GPUUUID != "GPU-a,GPU-b" || m.Driver != "580.159.04" ||
		m.CUDA != "13.0" || m.PowerLimitW == nil || *m.PowerLimitW != 700 || m.GPUMemoryBytes == nil {
		t.Errorf("%+v", m)
	}
	m = record.Machine{}
	addGPUs(&m, recorded(t, 0))
	if m.GPUs != 0 || m.GPUName != "" || m.GPUMemoryBytes != nil {
		t.Errorf("a driver without devices: %+v", m)
	}
}

func TestMachineHere(t *testing.T) {
	m, err := Machine(t.Context())
	if err != nil || m.Host == "" || m.Cores < 1 || m.RAMBytes < 1<<20 || m.Kernel == "" || m.OS == "" {
		t.Errorf("%+v, %v", m, err)
	}
	gpus, err := GPUs()
	if (err == nil) != (m.GPUs > 0 || m.Driver != "") {
		t.Errorf("GPUs: %v, %v; machine: %+v", gpus, err, m)
	}
}

// A processor that cannot be read is an error: without its name the results would be another machine's.
func TestMachineUnread(t *testing.T) {
	ctx := context.WithValue(t.Context(), common.EnvKey, common.EnvMap{common.HostProcEnvKey: t.TempDir()})
	if _, err := Machine(ctx); err == nil || !strings.Contains(err.Error(), "CPU model cannot be read") {
		t.Errorf("%v", err)
	}
}

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		began := time.Now()
		fast := func(_ context.Context, last bool) []Sample {
			if last {
				return []Sample{{At: time.Now(), Metric: "last"}}
			}
			return []Sample{{At: time.Now(), Metric: "fast"}}
		}
		hangs := func(ctx context.Context, last bool) []Sample { // an engine that never answers
			<-ctx.Done()
			r.warn("it hangs")
			return nil
		}
		counts, ended := map[string]int{}, false
		r.run([]probe{fast, hangs}, time.Second, func(batch []Sample) {
			for _, s := range batch {
				counts[s.Metric]++
			}
		}, func() { ended = true })
		time.Sleep(10*time.Second + 500*time.Millisecond)
		warnings := r.Stop()
		if counts["fast"] != 11 || counts["last"] != 1 {
			t.Errorf("samples %v, want 11 and a last one", counts)
		}
		if !ended || !slices.Equal(warnings, []string{"it hangs"}) {
			t.Errorf("ended %v, warnings %v", ended, warnings)
		}
		if took := time.Since(began); took > 10*time.Second+500*time.Millisecond+lastReading {
			t.Errorf("stopped after %v", took)
		}
	})
}

func TestStartAndStop(t *testing.T) {
	seen := map[string]bool{}
	r := Start(Target{PIDs: func() []int { return []int{os.Getpid()} }}, time.Nanosecond, func(batch []Sample) {
		for _, s := range batch {
			seen[s.Source+" "+s.Metric] = true
		}
	})
	warnings := r.Stop()
	for _, want := range []string{"process rss_bytes", "process cpu_s", "process threads", "process processes", "host host_mem_used_bytes"} {
		if !seen[want] {
			t.Errorf("%s was never sampled: %v", want, seen)
		}
	}
	if _, err := GPUs(); err != nil && len(warnings) != 1 {
		t.Errorf("without a GPU one warning is due: %v", warnings)
	}
}

func TestHostRatio(t *testing.T) {
	if got, ok := (load{busy: 30, total: 200}).ratio(load{busy: 10, total: 100}); !ok || got != 0.2 {
		t.Errorf("got %v %v, want 0.2", got, ok)
	}
	if _, ok := (load{busy: 10, total: 100}).ratio(load{busy: 10, total: 100}); ok {
		t.Error("no time passed, yet there is a ratio")
	}
}

func TestQuiet(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Quiet(ctx, time.Hour); got >= 0 {
		t.Errorf("got %v busy cores from a wait that was ended", got)
	}
	if got := Quiet(t.Context(), 50*time.Millisecond); got > float64(hostCores()) {
		t.Errorf("%v of %d cores are busy", got, hostCores())
	}
}

// A launch beside others sees its own GPUs only.
func TestOwnGPUsOnly(t *testing.T) {
	g := recorded(t, 4)
	r := newRecorder()
	r.gpus = []string{"GPU-b", "GPU-d"}
	sources := map[string]bool{}
	for _, s := range r.gpuProbe(g, func() []int { return nil }, false)(context.Background(), false) {
		sources[s.Source] = true
	}
	if len(sources) != 2 || !sources["nvml:GPU-b"] || !sources["nvml:GPU-d"] {
		t.Errorf("read %v", sources)
	}
}
