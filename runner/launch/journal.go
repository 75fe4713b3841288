package launch

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/events"
	"matrix/runner/ledger"
	"matrix/runner/plan"
)

// journal is what one launch writes down: its attempt with the run's row, phases, warnings and events. The backend and the
// progress loop write into it too, from goroutines of their own.
type journal struct {
	site    *Site
	item    *plan.Item
	cell    *cell.Cell
	number  int      // of the launch, 1-based
	index   int      // of the step in the plan's order
	gpus    []string // UUIDs that it may use
	server  *Server  // shared with other cells; nil = the cell's own
	attempt *store.Attempt
	planned int // measured requests
	began   time.Time
	ahead   func() *plan.Remainder // estimates this launch and those after it, once: a plan may have 100,000
	samples *samples
	priming atomic.Bool  // an unmeasured start is under way
	finals  atomic.Int64 // measured requests that need not be asked again, of earlier segments too

	mu    sync.Mutex     // guards what follows
	early []earlyRow     // warm-up rows, until the measured phase gives them their zero
	row   record.Run     // without the segment that is being written
	seg   record.Segment // that one
	now   presence
}

// earlyRow is a warm-up row that waits for its zero.
type earlyRow struct {
	request ledger.PendingRequest
	reply   backends.Reply
}

// open begins the attempt, or the next segment of the one that goes on.
// What an earlier apply left of the same launch is gone on with rather than begun anew; it may be claimed once.
func (j *journal) open() error {
	planned, err := plan.PlannedRequests(j.cell)
	if err != nil {
		return fmt.Errorf("plan the requests of %s: %w", j.cell.Name(), err)
	}
	j.planned = planned
	if attempt := j.site.Left.Claim(j.item, j.number); attempt != nil {
		if err := attempt.Resume(); err != nil {
			return fmt.Errorf("resume %s: %w", attempt.Manifest().Attempt, err)
		}
		j.attempt = attempt
	} else {
		attempt, err := j.site.World.Store.Begin(j.cell, j.item.Identity, j.number, j.site.Source)
		if err != nil {
			return fmt.Errorf("begin an attempt of %s: %w", j.cell.Name(), err)
		}
		j.attempt = attempt
	}
	j.finals.Store(j.attempt.Done())
	j.row = j.newRun()
	j.seg = record.Segment{Segment: j.attempt.Segment(), Phases: map[string]float64{}, Reason: "running"}
	j.samples = &samples{attempt: j.attempt, segment: j.attempt.Segment()}
	return nil
}

// newRun is what is known before the launch, with the earlier segments of an attempt that goes on.
func (j *journal) newRun() record.Run {
	c := j.cell
	run := record.Run{
		Axes: map[string]string{}, Identity: j.item.Identity, Machine: j.site.World.Machine, Phases: map[string]float64{},
		Planned: int64(j.planned), PageCache: "as_found", CompileCache: "as_found", Fit: c.Predicted(), SLO: c.SLO,
		GPUs: j.gpus, Server: "cell", Calibration: j.site.Calibration,
		Mode: c.Load.Mode, OrderSeed: j.site.Plan.Seed, OrderIndex: int64(j.index), Simulated: c.Platform.Simulated(),
	}
	for _, a := range c.Axes {
		run.Axes[a.Name] = a.Label
	}
	if c.Load.Mode == "closed" {
		run.Concurrency = int64(c.Load.Concurrency)
	}
	settings := int64(len(c.Platform.Args) + len(c.Platform.Env) + len(c.Platform.Options))
	run.SettingsCount = &settings
	if saved := j.attempt.SavedRun(); saved != nil {
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

// scratch is the engine's working folder, removed with it; nothing in it is a result.
func (j *journal) scratch() string {
	return absolute(filepath.Join(j.site.Scratch, j.launchID()))
}

// phase records a phase that ended; parts of one phase add up.
func (j *journal) phase(name string, took time.Duration) {
	j.mu.Lock()
	if j.ofServer(name) {
		j.server.record.Phases[name] += took.Seconds()
	} else {
		j.seg.Phases[name] += took.Seconds()
	}
	j.now.left(name)
	j.mu.Unlock()
	j.emit(events.Event{Kind: events.LaunchPhase, Phase: name, Took: max(took, time.Nanosecond)})
}

// warn records a warning and tells it, once for each text: some are met with every request.
func (j *journal) warn(text string) {
	j.mu.Lock()
	known := slices.Contains(j.row.Warnings, text)
	if !known {
		j.row.Warnings = append(j.row.Warnings, text)
	}
	j.mu.Unlock()
	if !known {
		j.emit(events.Event{Kind: events.Warning, Message: text})
	}
}

// emit says what happened, of which launch.
func (j *journal) emit(e events.Event) {
	if j.priming.Load() && e.Kind != events.Warning && e.Kind != events.LaunchProgress {
		return // the phases of an unmeasured start are not the launch's
	}
	e.Step, e.Item, e.Launch, e.Attempt = j.index+1, j.item, j.number, j.attempt.Manifest().Attempt
	j.site.Events.Emit(e)
}

// snapshot is the run so far with the segment that is being written.
func (j *journal) snapshot() record.Run {
	j.mu.Lock()
	defer j.mu.Unlock()
	run, seg := j.row, j.seg
	run.Neighbours = max(run.Neighbours, j.site.Crowd.beside(j))
	if s := j.server; s != nil && s.folder != nil {
		run.Server, run.ServerLaunch = "group", s.folder.ID
	}
	seg.Phases = maps.Clone(j.seg.Phases)
	run.Segments = append(slices.Clone(j.row.Segments), seg)
	run.Warnings = slices.Clone(j.row.Warnings)
	run.Phases = mergePhases(j.row.Phases, seg)
	return run
}

// absolute: an engine has a working directory of its own.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// mergePhases: the first segment tells how the attempt was launched; only work that each segment did adds up.
func mergePhases(earlier map[string]float64, seg record.Segment) map[string]float64 {
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

// segmentKilled is why a segment ended of which only the spool is left.
const segmentKilled = "killed"

// recorded keeps the recorder's warnings with the run.
func (j *journal) recorded(warnings []string) {
	for _, text := range warnings {
		j.warn(text)
	}
}

// watch begins the telemetry of the launch.
func (j *journal) watch() { j.samples.watch(j.cell.Telemetry, j.gpus, j.launchID()) }
