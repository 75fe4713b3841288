package backendtest

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/shirou/gopsutil/v4/process"
)

// leftovers lists the processes that carry this launch's attempt in their environment: the engine, its
// descendants and its guard.
func (l *launched) leftovers(t *testing.T) []string {
	t.Helper()
	pids, err := process.Pids()
	if err != nil {
		t.Fatalf("list processes: %v", err)
	}
	var found []string
	for _, pid := range pids {
		if int(pid) == os.Getpid() {
			continue
		}
		p := &process.Process{Pid: pid}
		env, err := p.Environ() // of others' processes: not permitted, so not ours
		if err != nil || !slices.Contains(env, "MATRIX_ATTEMPT="+l.attempt) {
			continue
		}
		if status, err := p.Status(); err == nil && slices.Contains(status, process.Zombie) {
			continue
		}
		name, _ := p.Cmdline()
		found = append(found, fmt.Sprintf("%d %s", pid, name))
	}
	return found
}
