// Package launched owns what launched engines have in common: the process that a launch starts, the wait until it is ready,
// its log, and whether its end was asked for. It knows no engine; what a log says, each engine's own package reads.
package launched

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"matrix/backends"
	"matrix/backends/process"
)

// Server is the process of one launch.
type Server struct {
	*process.Process
	Name    string           // of the engine, as messages have it: "ollama"
	Command backends.Command // as it was started

	stopped atomic.Bool        // it was running when we stopped it, so its end is no news
	cancel  context.CancelFunc // ends the watch; never nil
	watcher sync.WaitGroup
}

// Start writes the command's files and starts it. The error is a *backends.LaunchError of the environment: nothing of the
// cell has been tried yet.
func Start(ctx context.Context, spec backends.Spec, name string, cmd backends.Command, extra ...*os.File) (*Server, error) {
	for file, text := range cmd.Files {
		if err := os.WriteFile(filepath.Join(spec.Dir, file), []byte(text), 0o600); err != nil {
			return nil, unwritten(file, err)
		}
	}
	p, err := process.Start(ctx, process.Command{
		Argv: cmd.Argv, Env: process.Env(cmd.Env), Dir: cmd.Dir, LogPath: spec.LogPath, ExtraFiles: extra, Attempt: spec.Attempt,
	})
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "spawn", Err: err}
	}
	return &Server{Process: p, Name: name, Command: cmd, cancel: func() {}}, nil
}

// unwritten is a launch whose own files could not be written.
func unwritten(file string, err error) error {
	e := &backends.LaunchError{Environment: true, Class: "disk", Err: fmt.Errorf("write %s: %w", file, err), Hint: "see that the results' folder can be written"}
	if errors.Is(err, syscall.ENOSPC) {
		e.Class, e.Hint = "disk_full", "free some disk space where the results are"
	}
	return e
}

// Watch calls each, from a goroutine of its own, with every line that the process prints, until Unwatch.
func (s *Server) Watch(each func(line string)) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.watcher.Go(func() { process.Watch(ctx, s.LogPath(), s.LogOffset(), each) })
}

// Unwatch returns when all that was printed until now has been told, an unfinished last line too. It may be called again.
func (s *Server) Unwatch() {
	s.cancel()
	s.watcher.Wait()
}

// Tail is the last lines that this process printed; its log may begin with earlier launches.
func (s *Server) Tail(lines int) string { return process.TailFrom(s.LogPath(), s.LogOffset(), lines) }

// Await asks every pause whether the server is ready. What ready says, the end of the process or that of ctx ends the wait;
// its error is ready's own, the way in which the process ended ("vllm ended while loading": when is what it was at), or
// ctx's cause.
func (s *Server) Await(ctx context.Context, when string, pause time.Duration, ready func() (bool, error)) error {
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case <-s.Done():
			return fmt.Errorf("%s ended %s (%s)", s.Name, when, s.Exit())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// Running is false once the process has ended.
func (s *Server) Running() bool {
	select {
	case <-s.Done():
		return false
	default:
		return true
	}
}

// Stopped tells an end that we asked for from one that befell the engine. It is valid once the process has ended.
func (s *Server) Stopped() bool { return s.stopped.Load() }

// Cause is why the process ended; nil while it runs.
func (s *Server) Cause() error {
	switch {
	case s.Running():
		return nil
	case s.Stopped():
		return fmt.Errorf("%s was stopped (%s)", s.Name, s.Exit())
	}
	return s.Exit().Error(s.Name + " ended")
}

// Close stops the process and all that it started, giving it so long to end in order. One that had died stays dead of that.
func (s *Server) Close(ctx context.Context, grace time.Duration) error {
	if s.Running() {
		s.stopped.Store(true)
	}
	s.Unwatch()
	if err := s.Stop(ctx, grace); err != nil {
		return fmt.Errorf("stop %s: %w", s.Name, err)
	}
	return nil
}

// discardWithin is the most that Discard waits, beyond the grace, for a kernel that buries what was killed.
const discardWithin = 30 * time.Second

// Discard ends a launch that did not come to be. Its time does not depend on the launch's context, which may be over. That
// it fails is told to nobody: why the launch failed is said already.
func (s *Server) Discard(grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace+discardWithin)
	defer cancel()
	_ = s.Close(ctx, grace)
}
