package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"matrix/results"
	"matrix/runner/calibrate"
	"matrix/runner/telemetry"
)

// Options of an apply.
type Options struct {
	FailFast      bool
	LaunchRetries int             // tries of a launch that failed for the environment's fault
	Observe       func(Event)     // never called concurrently; nil = nobody watches
	Source        []byte          // HCL as read, kept beside the results
	Hard          <-chan struct{} // closed by the second ^C: kill, do not wait
	WithoutNVML   bool
	Jobs          int // launches side by side, on disjoint GPUs; 0 = 1, or AutoJobs
	// Alone: one launch of many on a cluster. The past is not read for estimates: of 50,000 launches each would read all.
	Alone   bool
	Scratch string // folder for what engines need while they run; "" = in the results tree
}

// EventKind names what happened; the NDJSON types of `--json` are the same words.
type EventKind string

// The closed list of events.
const (
	LaunchStart EventKind = "launch_start"
	LaunchPhase EventKind = "launch_phase" // Phase has ended (Took) or begun: drain, load, warmup, measure, stop; or a Part of it has begun
	// LaunchProgress tells each second what a launch that is not measured yet does: Phase, Part, Elapsed, Limit, and the
	// engine's last line as Message.
	LaunchProgress EventKind = "launch_progress"
	LaunchReady    EventKind = "launch_ready"
	CellStart      EventKind = "cell_start"
	CellProgress   EventKind = "cell_progress"
	CellComplete   EventKind = "cell_complete"
	CellFailed     EventKind = "cell_failed"
	LaunchStop     EventKind = "launch_stop"
	Interrupt      EventKind = "interrupt"
	Warning        EventKind = "warning"
	ApplyDone      EventKind = "apply_summary"
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
	Part    string        // of the load: import, weights, compile …
	Took    time.Duration // of the phase or launch that ended
	Elapsed time.Duration // of the phase that runs
	Limit   time.Duration // of the phase that begins or runs; 0 = none
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
	TokensPerSecond                 float64 // output, over the last few seconds; 0: none came, or it is not known yet
	Stalled                         string  // what stands still, and for how long; "" = nothing
	Elapsed                         time.Duration
	CellETA, PlanETA                *time.Duration // nil = unknown
	PlanLow, PlanHigh               *time.Duration // hold PlanETA with 90%; nil = unknown
}

// Summary is how an apply ended.
type Summary struct {
	Complete, Failed, Censored, Environment, Interrupted, NotRun int
	Took                                                         time.Duration
	Stopped                                                      bool // by ^C
	Root                                                         string
	Attempts                                                     []results.Manifest
}

// Apply runs a plan's pending launches in order. It takes the store's lock (*results.ErrLocked when held) and those of the
// GPUs that it needs (*gpulock.HeldError), both before anything is started. A cell that
// fails is a result, not an error; the error is for what stops everything (store not writable, lock held).
func Apply(ctx context.Context, w World, p *Plan, o Options) (Summary, error) {
	return apply(ctx, w, p, o, thisMachine())
}

// applying is one apply.
type applying struct {
	w      World
	plan   *Plan
	o      Options
	host   machine
	events *events
	base   baseline
	files  uint64          // most open files
	gpus   []telemetry.GPU // those that this program may use
	crowd  *crowd
	// changed: a phase has begun, so the board is to be written.
	changed chan struct{}
	// calibration is what the client costs here; nil: never measured.
	calibration *results.Calibration

	mu     sync.Mutex // guards what launches side by side share
	freed  *sync.Cond // something went back to the pool
	pool   *pool
	est    *estimator
	primes *primes
	left   map[launchKey]*leftover
	given  map[*Item]bool  // lacking here, as its first launch has said
	usage  map[string]bool // how engines were started that refused it
	sum    Summary
	broken error // what stops the apply
}

func apply(ctx context.Context, w World, p *Plan, o Options, host machine) (Summary, error) {
	if host.blind() && !o.WithoutNVML {
		return Summary{}, errors.New("this machine has an NVIDIA driver, but matrix loads NVML on Linux for amd64 and arm64 only: give --without-nvml")
	}
	unlock, err := w.Store.Lock("matrix apply " + p.Experiment)
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	w.Store.Version = w.Version
	a := &applying{w: w, plan: p, o: o, host: host, events: &events{observe: o.Observe, steps: len(p.Order)}, crowd: newCrowd(), given: map[*Item]bool{}, usage: map[string]bool{}, changed: make(chan struct{}, 1)}
	a.freed = sync.NewCond(&a.mu)
	release, err := a.reserve()
	if err != nil {
		return Summary{}, err
	}
	defer release()
	began := time.Now()
	err = a.prepare(ctx)
	if err == nil {
		stop := a.beat()
		err = a.steps(ctx)
		stop()
	}
	a.sum.Took, a.sum.Stopped, a.sum.Root = time.Since(began), ctx.Err() != nil, w.Store.Root()
	a.events.emit(Event{Kind: ApplyDone, Summary: &a.sum})
	return a.sum, err
}

// prepare clears what earlier applies left: engines, scratch folders, attempts that cannot go on.
func (a *applying) prepare(ctx context.Context) error {
	a.files, _ = a.host.files()
	killed, err := a.host.leftovers(ctx)
	if err != nil {
		return err
	}
	if len(killed) > 0 {
		a.events.warn(fmt.Sprintf("ended %d processes of engines that an earlier matrix left behind: %v", len(killed), killed))
	}
	if err := os.RemoveAll(a.scratchRoot()); err != nil {
		return fmt.Errorf("remove old scratch folders: %w", err)
	}
	read := readAll
	if a.o.Alone {
		read = readLeft
	}
	past, err := read(ctx, a.w.Store, a.plan.Experiment)
	if err != nil {
		return err
	}
	a.est, a.left = past.estimator(a.plan.Experiment, a.w.Machine), past.unfinished
	a.primes = newPrimes(primings(a.w, a.plan.Items, past, a.o.Alone))
	if a.calibration, err = calibrate.Read(a.w.Store.Root()); err != nil {
		a.events.warn(oneLine(err) + "; matrix calibrate measures it anew")
	}
	a.base = a.host.baseline(ctx)
	if err := a.vacant(ctx); err != nil {
		return err
	}
	a.disturbers(ctx)
	return a.abandonStale()
}

func (a *applying) scratchRoot() string {
	return cmp.Or(a.o.Scratch, filepath.Join(a.w.Store.Inner(), "scratch"))
}

// abandonStale commits the interrupted attempts of planned cells that cannot go on: the cell changed, it must not
// resume, or nothing was measured.
func (a *applying) abandonStale() error {
	wanted := map[string]*Item{}
	for _, item := range a.plan.Items {
		wanted[item.Cell.Address] = item
	}
	for key, l := range a.left {
		m := l.attempt.Manifest()
		item := wanted[m.Address]
		if item == nil || item.Cell.Skip != nil {
			continue
		}
		reason := ""
		switch {
		case item.Identity.Hash != key.hash:
			reason = "interrupted, and the cell has changed since"
		case !item.Cell.Resume:
			reason = "interrupted, and resume = false"
		case l.finished == 0:
			reason = "interrupted before the first request ended"
		case !slices.Contains(item.Launches, key.launch):
			reason = "interrupted, and no longer wanted"
		default:
			continue
		}
		delete(a.left, key)
		if _, err := l.attempt.Abandon(results.Interrupted, reason); err != nil {
			return fmt.Errorf("commit the interrupted attempt %s: %w", l.id, err)
		}
	}
	return nil
}

// step runs one launch, and again while it fails for the environment's fault and tries are left.
func (a *applying) step(ctx context.Context, i int, step LaunchStep, at place) error {
	for try := 0; ; try++ {
		l := newLaunch(a, i, step, at)
		out, err := l.run(ctx)
		if err != nil {
			return err
		}
		again := out.status == results.EnvironmentFailed && !out.lacking && try < a.o.LaunchRetries && ctx.Err() == nil
		if !again {
			a.count(step.Item, out)
			return nil
		}
		a.events.warn(fmt.Sprintf("%s: %s; trying again (%d of %d)", step.Item.Cell.Name(), out.reason, try+1, a.o.LaunchRetries))
		pause(ctx, time.Second)
	}
}

func (a *applying) count(item *Item, out outcome) {
	a.refuse(item, out)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.given[item] = out.lacking
	switch out.status {
	case results.Complete:
		a.sum.Complete++
	case results.EngineFailed:
		a.sum.Failed++
	case results.Censored:
		a.sum.Censored++
	case results.EnvironmentFailed:
		a.sum.Environment++
	default:
		a.sum.Interrupted++
	}
	if out.manifest.Attempt != "" {
		a.sum.Attempts = append(a.sum.Attempts, out.manifest)
	}
}

// pause waits, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
