package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"matrix/experiments"
)

// crowd counts the launches that run at the same time.
type crowd struct {
	mu      sync.Mutex
	running map[*launch]int64 // most others that ran beside it
}

func newCrowd() *crowd { return &crowd{running: map[*launch]int64{}} }

func (c *crowd) join(l *launch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[l] = 0
	for each, most := range c.running {
		c.running[each] = max(most, int64(len(c.running)-1))
	}
}

func (c *crowd) leave(l *launch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, l)
}

// beside is the highest number of other launches that a running one has had beside it.
func (c *crowd) beside(l *launch) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running[l]
}

// place is where a launch runs.
type place struct {
	gpus   []string // UUIDs that it may use; none: the CPU, or an engine that is not ours
	server *server  // shared with other cells; nil = its own
}

// unit is steps that run one after the other at one place: those that share a server, else one alone.
type unit struct {
	steps []LaunchStep
	first int // index of the first in the plan's order
}

// units cuts the order into what can be started by itself.
func units(steps []LaunchStep) []unit {
	var all []unit
	for from := 0; from < len(steps); {
		to := from + 1
		for to < len(steps) && steps[from].Item.server != "" && steps[to].Item.server == steps[from].Item.server && steps[to].Launch == steps[from].Launch {
			to++
		}
		all = append(all, unit{steps: steps[from:to], first: from})
		from = to
	}
	return all
}

// steps runs the launches in order, as many side by side as jobs and GPUs allow. The next one waits until what it needs is
// free and none overtakes it, so that the order means the same with any number of jobs. After ^C, or a failure under
// FailFast, the rest is not run.
func (a *applying) steps(ctx context.Context) error {
	interrupted := context.AfterFunc(ctx, func() { a.events.emit(Event{Kind: Interrupt}) })
	defer interrupted()
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	for _, u := range units(a.plan.Order) {
		d := demandOf(u.steps[0].Item.Cell, a.gpus)
		set := a.take(d)
		if a.over(work) {
			a.give(d, set)
			a.skip(len(u.steps))
			continue
		}
		running.Go(func() {
			defer a.give(d, set)
			at := place{gpus: set}
			if u.steps[0].Item.server != "" {
				at.server = &server{}
			}
			err := a.unit(work, u, at)
			at.server.close(work)
			if err != nil {
				a.broke(err)
				cancel() // the store takes nothing more: the others stop as for ^C
			}
		})
	}
	running.Wait()
	return a.broken
}

// unit runs its launches, with the cell's cooldown after each but the plan's last.
func (a *applying) unit(ctx context.Context, u unit, at place) error {
	for i, step := range u.steps {
		if a.over(ctx) || a.lacks(step.Item) {
			a.skip(1)
			continue
		}
		if err := a.step(ctx, u.first+i, step, at); err != nil {
			a.skip(len(u.steps) - i - 1)
			return err
		}
		if u.first+i+1 < len(a.plan.Order) {
			pause(ctx, step.Item.Cell.Isolation.Cooldown)
		}
	}
	return nil
}

// take waits until a launch's needs are free.
func (a *applying) take(d demand) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if set, ok := a.pool.take(d); ok {
			return set
		}
		a.freed.Wait()
	}
}

func (a *applying) give(d demand, set []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pool.give(d, set)
	a.freed.Broadcast()
}

// over reports whether nothing more is to be started.
func (a *applying) over(ctx context.Context) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return ctx.Err() != nil || a.o.FailFast && a.sum.Failed+a.sum.Censored+a.sum.Environment > 0
}

// lacks reports whether an earlier launch of the cell has said what the machine lacks for it.
func (a *applying) lacks(item *Item) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.given[item] || a.usage[startedWith(item.Cell, unknownArgument)] || a.usage[startedWith(item.Cell, badArgument)]
}

// Classes of a launch that its engine refused for how it was called: no other cell that is called so will do better.
const (
	unknownArgument = "unknown_argument" // whatever its value
	badArgument     = "bad_argument"
)

// startedWith is equal for cells whose engine is called alike, as far as a usage error goes.
func startedWith(c *experiments.Cell, class string) string {
	if class == badArgument {
		return fmt.Sprintf("%s %p", class, c.Platform)
	}
	return fmt.Sprint(class, c.Platform.ID, slices.Sorted(maps.Keys(c.Platform.Args)))
}

// refuse remembers a usage error and says once that the platform's other cells are not started.
func (a *applying) refuse(item *Item, out outcome) {
	if out.usage == "" {
		return
	}
	a.mu.Lock()
	a.usage[startedWith(item.Cell, out.usage)] = true
	a.mu.Unlock()
	a.events.warn(fmt.Sprintf("%s refuses how it is started (%s): its other launches with these arguments are left out; correct them and apply again", item.Cell.Platform.ID, out.reason))
}

func (a *applying) skip(launches int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum.NotRun += launches
}

// broke keeps the first error that stops everything.
func (a *applying) broke(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken == nil {
		a.broken = err
	}
}

// claim hands out the attempt that a launch goes on with; nil = it begins anew.
func (a *applying) claim(key launchKey, c *experiments.Cell) *leftover {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := a.left[key]
	if left == nil || !goesOn(c, left) {
		return nil
	}
	delete(a.left, key)
	return left
}
