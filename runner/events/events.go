package events

import (
	"log/slog"
	"sync"
	"time"

	"matrix/results/record"
	"matrix/runner/plan"
)

// Stream hands out what happens, one at a time.
type Stream struct {
	Observe func(Event)  // never called concurrently; nil = nobody watches
	Log     *slog.Logger // nil = none is kept
	Steps   int          // of the plan

	mu   sync.Mutex
	over bool
	said map[string]bool // warnings
}

// Emit stamps an event and hands it out; of equal warnings the first alone.
func (e *Stream) Emit(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return
	}
	ev.At, ev.Steps = time.Now(), e.Steps
	if ev.Kind == Warning {
		if e.said[ev.Message] {
			return // "no NVIDIA driver here" is said once, not at each launch; each attempt keeps it all the same
		}
		if e.said == nil {
			e.said = map[string]bool{}
		}
		e.said[ev.Message] = true
	}
	e.over = ev.Kind == ApplyDone // what an abandoned engine still says comes too late
	ev.log(e.Log)
	if e.Observe != nil {
		e.Observe(ev)
	}
}

// Warn emits a warning that is no launch's.
func (e *Stream) Warn(text string) { e.Emit(Event{Kind: Warning, Message: text}) }

// Kind names what happened; the NDJSON types of `--json` are the same words.
type Kind string

// The closed list of events.
const (
	LaunchStart Kind = "launch_start"
	LaunchPhase Kind = "launch_phase" // Phase has ended (Took) or begun: drain, load, warmup, measure, stop; or a Part of it has begun
	// LaunchProgress tells each second what a launch that is not measured yet does: Phase, Part, Elapsed, Limit, and the
	// engine's last line as Message.
	LaunchProgress Kind = "launch_progress"
	LaunchReady    Kind = "launch_ready"
	CellStart      Kind = "cell_start"
	CellProgress   Kind = "cell_progress"
	CellComplete   Kind = "cell_complete"
	CellFailed     Kind = "cell_failed"
	LaunchStop     Kind = "launch_stop"
	Interrupt      Kind = "interrupt"
	Warning        Kind = "warning"
	ApplyDone      Kind = "apply_summary"
)

// Event is one thing that happened during an apply.
type Event struct {
	Kind    Kind
	At      time.Time
	Step    int // 1-based position in the plan's order
	Steps   int
	Item    *plan.Item
	Launch  int
	Attempt string
	Phase   string        // drain, load (or a part of it), warmup, measure, stop
	Part    string        // of the load: import, weights, compile …
	Took    time.Duration // of the phase or launch that ended
	Elapsed time.Duration // of the phase that runs
	Limit   time.Duration // of the phase that begins or runs; 0 = none
	Message string        // ApplyDone: the error that ended it

	Progress Progress // CellProgress
	Status   string   // CellComplete, CellFailed: the attempt's status
	LogTail  string
	Metrics  map[string]*float64 // CellComplete: the summary
	Summary  *Summary            // ApplyDone
}

// Progress is how far the measured phase is.
type Progress struct {
	Planned, Done, Failed, InFlight int64
	OutputTokens                    int64
	TokensPerSecond                 float64 // output, over the last few seconds; 0: none came, or it is not known yet
	Stalled                         string  // what stands still, and for how long; "" = nothing
	Elapsed                         time.Duration
	CellETA, PlanETA                *time.Duration // nil = unknown
	PlanLow, PlanHigh               *time.Duration // hold PlanETA with 90%; nil = unknown
}

// Summary is how an apply ended.
type Summary struct {
	Complete, Failed, Censored, Environment, Interrupted, NotRun int
	Waiting                                                      int // for a GPU that somebody else holds
	Took                                                         time.Duration
	Stopped                                                      bool // by ^C
	Root                                                         string
	Attempts                                                     []record.Manifest
}
