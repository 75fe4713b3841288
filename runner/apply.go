package runner

import (
	"context"
	"time"

	"matrix/results"
)

// Options of an apply.
type Options struct {
	FailFast      bool
	LaunchRetries int             // tries of a launch that failed for the environment's fault
	Observe       func(Event)     // never called concurrently; nil = nobody watches
	Source        []byte          // HCL as read, kept beside the results
	Hard          <-chan struct{} // closed by the second ^C: kill, do not wait
	WithoutNVML   bool
}

// EventKind names what happened; the NDJSON types of `--json` are the same words.
type EventKind string

// The closed list of events.
const (
	LaunchStart  EventKind = "launch_start"
	LaunchPhase  EventKind = "launch_phase" // Phase has ended or begun: drain, load, warmup, measure, stop
	LaunchReady  EventKind = "launch_ready"
	CellStart    EventKind = "cell_start"
	CellProgress EventKind = "cell_progress"
	CellComplete EventKind = "cell_complete"
	CellFailed   EventKind = "cell_failed"
	LaunchStop   EventKind = "launch_stop"
	Interrupt    EventKind = "interrupt"
	Warning      EventKind = "warning"
	ApplyDone    EventKind = "apply_summary"
)

// Event is one thing that happened during an apply.
type Event struct {
	Kind    EventKind
	At      time.Time
	Step    int // 1-based position in the plan's order
	Steps   int
	Item    *Item
	Launch  int
	Attempt string
	Phase   string        // drain, load (or a part of it), warmup, measure, stop
	Took    time.Duration // of the phase or launch that ended
	Message string

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
	TokensPerSecond                 float64 // output, over the last few seconds
	Elapsed                         time.Duration
	CellETA, PlanETA                *time.Duration // nil = unknown
}

// Summary is how an apply ended.
type Summary struct {
	Complete, Failed, Censored, Environment, Interrupted, NotRun int
	Took                                                         time.Duration
	Stopped                                                      bool // by ^C
	Root                                                         string
	Attempts                                                     []results.Manifest
}

// Apply runs a plan's pending launches in order. It takes the store's lock (*results.ErrLocked when held). A cell that
// fails is a result, not an error; the error is for what stops everything (store not writable, lock held).
func Apply(ctx context.Context, w World, p *Plan, o Options) (Summary, error) {
	return Summary{}, nil
}
