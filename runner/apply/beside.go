package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"matrix/experiments/cell"
	"matrix/runner/events"
	"matrix/runner/launch"
	"matrix/runner/machine"
	"matrix/runner/plan"
)

// unit is steps that run one after the other at one place: those that share a server, else one alone.
type unit struct {
	steps []plan.Step
	first int // index of the first in the plan's order
}

// units cuts the order into what can be started by itself.
func units(steps []plan.Step) []unit {
	var all []unit
	for from := 0; from < len(steps); {
		to := from + 1
		for to < len(steps) && steps[from].Item.Server != "" && steps[to].Item.Server == steps[from].Item.Server && steps[to].Launch == steps[from].Launch {
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
func (s *session) steps(ctx context.Context) error {
	interrupted := context.AfterFunc(ctx, func() { s.site.Events.Emit(events.Event{Kind: events.Interrupt}) })
	defer interrupted()
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	for _, u := range units(s.site.Plan.Order) {
		d := demandOf(u.steps[0].Item.Cell, s.site.GPUs)
		set := s.take(d)
		if s.over(work) {
			s.give(d, set)
			s.skip(len(u.steps))
			continue
		}
		running.Go(func() {
			defer s.give(d, set)
			at := launch.Place{GPUs: set}
			if u.steps[0].Item.Server != "" {
				at.Server = &launch.Server{}
			}
			err := s.unit(work, u, at)
			at.Server.Close(work)
			if err != nil {
				s.broke(err)
				cancel() // the store takes nothing more: the others stop as for ^C
			}
		})
	}
	running.Wait()
	return s.broken
}

// unit runs its launches, with the cell's cooldown after each but the plan's last.
func (s *session) unit(ctx context.Context, u unit, at launch.Place) error {
	for i, step := range u.steps {
		if s.over(ctx) || s.lacks(step.Item) {
			s.skip(1)
			continue
		}
		if err := s.step(ctx, u.first+i, step, at); err != nil {
			s.skip(len(u.steps) - i - 1)
			return err
		}
		if u.first+i+1 < len(s.site.Plan.Order) {
			machine.Pause(ctx, step.Item.Cell.Isolation.Cooldown)
		}
	}
	return nil
}

// take waits until a launch's needs are free.
func (s *session) take(d demand) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if set, ok := s.pool.take(d); ok {
			return set
		}
		s.freed.Wait()
	}
}

// give puts GPUs and memory back, and wakes every launch that waits: which of them fits now, each finds out itself.
func (s *session) give(d demand, set []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pool.give(d, set)
	s.freed.Broadcast()
}

// over reports whether nothing more is to be started.
func (s *session) over(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ctx.Err() != nil || s.o.FailFast && s.sum.Failed+s.sum.Censored+s.sum.Environment > 0
}

// lacks reports whether an earlier launch of the cell has said what the machine lacks for it.
func (s *session) lacks(item *plan.Item) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	called := func(class string) bool { return s.usage[calledWith(item.Cell, class)] }
	return s.given[item] || called(launch.UnknownArgument) || called(launch.BadArgument) || called(launch.BadRequest)
}

// calledWith is equal for cells whose engine is called and asked alike, as far as a usage error goes.
func calledWith(c *cell.Cell, class string) string {
	switch class {
	case launch.BadArgument:
		return fmt.Sprintf("%s %p", class, c.Platform)
	case launch.BadRequest:
		return fmt.Sprintf("%s %p %p %p %+v", class, c.Platform, c.Model, c.Dataset, *c.Generate)
	}
	return fmt.Sprint(class, c.Platform.ID, slices.Sorted(maps.Keys(c.Platform.Args)))
}

// refuse remembers a usage error and says once that the platform's other cells are not started.
func (s *session) refuse(item *plan.Item, out launch.Outcome) {
	if out.Usage == "" {
		return
	}
	s.mu.Lock()
	s.usage[calledWith(item.Cell, out.Usage)] = true
	s.mu.Unlock()
	if out.Usage == launch.BadRequest {
		s.site.Events.Warn(fmt.Sprintf("%s refuses what it is asked: its other launches that ask the same are left out; correct it and apply again", item.Cell.Platform.ID))
		return
	}
	s.site.Events.Warn(fmt.Sprintf("%s refuses how it is started (%s): its other launches with these arguments are left out; correct them and apply again", item.Cell.Platform.ID, out.Reason))
}

// skip counts launches that will not be tried in this apply.
func (s *session) skip(launches int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum.NotRun += launches
}

// broke keeps the first error that stops everything.
func (s *session) broke(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
	}
}
