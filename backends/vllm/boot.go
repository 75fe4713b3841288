package vllm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/backends/process"
)

var errLoadLimit = errors.New("not ready within the load limit")

// grace is how long a stopped engine may take to end in order; a ^C promises 10 s in all.
const grace = 6 * time.Second

// engine is one started vLLM process tree with its log, common to both entry points.
type engine struct {
	spec    backends.Spec
	cmd     backends.Command
	p       *process.Process
	log     *loadLog
	unwatch context.CancelFunc
	watcher sync.WaitGroup
	closing atomic.Bool

	mu   sync.Mutex
	info backends.Info

	causeOnce sync.Once
	cause     error
}

// start writes the launch's files, starts the command and follows its log.
func start(ctx context.Context, spec backends.Spec, i install, cmd backends.Command, extra ...*os.File) (*engine, error) {
	nameDevices(&cmd, spec, i)
	e := &engine{spec: spec, cmd: cmd}
	for name, text := range cmd.Files {
		if err := os.WriteFile(filepath.Join(spec.Dir, name), []byte(text), 0o644); err != nil {
			return nil, unwritten(name, err)
		}
	}
	e.info = backends.Info{
		Engine: "vllm", Version: i.version, LogPath: spec.LogPath, Argv: cmd.Argv, Env: openEnv(cmd.Env), Footprint: i.footprint(),
	}
	e.describeModel()
	began := time.Now()
	p, err := process.Start(ctx, process.Command{
		Argv: cmd.Argv, Env: process.Env(cmd.Env), Dir: cmd.Dir, LogPath: spec.LogPath, ExtraFiles: extra, Attempt: spec.Attempt,
	})
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "spawn", Err: err}
	}
	e.p, e.info.PIDs = p, []int{p.PID()}
	e.log = newLoadLog(time.Now(), spec)
	spec.Observe(backends.Phase{Name: "spawn", Duration: time.Since(began)})
	watch, cancel := context.WithCancel(context.Background())
	e.unwatch = cancel
	e.watcher.Go(func() {
		process.Watch(watch, spec.LogPath, p.LogOffset(), func(line string) { e.log.line(time.Now(), line) })
	})
	return e, nil
}

// unwritten is a launch whose own files could not be written.
func unwritten(name string, err error) error {
	e := &backends.LaunchError{Environment: true, Class: "disk", Err: fmt.Errorf("write %s: %w", name, err), Hint: "see that the results' folder can be written"}
	if errors.Is(err, syscall.ENOSPC) {
		e.Class, e.Hint = "disk_full", "free some disk space where the results are"
	}
	return e
}

// describeModel notes what the model's files say; absent ones leave gaps.
func (e *engine) describeModel() {
	m := modelOf(e.spec.Cell.Model)
	e.info.DType, e.info.Quantization, e.info.Tokenizer, e.info.Revision = m.DType, m.Quantization, m.Tokenizer, m.Revision
	dir, commit, err := modelDir(e.spec.Cell)
	if err != nil {
		return
	}
	if commit != "" {
		e.info.Revision = commit
	}
	if w, err := modelfile.ReadSafetensors(dir); err == nil {
		e.info.WeightBytes = &w.Bytes
	}
	if c, err := modelfile.ReadConfig(dir); err == nil {
		if e.info.DType == "" {
			e.info.DType = c.DType
		}
		if e.info.Quantization == "" {
			e.info.Quantization = c.Quantization
		}
	}
}

// loaded ends the load: the log is read to here, and what it told is kept.
func (e *engine) loaded(at time.Time) {
	e.unwatch()
	e.watcher.Wait()
	e.log.ready(at)
	version, kv, weights := e.log.facts()
	e.mu.Lock()
	defer e.mu.Unlock()
	if version != "" {
		e.info.Version = version
	}
	if e.info.KVTokens == nil {
		e.info.KVTokens = kv
	}
	if weights != nil {
		e.info.WeightBytes = weights // as loaded, after any conversion
	}
}

// failed ends a launch that did not come to be, and says why.
func (e *engine) failed(ctx context.Context, err error) error {
	e.closing.Store(true)
	stopErr := e.p.Kill()
	e.unwatch()
	e.watcher.Wait()
	tail := process.TailFrom(e.spec.LogPath, e.p.LogOffset(), 30)
	if cause := context.Cause(ctx); cause != nil {
		launch := &backends.LaunchError{Class: "timeout", LogTail: tail, Err: errors.Join(fmt.Errorf("load vllm: %w", cause), stopErr)}
		if !errors.Is(cause, errLoadLimit) && !errors.Is(cause, context.DeadlineExceeded) {
			launch.Class, launch.Environment = "canceled", true
		}
		return launch
	}
	f := classify(e.wholeLog())
	if f.line != "" {
		err = fmt.Errorf("%w: %s", err, f.line)
	}
	return &backends.LaunchError{
		Environment: f.environment, Class: f.class, Err: errors.Join(err, stopErr), LogTail: tail, Hint: f.hint,
	}
}

// exited is the error of an engine that ended while it loaded.
func (e *engine) exited() error { return fmt.Errorf("vllm ended while loading (%s)", e.p.Exit()) }

func (e *engine) wholeLog() string { return process.TailFrom(e.spec.LogPath, e.p.LogOffset(), 5000) }

// Info is what is known of the engine.
func (e *engine) Info() backends.Info {
	e.mu.Lock()
	info := e.info
	e.mu.Unlock()
	info.Env = maps.Clone(info.Env)
	select {
	case <-e.p.Done():
		info.Cause = e.death()
	default:
	}
	return info
}

// Done is closed when the engine's root process has ended.
func (e *engine) Done() <-chan struct{} { return e.p.Done() }

// death says how the engine ended; an exit with code 0 is one as well: a server whose engine died ends so.
func (e *engine) death() error {
	<-e.p.Done()
	e.causeOnce.Do(func() {
		exit := e.p.Exit()
		if e.closing.Load() {
			e.cause = fmt.Errorf("vllm was stopped (%s)", exit)
			return
		}
		e.cause = fmt.Errorf("vllm died (%s)", exit)
		if f := classify(e.wholeLog()); f.line != "" {
			e.cause = fmt.Errorf("vllm died (%s): %s", exit, f.line)
		}
		if exit.Unguarded {
			e.cause = exit.Error("vllm ended")
		}
	})
	return e.cause
}

// Close ends the engine and returns when no process of it is left.
func (e *engine) Close(ctx context.Context) error {
	select {
	case <-e.p.Done():
		e.death() // before closing hides what it was
	default:
	}
	e.closing.Store(true)
	e.unwatch()
	e.watcher.Wait()
	return e.p.Stop(ctx, grace)
}
