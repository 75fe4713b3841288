package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"matrix/results/record"
	"matrix/runner/calibrate"
	"matrix/runner/events"
	"matrix/runner/launch"
	"matrix/runner/machine"
	"matrix/runner/plan"
	"matrix/runner/telemetry"
)

// Options of an apply.
type Options struct {
	FailFast      bool               // nothing more is started after the first launch that did not complete
	LaunchRetries int                // tries of a launch that failed for the environment's fault
	Observe       func(events.Event) // never called concurrently; nil = nobody watches
	Source        []byte             // HCL as read, kept beside the results
	Log           *slog.Logger       // matrix --log; nil = none is kept
	Hard          <-chan struct{}    // closed by the second ^C: kill, do not wait
	WithoutNVML   bool               // go on although this program cannot talk to the driver that is there
	Jobs          int                // launches side by side, on disjoint GPUs; 0 = 1, or AutoJobs
	// Alone: one launch of many on a cluster. The past is not read for estimates: of 50,000 launches each would read all.
	Alone   bool
	Scratch string // folder for what engines need while they run; "" = in the results tree
}

// Apply runs a plan's pending launches in order. It takes the store's lock (*store.ErrLocked when held) and those of the
// GPUs that it needs (*gpulock.HeldError), both before anything is started. A cell that
// fails is a result, not an error; the error is for what stops everything (store not writable, lock held).
func Apply(ctx context.Context, w plan.World, p *plan.Plan, o Options) (events.Summary, error) {
	return apply(ctx, w, p, o, machine.This())
}

// session is one apply.
type session struct {
	o       Options
	site    *launch.Site
	pool    *pool         // nil until reserve
	changed chan struct{} // a phase has begun, so the board is to be written

	mu     sync.Mutex          // guards what follows, which launches side by side share, and the pool
	freed  *sync.Cond          // something went back to the pool
	given  map[*plan.Item]bool // lacking here, as its first launch has said
	usage  map[string]bool     // how engines were started that refused it
	sum    events.Summary
	broken error // what stops the apply
}

// newSession has a scratch folder on the results' own disk: what is finished there is renamed into place.
func newSession(w plan.World, p *plan.Plan, o Options, host machine.Machine) *session {
	s := &session{o: o, given: map[*plan.Item]bool{}, usage: map[string]bool{}, changed: make(chan struct{}, 1)}
	s.freed = sync.NewCond(&s.mu)
	s.site = &launch.Site{World: w, Plan: p, Source: o.Source, Hard: o.Hard, Host: host, Crowd: launch.NewCrowd(), Changed: s.change,
		Events: &events.Stream{Observe: o.Observe, Log: o.Log, Steps: len(p.Order)}, Scratch: cmp.Or(o.Scratch, filepath.Join(w.Store.Inner(), "scratch"))}
	return s
}

// apply runs one plan: the store is locked, the GPUs are reserved, and then launches go one after the other, or side by
// side. The summary is told also where an error ended it.
func apply(ctx context.Context, w plan.World, p *plan.Plan, o Options, host machine.Machine) (events.Summary, error) {
	if host.Blind() && !o.WithoutNVML {
		return events.Summary{}, errors.New(telemetry.NotBuilt + ": give --without-nvml")
	}
	unlock, err := w.Store.Lock("matrix apply " + p.Experiment)
	if err != nil {
		return events.Summary{}, err
	}
	defer unlock()
	w.Store.Version = w.Version
	s := newSession(w, p, o, host)
	release, err := s.reserve()
	if err != nil {
		return events.Summary{}, err
	}
	defer release()
	began := time.Now()
	err = s.prepare(ctx)
	if err == nil {
		stop := s.beat()
		err = s.steps(ctx)
		stop()
	}
	s.sum.Took, s.sum.Stopped, s.sum.Root = time.Since(began), ctx.Err() != nil, w.Store.Root()
	done := events.Event{Kind: events.ApplyDone, Summary: &s.sum}
	if err != nil && !s.sum.Stopped { // who looks on from elsewhere sees no terminal
		done.Message = err.Error()
	}
	s.site.Events.Emit(done)
	return s.sum, err
}

// prepare clears what earlier applies left (engines, scratch folders, attempts that cannot go on) and looks at the machine.
func (s *session) prepare(ctx context.Context) error {
	site := s.site
	site.Files, _ = site.Host.Files()
	killed, err := site.Host.Leftovers(ctx)
	if err != nil {
		return err
	}
	if len(killed) > 0 {
		site.Events.Warn(fmt.Sprintf("ended %d processes of engines that an earlier matrix left behind: %v", len(killed), killed))
	}
	if err := os.RemoveAll(site.Scratch); err != nil {
		return fmt.Errorf("remove old scratch folders: %w", err)
	}
	read := plan.ReadAll
	if s.o.Alone {
		read = plan.ReadLeft
	}
	past, err := read(ctx, site.World.Store, site.Plan)
	if err != nil {
		return err
	}
	site.Estimates, site.Left = past.Estimator(site.Plan.Experiment, site.World.Machine), past.Leftovers()
	site.Primings = launch.NewPrimings(plan.NeedPriming(site.World, site.Plan.Items, past, s.o.Alone))
	if site.Calibration, err = calibrate.Read(site.World.Store.Root()); err != nil {
		site.Events.Warn(plan.OneLine(err) + "; matrix calibrate measures it anew")
	}
	site.Base = site.Host.Baseline(ctx)
	if err := s.vacant(ctx); err != nil {
		return err
	}
	site.SideBySide = s.pool.most
	s.disturbers(ctx)
	return site.Left.Abandon(site.Plan.Items)
}

// step runs one launch, and again while it fails for the environment's fault and tries are left.
func (s *session) step(ctx context.Context, i int, step plan.Step, at launch.Place) error {
	for try := 0; ; try++ {
		out := launch.Run(ctx, s.site, i, step, at)
		if out.Fatal != nil {
			return out.Fatal
		}
		again := out.Status == record.EnvironmentFailed && !out.Lacking && try < s.o.LaunchRetries && ctx.Err() == nil
		if !again {
			s.count(step.Item, out)
			return nil
		}
		s.site.Events.Warn(fmt.Sprintf("%s: %s; trying again (%d of %d)", step.Item.Cell.Name(), out.Reason, try+1, s.o.LaunchRetries))
		machine.Pause(ctx, time.Second)
	}
}

// count books how a launch ended.
func (s *session) count(item *plan.Item, out launch.Outcome) {
	s.refuse(item, out)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given[item] = out.Lacking
	switch out.Status {
	case record.Complete:
		s.sum.Complete++
	case record.EngineFailed:
		s.sum.Failed++
	case record.Censored:
		s.sum.Censored++
	case record.EnvironmentFailed:
		s.sum.Environment++
	default:
		s.sum.Interrupted++
	}
	if out.Manifest.Attempt != "" {
		s.sum.Attempts = append(s.sum.Attempts, out.Manifest)
	}
}
