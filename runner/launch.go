package runner

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"matrix/backends"
	"matrix/experiments"
	"matrix/experiments/dataset"
	"matrix/results"
	"matrix/runner/load"
)

// launch is one try at one launch: drain → start → load → warm up → measure → stop → drain → commit.
type launch struct {
	a       *applying
	item    *Item
	cell    *experiments.Cell
	number  int // 1-based
	index   int // of the step in the plan's order
	at      place
	attempt *results.Attempt
	set     *dataset.Set
	planned int
	engine  backends.Engine // nil until it is ready
	samples *samples
	traffic *backends.Traffic // of the measured phase
	// following estimates the launches after this one, once: a plan may have 100,000.
	following func() *rest
	early     []earlyRow   // warm-up rows, until the measured phase gives them their zero
	priming   atomic.Bool  // an unmeasured start is under way
	finals    atomic.Int64 // measured requests that need not be asked again, of earlier segments too

	mu      sync.Mutex // guards what Observe and the progress loop touch
	row     results.Run
	seg     results.Segment
	spawned time.Time // the engine's process started, as near as it can be told
	ready   time.Time // the backend handed the engine over
	now     presence
	unwell  error // why the engine, though its process may live, is of no more use
}

// outcome is how an attempt ends.
type outcome struct {
	status, reason, logTail string
	hint                    string
	usage                   string // the engine refused how it was started: unknownArgument, badArgument
	lacking                 bool   // the machine lacks what the cell needs: no try will do better
	whole                   bool   // there is nothing to go on from: what was asked would only be asked again
	manifest                results.Manifest
}

// Reasons for which what is in flight is cut off.
var (
	errInterrupted = &load.Stop{Status: backends.Canceled, Class: "interrupted", Text: "matrix was interrupted"}
	errCellLimit   = &load.Stop{Status: backends.Canceled, Class: "cell_limit", Text: "the cell's time limit was reached"}
	errBreaker     = &load.Stop{Status: backends.Canceled, Class: "max_error_rate", Text: "too many requests failed"}
	errDied        = &load.Stop{Status: backends.Disconnected, Class: "engine_died", Text: "the engine died"}
	errBroken      = &load.Stop{Status: backends.Canceled, Class: "environment", Text: "matrix could not go on"}
)

func newLaunch(a *applying, index int, step LaunchStep, at place) *launch {
	l := &launch{a: a, item: step.Item, cell: step.Item.Cell, number: step.Launch, index: index, at: at}
	l.following = sync.OnceValue(l.sumFollowing)
	return l
}

// run makes the attempt and everything around it. The error is for what stops the whole apply: the store.
func (l *launch) run(ctx context.Context) (outcome, error) {
	began := time.Now()
	if err := l.open(); err != nil {
		return outcome{}, err
	}
	l.a.crowd.join(l)
	defer l.a.crowd.leave(l)
	l.emit(Event{Kind: LaunchStart})
	defer func() { l.emit(Event{Kind: LaunchStop, Took: time.Since(began)}) }()
	if l.at.server == nil {
		defer os.RemoveAll(l.scratch())
	}
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(errInterrupted) })()
	gone := l.watchPlace(cancel)
	out, err := l.phases(work)
	if died, dead := l.died("after the last request"); dead && out.status == results.Complete {
		out = died // whoever finds it dead: nobody had stopped it yet
	}
	if lost := gone(); lost != nil {
		err = lost
	}
	l.stop(ctx)
	return l.finish(out, err)
}

// lookEvery is how often a launch looks whether its results are still where they were.
const lookEvery = 2 * time.Second

// watchPlace ends the launch when its results are moved away, which no write tells: hours of work would find no place at
// the commit. gone ends the watch and returns what it saw.
func (l *launch) watchPlace(cancel context.CancelCauseFunc) (gone func() error) {
	over, seen := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				seen <- nil
				return
			case <-tick.C:
			}
			if err := l.attempt.Present(); err != nil {
				cancel(errBroken)
				seen <- err
				return
			}
		}
	}()
	return func() error { close(over); return <-seen }
}

// phases goes through the launch until something ends it.
func (l *launch) phases(ctx context.Context) (outcome, error) {
	if l.item.Missing != nil {
		return outcome{status: results.EnvironmentFailed, reason: oneLine(l.item.Missing), lacking: true}, nil
	}
	set, err := l.a.w.Datasets(ctx, l.cell.Dataset)
	if err != nil {
		return outcome{status: results.EnvironmentFailed, reason: oneLine(err)}, nil
	}
	l.set = set
	for _, note := range set.Notes() {
		l.warn(note)
	}
	fresh := !l.at.server.usable(ctx)
	if fresh {
		if err := l.anew(ctx); err != nil {
			return outcome{}, err
		}
		l.notes(ctx)
		if out, ok := l.prime(ctx); !ok {
			return out, nil
		}
		l.begin("drain", drainLimit(l.cell))
		if err := l.drain(ctx); err != nil && ctx.Err() == nil {
			return outcome{status: results.EnvironmentFailed, reason: oneLine(err)}, nil
		}
		if out, cut := l.cut(ctx); cut {
			return out, nil
		}
		l.coldCaches()
	}
	if limit := l.cell.Limits.Cell; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errCellLimit)
		defer cancel()
	}
	if err := l.descriptors(); err != nil {
		return outcome{status: results.EnvironmentFailed, reason: oneLine(err), lacking: true}, nil
	}
	if !fresh {
		l.join()
	} else if out, ok := l.load(ctx); !ok {
		return out, nil
	}
	if out, ok := l.warmUp(ctx); !ok {
		return out, l.samples.err()
	}
	return l.measure(ctx)
}

// open begins the attempt, or the next segment of the one that goes on.
func (l *launch) open() error {
	planned, err := plannedRequests(l.cell)
	if err != nil {
		return fmt.Errorf("plan the requests of %s: %w", l.cell.Name(), err)
	}
	l.planned = planned
	key := launchKey{l.item.Identity.Hash, l.number}
	if left := l.a.claim(key, l.cell); left != nil {
		if err := left.attempt.Resume(); err != nil {
			return fmt.Errorf("resume %s: %w", left.id, err)
		}
		l.attempt = left.attempt
	} else {
		attempt, err := l.a.w.Store.Begin(l.cell, l.item.Identity, l.number, l.a.o.Source)
		if err != nil {
			return fmt.Errorf("begin an attempt of %s: %w", l.cell.Name(), err)
		}
		l.attempt = attempt
	}
	l.finals.Store(l.attempt.Done())
	l.row = l.newRun()
	l.seg = results.Segment{Segment: l.attempt.Segment(), Phases: map[string]float64{}, Reason: "running"}
	l.samples = &samples{attempt: l.attempt, segment: l.attempt.Segment()}
	return nil
}

// newRun is what is known before the launch, with the earlier segments of an attempt that goes on.
func (l *launch) newRun() results.Run {
	c := l.cell
	run := results.Run{
		Axes: map[string]string{}, Identity: l.item.Identity, Machine: l.a.w.Machine, Phases: map[string]float64{},
		Planned: int64(l.planned), PageCache: "as_found", CompileCache: "as_found", Fit: c.Predicted(), SLO: c.SLO,
		GPUs: l.at.gpus, Server: "cell", Calibration: l.a.calibration,
		Mode: c.Load.Mode, OrderSeed: l.a.plan.Seed, OrderIndex: int64(l.index), Simulated: c.Platform.Simulated(),
	}
	for _, a := range c.Axes {
		run.Axes[a.Name] = a.Label
	}
	if c.Load.Mode == "closed" {
		run.Concurrency = int64(c.Load.Concurrency)
	}
	settings := int64(len(c.Platform.Args) + len(c.Platform.Env) + len(c.Platform.Options))
	run.SettingsCount = &settings
	if saved := l.attempt.SavedRun(); saved != nil {
		run.Segments, run.Warnings = saved.Segments, saved.Warnings
		run.BeganUnixS, run.LoadS, run.ClientCPUS = saved.BeganUnixS, saved.LoadS, saved.ClientCPUS
		run.ClientLimited = saved.ClientLimited
		run.BurstInS, run.InFlightMax, run.UnansweredMax = saved.BurstInS, saved.InFlightMax, saved.UnansweredMax
		run.Reconnects, run.ListenOverflows = saved.Reconnects, saved.ListenOverflows
		run.Phases, run.EngineMetrics = saved.Phases, saved.EngineMetrics
		run.Neighbours = saved.Neighbours
		for i := range run.Segments {
			if run.Segments[i].Reason == "running" {
				run.Segments[i].Reason = segmentKilled
				run.EngineMetrics = nil
				run.Warnings = append(run.Warnings, "the engine's counters of a killed segment are lost, so engine_metrics is null")
			}
		}
	}
	return run
}

func (l *launch) scratch() string {
	return absolute(filepath.Join(l.a.scratchRoot(), l.launchID()))
}

// absolute: an engine has a working directory of its own.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// cut tells whether ^C or the cell's limit ended the context.
func (l *launch) cut(ctx context.Context) (outcome, bool) {
	switch context.Cause(ctx) {
	case errInterrupted:
		return outcome{status: results.Interrupted, reason: errInterrupted.Text}, true
	case errCellLimit:
		return outcome{status: results.Censored, reason: fmt.Sprintf("the cell's limit of %s was reached", l.cell.Limits.Cell)}, true
	}
	return outcome{}, false
}

// observe takes in what the backend says of a phase that ended; from any goroutine.
func (l *launch) observe(p backends.Phase) {
	l.mu.Lock()
	switch p.Name {
	case "drain": // the backend waits for its port before it starts anything
		l.spawned = l.spawned.Add(p.Duration)
	case "spawn":
		l.spawned = time.Now().Add(-p.Duration)
	}
	l.mu.Unlock()
	l.phase(p.Name, p.Duration)
}

// phase records a phase that ended; parts of one phase add up.
func (l *launch) phase(name string, took time.Duration) {
	l.mu.Lock()
	if l.ofServer(name) {
		l.at.server.record.Phases[name] += took.Seconds()
	} else {
		l.seg.Phases[name] += took.Seconds()
	}
	l.now.left(name)
	l.mu.Unlock()
	l.emit(Event{Kind: LaunchPhase, Phase: name, Took: max(took, time.Nanosecond)})
}

func (l *launch) warn(text string) {
	l.mu.Lock()
	known := slices.Contains(l.row.Warnings, text)
	if !known {
		l.row.Warnings = append(l.row.Warnings, text)
	}
	l.mu.Unlock()
	if !known {
		l.emit(Event{Kind: Warning, Message: text})
	}
}

func (l *launch) emit(e Event) {
	if l.priming.Load() && e.Kind != Warning && e.Kind != LaunchProgress {
		return // the phases of an unmeasured start are not the launch's
	}
	e.Step, e.Item, e.Launch, e.Attempt = l.index+1, l.item, l.number, l.attempt.Manifest().Attempt
	l.a.events.emit(e)
}

// snapshot is the run so far with the segment that is being written.
func (l *launch) snapshot() results.Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	run, seg := l.row, l.seg
	run.Neighbours = max(run.Neighbours, l.a.crowd.beside(l))
	if s := l.at.server; s != nil && s.folder != nil {
		run.Server, run.ServerLaunch = "group", s.folder.ID
	}
	seg.Phases = maps.Clone(l.seg.Phases)
	run.Segments = append(slices.Clone(l.row.Segments), seg)
	run.Warnings = slices.Clone(l.row.Warnings)
	run.Phases = mergePhases(l.row.Phases, seg)
	return run
}

// mergePhases: the first segment tells how the attempt was launched; only work that each segment did adds up.
func mergePhases(earlier map[string]float64, seg results.Segment) map[string]float64 {
	merged := maps.Clone(earlier)
	if merged == nil {
		merged = map[string]float64{}
	}
	for name, s := range seg.Phases {
		if _, known := merged[name]; !known {
			merged[name] = s
		} else if name == "measure" {
			merged[name] += s
		}
	}
	return merged
}

// oneLine flattens an error for a manifest.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
}
