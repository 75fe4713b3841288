package launched

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/process"
)

func TestMain(m *testing.M) {
	process.MainIfAsked()
	os.Exit(m.Run())
}

func startShell(t *testing.T, script string) *Server {
	t.Helper()
	dir := t.TempDir()
	spec := backends.Spec{Dir: dir, LogPath: filepath.Join(dir, "server.log")}
	s, err := Start(t.Context(), spec, "shell", backends.Command{Argv: []string{"sh", "-c", script}, Dir: dir, Files: map[string]string{"said": "from a file\n"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Discard(0) })
	return s
}

// TestEnds: an end that was asked for is told from one that befell the engine, and one that came first stays.
func TestEnds(t *testing.T) {
	stopped := startShell(t, "exec sleep 600")
	if err := stopped.Cause(); err != nil || !stopped.Running() {
		t.Errorf("it runs, and ended by %v", err)
	}
	if err := stopped.Close(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if err := stopped.Cause(); err == nil || !strings.HasPrefix(err.Error(), "shell was stopped (signal: ") {
		t.Errorf("stopped: %v", err)
	}
	died := startShell(t, "cat said; exit 3")
	<-died.Done()
	if err := died.Close(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if err := died.Cause(); err == nil || err.Error() != "shell ended: exit code 3" || died.Tail(5) != "from a file" {
		t.Errorf("died: %v, %q", err, died.Tail(5))
	}
}

func TestAwait(t *testing.T) {
	never := func() (bool, error) { return false, nil }
	if err := startShell(t, "exit 3").Await(t.Context(), "early", time.Millisecond, never); err == nil || err.Error() != "shell ended early (exit code 3)" {
		t.Errorf("its end: %v", err)
	}
	s := startShell(t, "exec sleep 600")
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := s.Await(ctx, "", time.Hour, never); !errors.Is(err, why) {
		t.Errorf("the context's end: %v", err)
	}
	asked := 0
	if err := s.Await(t.Context(), "", time.Millisecond, func() (bool, error) { asked++; return asked == 3, nil }); err != nil || asked != 3 {
		t.Errorf("ready: %v after %d", err, asked)
	}
	if err := s.Await(t.Context(), "", time.Millisecond, func() (bool, error) { return false, why }); !errors.Is(err, why) {
		t.Errorf("what ready says: %v", err)
	}
}
