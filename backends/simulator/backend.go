package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"matrix/backends"
	"matrix/backends/fake/queueing"
	"matrix/backends/launched"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// New is the backend of platforms with backend = "simulator".
func New() backends.Backend {
	return backends.Backend{Check: Check, Resolve: resolve, Launch: launch, Recipe: writeRecipe}
}

// resolve names the simulated model by its label: there is nothing else to tell two of them apart.
func resolve(_ context.Context, c *cell.Cell) (backends.Identity, error) {
	id := backends.Identity{Engine: "simulator", Version: queueing.Version}
	if c.Model != nil {
		id.Model = cell.Values{"simulated": c.Model.ID}
	}
	return id, nil
}

// launch starts matrix once more as the simulated server.
func launch(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	o, problems := parse(spec.Cell.Platform.Options)
	if len(problems) > 0 {
		return nil, &backends.LaunchError{Environment: true, Class: "bad_options", Err: errors.New(problems[0].Summary)}
	}
	ctx, cancel := backends.Within(ctx, spec.Timeout, errLoadTimeout)
	defer cancel()
	e, err := start(ctx, spec, o)
	if err != nil {
		return nil, err
	}
	if err := e.load(ctx, spec); err != nil {
		launchErr := e.failed(ctx, err)
		e.proc.Discard(time.Second)
		e.Client.Close()
		return nil, launchErr
	}
	if o.TakesBatches() {
		return &batchEngine{e}, nil
	}
	return e, nil
}

// errLoadTimeout is the cause of a load that limits.load cut off.
var errLoadTimeout = errors.New("not ready in time")

// start spawns the server's process.
// The process picks its port and writes it into a file, so none can be taken in between.
func start(ctx context.Context, spec backends.Spec, o queueing.Options) (*engine, error) {
	config := queueing.Config{Options: o, Model: servedName(spec.Attempt), Ready: filepath.Join(spec.Dir, readyFile)}
	command, err := command(spec, config)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	proc, err := launched.Start(ctx, spec, "the simulated engine", command)
	if err != nil {
		return nil, err
	}
	spec.Observe(backends.Phase{Name: "spawn", Duration: time.Since(began)})
	return &engine{config: config, proc: proc}, nil
}

// servedName is the nonce by which the server that answers proves to be the one that was started.
func servedName(attempt string) string { return "simulated-" + strings.ToLower(attempt) }

// load waits for the server, has the model loaded and proves that the server is ours.
func (e *engine) load(ctx context.Context, spec backends.Spec) error {
	spec.Enter("weights")
	began := time.Now()
	ready, err := e.awaitReady(ctx)
	if err != nil {
		return err
	}
	e.base = fmt.Sprintf("http://127.0.0.1:%d", ready.Port)
	spec.Listen(e.base)
	e.Client = wire.New(wire.Options{Health: wire.Health(e.base+"/health", "")})
	weights := queueing.Seconds(ready.LoadS) // as the server states it: our own wait has its start in it
	if e.config.LoadsWhenAsked() {
		asked := time.Now()
		if err := e.loadByRequest(ctx); err != nil {
			return err
		}
		weights = time.Since(asked)
	}
	spec.Observe(backends.Phase{Name: "weights", Duration: weights})
	spec.Enter("ready")
	if err := e.prove(ctx); err != nil {
		return err
	}
	spec.Observe(backends.Phase{Name: "ready", Duration: max(0, time.Since(began)-weights)})
	return nil
}

// awaitReady polls for the file in which the server says where it listens.
func (e *engine) awaitReady(ctx context.Context) (r queueing.Readiness, err error) {
	err = e.proc.Await(ctx, "before it was ready", 5*time.Millisecond, func() (bool, error) {
		text, err := os.ReadFile(e.config.Ready)
		if err != nil {
			return false, nil
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return false, fmt.Errorf("read %s: %w", e.config.Ready, err)
		}
		return true, nil
	})
	return r, err
}

// failed turns the end of a load into an error that says whose fault it was.
// What somebody stopped is returned bare: no log line explains it.
func (e *engine) failed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errLoadTimeout) {
		return cause // somebody stopped us: no launch error
	}
	launch := &backends.LaunchError{Err: err, LogTail: e.proc.Tail(20)}
	f, _ := launched.Classify(told, launch.LogTail, err.Error())
	if errors.Is(err, errLoadTimeout) {
		f = launched.Failure{Class: "timeout", Hint: "raise limits.load, or lower load_s"}
	}
	launch.Class, launch.Hint = f.Class, f.Hint
	return launch
}

// told are the ways in which a simulated load fails when it is told to, in the words of the engines that it imitates.
var told = []launched.Sign{
	launched.Known("out of memory|requires more system memory", "oom", false, "it was told to (oom_log)"),
	launched.Known("valid model identifier|not found", "missing_model", false, "it was told to (refuse_model)"),
}
