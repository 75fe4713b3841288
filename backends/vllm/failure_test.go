package vllm

import (
	"os"
	"strings"
	"testing"
)

func TestClassifyRealLogs(t *testing.T) {
	for _, c := range []struct {
		log, class, line, hint string
		environment            bool
	}{
		{"fail_memory_taken", "memory_taken", "ValueError: Free memory on device cuda:0 (48.15/79.18 GiB)", "other processes hold 31.0 GiB", true},
		{"fail_no_kv_room", "no_kv_room", "ValueError: No available memory for the cache blocks", "gpu_memory_utilization", false},
		{"serve_cold", "exited", "", "", false}, // it warns of "OSError: [Errno 24]" and had no failure
	} {
		text, err := os.ReadFile("testdata/logs/" + c.log + ".log")
		if err != nil {
			t.Fatal(err)
		}
		f := classify(string(text))
		if f.Class != c.class || f.Environment != c.environment || !strings.HasPrefix(f.line, c.line) || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%s: %+v", c.log, f)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		line, class string
		environment bool
	}{
		{"ModuleNotFoundError: No module named 'vllm'", "missing_package", true},
		{"OSError: [Errno 98] Address already in use", "port_taken", true},
		{"OSError: [Errno 28] No space left on device", "disk_full", true},
		{"ValueError: Free memory on device cuda:0 (78.9/79.2 GiB) on startup is less than desired GPU memory utilization", "memory_taken", false},
		{"ValueError: Available memory on node 0 (8.0/23.5 GiB) on startup is less than desired CPU memory utilization", "memory_taken", true},
		{"ValueError: To serve at least one request with the model's max seq len (131072), 16 GiB KV cache is needed", "no_kv_room", false},
		{"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB", "oom", false},
		{"api_server.py: error: unrecognized arguments: --swap-space 4", "unknown_argument", false},
		{"TypeError: EngineArgs.__init__() got an unexpected keyword argument 'swap_space'", "unknown_argument", false},
		{"OSError: meta/none is not a local folder and is not a valid model identifier", "missing_model", true},
		{"RuntimeError: Found no NVIDIA driver on your system.", "no_device", true},
		{"vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.", "engine_died", false},
		{"KeyError: 'rope'", "exited", false},
	} {
		log := "(EngineCore pid=7) Traceback (most recent call last):\n(EngineCore pid=7) " + c.line +
			"\n(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above."
		if c.class == "exited" {
			log = c.line
		}
		if f := classify(log); f.Class != c.class || f.Environment != c.environment || f.line != c.line {
			t.Errorf("%s: %+v", c.line, f)
		}
	}
}
