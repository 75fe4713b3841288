package backendtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"

	"github.com/oklog/ulid/v2"
)

// launched is one engine with what the cases need to look at it.
type launched struct {
	Suite
	cell    *cell.Cell // as the suite made it for this launch
	spec    backends.Spec
	engine  backends.Engine // closed by the test's cleanup
	mu      sync.Mutex      // guards phases, which any goroutine reports
	phases  []backends.Phase
	attempt string // ULID; what carries it in its environment is this launch's
}

// resolve wants the engine and the model to be there, so that what follows tests the backend and not the machine.
func (s Suite) resolve(t *testing.T) {
	id, err := s.Backend.Resolve(s.within(t), s.Cell(t))
	if err != nil {
		t.Fatalf("resolve: %v", err)
	}
	if id.Engine == "" {
		t.Error("the identity names no engine")
	}
	if id.Missing != nil {
		t.Errorf("this machine lacks %v", id.Missing)
	}
}

// launch starts the engine; it is closed when the test ends, however that is.
func (s Suite) launch(t *testing.T) *launched {
	t.Helper()
	// Not t.TempDir: a Unix socket in it could outgrow its 108 bytes under a long test name.
	dir, err := os.MkdirTemp("", "matrix-conformance-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := &launched{Suite: s, cell: s.Cell(t), attempt: ulid.Make().String()}
	l.spec = backends.Spec{
		Cell: l.cell, Attempt: l.attempt, Dir: filepath.Join(dir, "work"),
		LogPath: filepath.Join(dir, "server.log"), Timeout: s.LoadTimeout,
		Observe: func(p backends.Phase) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.phases = append(l.phases, p)
		},
	}
	if err := os.MkdirAll(l.spec.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	l.engine, err = s.Backend.Launch(t.Context(), l.spec)
	if err != nil {
		log, _ := os.ReadFile(l.spec.LogPath)
		t.Fatalf("launch: %v\n%s", err, log)
	}
	t.Logf("launched in %.2f s", time.Since(began).Seconds())
	t.Cleanup(func() { _ = l.engine.Close(context.Background()) })
	return l
}

// info looks at what the engine says of itself.
func (l *launched) info(t *testing.T) {
	info := l.engine.Info()
	if info.Engine == "" || info.Version == "" {
		t.Errorf("engine %q, version %q: both must be known after a launch", info.Engine, info.Version)
	}
	if info.Attached != l.Can.Attached {
		t.Errorf("attached = %v, want %v", info.Attached, l.Can.Attached)
	}
	if !l.Can.Attached {
		l.ownProcess(t, info)
	}
	select {
	case <-l.engine.Done():
		t.Errorf("Done is closed on a live engine: %v", info.Cause)
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Can.Phases && len(l.phases) == 0 {
		t.Error("no phase of the launch was reported")
	}
	for _, p := range l.phases {
		if p.Name == "" || p.Duration < 0 || p.Duration > l.LoadTimeout {
			t.Errorf("phase %q took %v", p.Name, p.Duration)
		}
	}
}

// ownProcess wants everything by which a launched engine is watched and, after a crash of ours, found.
func (l *launched) ownProcess(t *testing.T, info backends.Info) {
	t.Helper()
	if len(info.PIDs) == 0 {
		t.Error("a launched engine has a process")
	}
	if len(info.Argv) == 0 {
		t.Error("a launched engine has an argv")
	}
	if len(l.leftovers(t)) == 0 {
		t.Error("no process carries the attempt in MATRIX_ATTEMPT")
	}
	if _, err := os.Stat(info.LogPath); err != nil {
		t.Errorf("log: %v", err)
	}
}

// closes ends the engine in order, twice.
func (l *launched) closes(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 2 {
		if err := l.engine.Close(ctx); err != nil {
			t.Errorf("close %d: %v", i+1, err)
		}
	}
	if l.Can.Attached {
		return
	}
	l.gone(t)
	if reply := l.engine.Generate(l.within(t), l.request(l.cell, 900)); reply.Status == backends.OK {
		t.Error("a closed engine answered")
	}
}

// gone waits for Done and for the last process; 5 s is what the project promises after any end.
func (l *launched) gone(t *testing.T) {
	t.Helper()
	select {
	case <-l.engine.Done():
	case <-time.After(5 * time.Second):
		t.Error("Done is still open 5 s after the engine's end")
	}
	deadline := time.Now().Add(5 * time.Second)
	for len(l.leftovers(t)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("left running: %v", l.leftovers(t))
		}
		time.Sleep(20 * time.Millisecond)
	}
}
