package vllm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/launched"
	"matrix/backends/modelfile"
)

// errLoadLimit is the cause of a load that limits.load cut off. By it a timeout is told from ^C, which is nobody's failure.
var errLoadLimit = errors.New("not ready within the load limit")

// grace is how long a stopped engine may take to end in order; a ^C promises 10 s in all.
const grace = 6 * time.Second

// engine is one started vLLM process tree with its log, common to both entry points.
type engine struct {
	spec backends.Spec    // of the launch; its Dir is gone once the runner has closed the engine
	p    *launched.Server // the process tree; safe for concurrent use
	log  *loadLog         // follows the log until the load has ended

	mu   sync.Mutex // guards info, which grows while the engine loads
	info backends.Info

	causeOnce sync.Once // of cause
	cause     error     // how it died; read through death only
}

// start starts the command and follows its log.
// extra are files that the engine inherits from descriptor 3 on; the caller still owns its own copies. Nothing
// is left behind when it fails.
func start(ctx context.Context, spec backends.Spec, i install, cmd backends.Command, extra ...*os.File) (*engine, error) {
	nameDevices(&cmd, spec, i)
	e := &engine{spec: spec, info: backends.Info{
		Engine: "vllm", Version: i.version, LogPath: spec.LogPath, Argv: cmd.Argv, Env: backends.OpenEnv(cmd.Env), Footprint: i.footprint(),
	}}
	e.describeModel()
	began := time.Now()
	p, err := launched.Start(ctx, spec, "vllm", cmd, extra...)
	if err != nil {
		return nil, err
	}
	e.p, e.info.PIDs = p, []int{p.PID()}
	e.log = newLoadLog(time.Now(), spec)
	spec.Observe(backends.Phase{Name: "spawn", Duration: time.Since(began)})
	p.Watch(func(line string) { e.log.line(time.Now(), line) })
	return e, nil
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
	e.p.Unwatch()
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
	stopErr := e.p.Kill()
	e.p.Unwatch()
	tail := e.p.Tail(30)
	if cause := context.Cause(ctx); cause != nil {
		launch := &backends.LaunchError{Class: "timeout", LogTail: tail, Err: errors.Join(fmt.Errorf("load vllm: %w", cause), stopErr)}
		if !errors.Is(cause, errLoadLimit) && !errors.Is(cause, context.DeadlineExceeded) {
			launch.Class, launch.Environment = "canceled", true
		}
		return launch
	}
	f := classify(e.p.Tail(wholeLog))
	if f.line != "" {
		err = fmt.Errorf("%w: %s", err, f.line)
	}
	return &backends.LaunchError{
		Environment: f.Environment, Class: f.Class, Err: errors.Join(err, stopErr), LogTail: tail, Hint: f.Hint,
	}
}

// wholeLog is more lines than a failed launch prints: the cause stands far above the last one.
const wholeLog = 5000

// Info is what is known of the engine.
func (e *engine) Info() backends.Info {
	e.mu.Lock()
	info := e.info
	e.mu.Unlock()
	info.Env = maps.Clone(info.Env)
	if !e.p.Running() {
		info.Cause = e.death()
	}
	return info
}

// Done is closed when the engine's root process has ended.
func (e *engine) Done() <-chan struct{} { return e.p.Done() }

// death says how the engine ended; an exit with code 0 is one as well: a server whose engine died ends so.
func (e *engine) death() error {
	exit := e.p.Exit()
	e.causeOnce.Do(func() { // the log is long, and every request that the death cut off asks
		if e.cause = e.p.Cause(); e.p.Stopped() || exit.Unguarded {
			return
		}
		e.cause = fmt.Errorf("vllm died (%s)", exit)
		if f := classify(e.p.Tail(wholeLog)); f.line != "" {
			e.cause = fmt.Errorf("%w: %s", e.cause, f.line)
		}
	})
	return e.cause
}

// Close ends the engine and returns when no process of it is left.
func (e *engine) Close(ctx context.Context) error { return e.p.Close(ctx, grace) }
