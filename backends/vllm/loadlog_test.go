package vllm

import (
	"bufio"
	"maps"
	"os"
	"regexp"
	"testing"
	"time"

	"matrix/backends"
)

var stamp = regexp.MustCompile(`(?:INFO|WARNING|ERROR) (\d\d-\d\d \d\d:\d\d:\d\d) `)

// replay feeds a real log with the times that stand in it.
func replay(t *testing.T, path string) (phases map[string]time.Duration, total time.Duration, l *loadLog) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	phases = map[string]time.Duration{}
	var at time.Time
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := stamp.FindStringSubmatch(lines.Text()); m != nil {
			if at, err = time.Parse("01-02 15:04:05", m[1]); err != nil {
				t.Fatal(err)
			}
		}
		if l == nil && !at.IsZero() {
			l = newLoadLog(at, backends.Spec{Observe: func(p backends.Phase) { phases[p.Name] += p.Duration }})
		}
		if l != nil {
			l.line(at, lines.Text())
		}
		if isReady.MatchString(lines.Text()) {
			break
		}
	}
	l.ready(at)
	total = at.Sub(l.began)
	return phases, total, l
}

// isReady matches the last line of a load: a server's own words, or offline the first sign of its first batch.
var isReady = regexp.MustCompile(`Application startup complete|Triton kernel JIT compilation during inference`)

func TestLoadLog(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		phases  map[string]time.Duration
		version string
		kv      int64   // 0 = not told
		weights float64 // GiB, 0 = not told
	}{
		{"offline", map[string]time.Duration{
			"import": 17 * time.Second, "workers": 3 * time.Second, "weights": 673 * ms, "compile": 45630 * ms,
			"graph_capture": 8 * time.Second, "kv_init": 15200 * ms, "ready": time.Second,
		}, "0.22.1", 452_931, 7.82},
		{"serve_cold", map[string]time.Duration{
			"import": 39 * time.Second, "workers": 6 * time.Second, "weights": 570 * ms, "compile": 41460 * ms,
			"graph_capture": 8 * time.Second, "kv_init": 13910 * ms, "ready": 8 * time.Second,
		}, "0.22.1", 453_223, 7.82},
		{"serve_warm", map[string]time.Duration{
			"import": 39 * time.Second, "workers": 7 * time.Second, "weights": 637 * ms, "compile": 6460 * ms,
			"graph_capture": 8 * time.Second, "kv_init": 4360 * ms, "ready": 7 * time.Second,
		}, "0.22.1", 453_223, 7.82},
		{"cpu", map[string]time.Duration{
			"import": 15 * time.Second, "workers": 6 * time.Second, "weights": 260 * ms, "kv_init": 690 * ms, "ready": 6 * time.Second,
		}, "0.32.0", 110_733, 0},
		{"fail_no_kv_room", map[string]time.Duration{"import": 32 * time.Second, "workers": 5 * time.Second, "weights": 459 * ms}, "0.22.1", 0, 7.82},
		{"fail_memory_taken", map[string]time.Duration{"import": 32 * time.Second}, "0.22.1", 0, 0},
	} {
		phases, total, l := replay(t, "testdata/logs/"+c.name+".log")
		sum := time.Duration(0)
		for name, d := range phases {
			phases[name] = d.Round(ms)
			sum += d
		}
		// Times in a log are whole seconds, so each phase read off it may be one off; those that are stated are exact.
		if c.kv > 0 && (total-sum).Abs() > 3*time.Second {
			t.Errorf("%s: the phases add up to %s of %s", c.name, sum, total)
		}
		if !maps.Equal(phases, c.phases) {
			t.Errorf("%s: phases %v, want %v", c.name, phases, c.phases)
		}
		version, kv, weights := l.facts()
		if version != c.version {
			t.Errorf("%s: version %q", c.name, version)
		}
		if told := kv != nil; told != (c.kv > 0) || told && *kv != c.kv {
			t.Errorf("%s: KV tokens %v", c.name, kv)
		}
		if told := weights != nil; told != (c.weights > 0) || told && *weights != int64(c.weights*(1<<30)) {
			t.Errorf("%s: weights %v", c.name, weights)
		}
	}
}

// The slowest worker counts, and wordings of other versions are known.
func TestLoadLogLines(t *testing.T) {
	began := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	got := map[string]time.Duration{}
	l := newLoadLog(began, backends.Spec{Observe: func(p backends.Phase) { got[p.Name] += p.Duration }})
	for _, line := range []string{
		"(EngineCore_DP0 pid=1) INFO 11-23 19:53:46 [core.py:112] Initializing a V1 LLM engine (v0.28.1.dev3+g1234) with config: x",
		"(EngineCore_DP1 pid=2) INFO 11-23 19:53:46 [core.py:112] Initializing a V1 LLM engine (v0.28.1.dev3+g1234) with config: x",
		"(Worker_TP0 pid=3) INFO [gpu_model_runner.py:1] Starting to load model m...",
		"(Worker_TP0 pid=3) INFO [default_loader.py:501] Loading weights took 2.00 seconds",
		"(Worker_TP1 pid=4) INFO [default_loader.py:501] Loading weights took 3.50 seconds",
		"(Worker_TP0 pid=3) INFO [model_runner.py:9] Model loading took 1.50 GiB and 3.00 seconds",
		"(Worker_TP0 pid=3) INFO [monitor.py:53] torch.compile and initial profiling took 10.00 s in total",
		"(EngineCore pid=1) INFO [core.py:302] init engine (profile, create kv cache, warmup model) took 12.00 seconds",
	} {
		l.line(began.Add(time.Second), line)
	}
	l.line(began.Add(9*time.Second), "(Worker_TP1 pid=4) INFO [gpu_model_runner.py:1] Starting to load model again...") // once is enough
	l.ready(began.Add(4 * time.Second))
	want := map[string]time.Duration{
		"import": time.Second, "workers": 0, "weights": 3500 * time.Millisecond, "compile": 10 * time.Second, "kv_init": 2 * time.Second, "ready": 3 * time.Second,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
