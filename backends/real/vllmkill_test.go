package real

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// engineProcessKilled: the kernel's OOM killer takes the engine process, not its parent. vLLM's own client
// then waits for ever; a batch must end with an error all the same.
func engineProcessKilled(t *testing.T, cell *cell.Cell, e backends.Batcher, attempt string) {
	generate := *cell.Generate
	generate.IgnoreEOS = true
	requests := func(yield func(backends.Request) bool) {
		for i := range int64(4) {
			if !yield(backends.Request{Seq: i, Prompt: "Once upon a time", MaxTokens: 1900, Generate: &generate}) {
				return
			}
		}
	}
	var killed time.Time
	strike := time.AfterFunc(2*time.Second, func() {
		killed = time.Now()
		if pid := engineCore(attempt); pid > 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	defer strike.Stop()
	err := e.GenerateAll(within(t, 2*time.Minute), requests, func(r backends.Reply) { t.Errorf("answered: %+v", r) })
	if err == nil || !strings.Contains(err.Error(), "EngineDeadError") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(killed); took > 20*time.Second {
		t.Errorf("the batch ended %s after its engine", took)
	}
}

// engineCore finds vLLM's engine process, which names itself; 0 = there is none.
func engineCore(attempt string) int {
	for _, pid := range process.OfAttempt(attempt) {
		name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
		if err == nil && strings.HasPrefix(string(name), "VLLM::EngineCor") {
			return pid
		}
	}
	return 0
}
