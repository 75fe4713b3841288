package launch

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/events"
	"matrix/runner/plan"
)

// launch is one try at one launch: drain → start → load → warm up → measure → stop → drain → commit.
type launch struct {
	j   *journal     // what is written down
	e   *engine      // what is measured
	set *dataset.Set // open for the whole apply; nil before phases
}

// Place is where a launch runs.
type Place struct {
	GPUs   []string // UUIDs that it may use; none: the CPU, or an engine that is not ours
	Server *Server  // shared with other cells; nil = its own
}

// Run makes one try at a launch, with everything around it; index is the step's in the plan's order. ctx ends it in order.
// It ends with a result committed, an attempt kept to be gone on with, or Outcome.Fatal. The phases have a context of their
// own, so that a ^C has a cause by which rows can say why they were cut off.
func Run(ctx context.Context, site *Site, index int, step plan.Step, at Place) Outcome {
	j := &journal{site: site, item: step.Item, cell: step.Item.Cell, number: step.Launch, index: index, gpus: at.GPUs, server: at.Server, began: time.Now()}
	j.ahead = sync.OnceValue(func() *plan.Remainder { return site.Estimates.Following(site.Plan.Order, index, site.SideBySide) })
	if err := j.open(); err != nil {
		return Outcome{Fatal: err}
	}
	site.Crowd.join(j)
	defer site.Crowd.leave(j)
	j.emit(events.Event{Kind: events.LaunchStart})
	defer func() { j.emit(events.Event{Kind: events.LaunchStop, Took: time.Since(j.began)}) }()
	if j.server == nil {
		defer os.RemoveAll(j.scratch())
	}
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(errInterrupted) })()
	gone := j.watchPlace(cancel)
	l := &launch{j: j, e: &engine{j: j}}
	out := l.phases(work)
	if died := l.e.died("after the last request"); died != nil && out.Status == record.Complete {
		out = died // whoever finds it dead: nobody had stopped it yet
	}
	// Results that were moved away count for more than how the phases ended: there is no place left to commit to.
	out = cmp.Or(fatal(gone()), out)
	l.stop(ctx)
	return j.finish(*out)
}

// lookEvery is how often a launch looks whether its results are still where they were.
const lookEvery = 2 * time.Second

// watchPlace ends the launch when its results are moved away, which no write tells: hours of work would find no place at
// the commit. gone ends the watch and returns what it saw.
func (j *journal) watchPlace(cancel context.CancelCauseFunc) (gone func() error) {
	var seen error
	stop := beside(func(over <-chan struct{}) {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for seen == nil {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			if seen = j.attempt.Present(); seen != nil {
				cancel(errBroken)
			}
		}
	})
	return func() error {
		stop()
		return seen
	}
}

// phases goes through the launch until something ends it.
// The cell's limit begins when the engine is about to be loaded: waiting for a machine to become free is not the cell's.
func (l *launch) phases(ctx context.Context) *Outcome {
	j := l.j
	if j.item.Missing != nil {
		return lacking(j.item.Missing)
	}
	set, err := j.site.World.Datasets(ctx, j.cell.Dataset)
	if err != nil {
		return environment(err)
	}
	l.set = set
	for _, note := range set.Notes() {
		j.warn(note)
	}
	fresh := !j.server.usable(ctx)
	if fresh {
		if out := l.makeReady(ctx); out != nil {
			return out
		}
	}
	if limit := j.cell.Limits.Cell; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errCellLimit)
		defer cancel()
	}
	if err := l.descriptors(); err != nil {
		return lacking(err)
	}
	if !fresh {
		l.e.join()
	} else if out := l.e.load(ctx); out != nil {
		return out
	}
	if out := (warmup{j, l.e, set}).run(ctx); out != nil {
		return cmp.Or(fatal(j.samples.err()), out)
	}
	return measure(ctx, j, l.e, set)
}

// makeReady prepares the machine for an engine that is to be started.
func (l *launch) makeReady(ctx context.Context) *Outcome {
	if err := l.e.anew(ctx); err != nil {
		return fatal(err)
	}
	l.e.notes(ctx)
	if out := l.prime(ctx); out != nil {
		return out
	}
	if out := l.e.drain(ctx); out != nil {
		return out
	}
	l.e.coldCaches()
	return nil
}

// stop ends the engine and waits until the machine is free again. A shared one that is well is left to the next cell.
func (l *launch) stop(ctx context.Context) {
	j, s := l.j, l.j.server
	switch {
	case l.e.running == nil:
		j.recorded(j.samples.stop())
		if s.starting() {
			s.ended(j, "it did not come to be ready")
		}
	case s.alive() && l.e.isWell() && ctx.Err() == nil:
		l.e.describe()
		j.samples.letGo(ctx)
		j.recorded(j.samples.stop())
	default:
		l.e.describe()
		l.e.stop(ctx)
	}
}

// descriptors refuses a launch whose requests would run out of open files: told before it loads for minutes.
func (l *launch) descriptors() error {
	n := connections(l.j.cell, l.j.planned)
	if n == 0 || l.j.site.Files == 0 || uint64(n+spareFiles) <= l.j.site.Files {
		return nil
	}
	return fmt.Errorf("%s requests at once need %s open files, and this shell allows %s (ulimit -Hn): raise the limit, or set load { concurrency = %d } at most",
		format.Whole(n), format.Whole(int64(n+spareFiles)), format.Whole(int64(l.j.site.Files)), max(int(l.j.site.Files)-spareFiles, 1))
}

// connections is how many a cell has open at once, 0 where it does not depend on the load or cannot be told: an engine that
// takes whole batches, arrivals by a schedule.
func connections(c *cell.Cell, planned int) int {
	switch {
	case c.Platform.Batch():
		return 0
	case c.Load.Mode == "closed":
		return min(c.Load.Concurrency, planned)
	case c.Load.Mode == "batch":
		return planned
	}
	return 1
}

// spareFiles is what matrix itself has open beside the requests' connections.
const spareFiles = 48
