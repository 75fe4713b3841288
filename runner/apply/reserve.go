package apply

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/runner/gpulock"
	"matrix/runner/machine"
	"matrix/runner/plan"
	"matrix/runner/telemetry"
)

// AutoJobs runs as many launches side by side as there are GPUs for them; one where there is none.
const AutoJobs = -1

// reserve locks the GPUs that the plan's launches need, for the whole apply: in a gap between two launches another
// program could take one, and this apply would break off midway. *gpulock.HeldError when no launch has enough of them.
func (s *session) reserve() (release func(), err error) {
	all, err := s.site.Host.GPUs()
	if err != nil {
		all = nil // nothing to read: the plan and doctor have said so
	}
	if devices, limited := os.LookupEnv("CUDA_VISIBLE_DEVICES"); limited {
		all = machine.Visible(all, devices)
	}
	s.site.GPUs = all
	locks := locks{tried: map[string]bool{}}
	defer func() {
		if err != nil {
			locks.release()
		}
	}()
	for _, c := range s.cells() {
		if err := locks.cover(s, s.locked(c)); err != nil {
			return nil, err
		}
	}
	if locks.held != nil {
		held := s.named(locks.held)
		if err := s.setAside(held, func(c *cell.Cell) bool { return s.locked(c).metBy(locks.uuids) }); err != nil {
			return nil, err
		}
		if locks.short {
			s.site.Events.Warn(fmt.Sprintf("%s; this apply goes on with %d of %d GPUs", held, len(locks.uuids), len(all)))
		}
	}
	s.pool = newPool(s.inOrder(locks.uuids), s.jobs(len(locks.uuids)))
	return locks.release, nil
}

// cells are those of the plan's launches, each once: launches of one cell take the same of the machine.
func (s *session) cells() []*cell.Cell {
	var all []*cell.Cell
	seen := map[*cell.Cell]bool{}
	for _, step := range s.site.Plan.Order {
		if c := step.Item.Cell; !seen[c] {
			seen[c] = true
			all = append(all, c)
		}
	}
	return all
}

// locked is what is locked for a cell: each GPU where nothing may run beside it, so that no other apply begins meanwhile.
func (s *session) locked(c *cell.Cell) demand {
	d := demandOf(c, s.site.GPUs)
	if d.alone && c.Platform.Local() {
		d.of = nil
		for _, g := range s.site.GPUs {
			d.of = append(d.of, g.UUID)
		}
		d.gpus = len(d.of)
	}
	return d
}

// setAside takes the launches of cells that lack a GPU out of the plan: they stay pending, and the others need not wait
// for whoever is in their way. Where none is left, why is returned and nothing starts.
func (s *session) setAside(why error, met func(*cell.Cell) bool) error {
	p := *s.site.Plan
	p.Order = slices.DeleteFunc(slices.Clone(p.Order), func(step plan.Step) bool { return !met(step.Item.Cell) })
	lacking := len(s.site.Plan.Order) - len(p.Order)
	if lacking == 0 {
		return nil
	}
	if len(p.Order) == 0 {
		return why
	}
	s.sum.Waiting += lacking
	s.site.Plan, s.site.Events.Steps = &p, len(p.Order)
	s.site.Events.Warn(fmt.Sprintf("%s; %s cannot start without it: apply again once it is free", why, format.Count(lacking, "launch")))
	return nil
}

// locks are the GPU locks that an apply holds.
type locks struct {
	uuids    []string
	releases []func()
	tried    map[string]bool // by UUID: also those that another program holds
	held     error           // the last of these; nil = there was none
	short    bool            // fewer than launches could use side by side
}

// cover locks as many GPUs as launches of this demand can use side by side. The idle ones come first: a GPU on which
// something runs is not the one to wait for.
func (l *locks) cover(s *session, d demand) error {
	wanted := slices.Clone(d.these)
	if len(wanted) == 0 {
		wanted = s.idleFirst(d.of)
	}
	most := max(len(d.these), min(len(d.of), d.gpus*s.jobs(len(d.of))))
	for _, uuid := range wanted {
		if count(l.uuids, wanted) >= most {
			return nil
		}
		if l.tried[uuid] {
			continue
		}
		l.tried[uuid] = true
		err := l.take(s, uuid)
		if busy := new(gpulock.HeldError); errors.As(err, &busy) {
			l.held = err
		} else if err != nil {
			return err
		}
	}
	l.short = l.short || count(l.uuids, wanted) < most
	return nil
}

// idleFirst puts the GPUs on which a process computes last.
func (s *session) idleFirst(uuids []string) []string {
	var idle, busy []string
	for _, g := range machine.Among(s.site.GPUs, uuids) {
		if slices.ContainsFunc(g.Processes, func(p telemetry.GPUProcess) bool { return p.Compute }) {
			busy = append(busy, g.UUID)
		} else {
			idle = append(idle, g.UUID)
		}
	}
	return append(idle, busy...)
}

// take locks one GPU.
func (l *locks) take(s *session, uuid string) error {
	release, err := gpulock.Take(s.site.Host.LockFolder, uuid, "matrix apply "+s.site.Plan.Experiment)
	if unusable := new(gpulock.UnusableError); errors.As(err, &unusable) {
		// Another user's leavings are no reason not to measure; what runs on the GPU is looked at before each launch.
		s.site.Events.Warn(err.Error() + "; nothing keeps another matrix off this GPU meanwhile")
		release, err = func() {}, nil
	}
	if err == nil {
		l.uuids, l.releases = append(l.uuids, uuid), append(l.releases, release)
	}
	return err
}

// release gives all locks back.
func (l *locks) release() {
	for _, release := range l.releases {
		release()
	}
}

// jobs is how many launches may run side by side with so many GPUs.
func (s *session) jobs(gpus int) int {
	if s.o.Jobs == AutoJobs {
		return max(1, gpus)
	}
	return max(1, s.o.Jobs)
}

// inOrder sorts UUIDs as the machine has them: neighbours are linked best.
func (s *session) inOrder(uuids []string) []string {
	var sorted []string
	for _, g := range s.site.GPUs {
		if slices.Contains(uuids, g.UUID) {
			sorted = append(sorted, g.UUID)
		}
	}
	return sorted
}

// named says which GPU a lock is about in words that nvidia-smi uses too.
func (s *session) named(err error) error {
	busy := new(gpulock.HeldError)
	if !errors.As(err, &busy) {
		return err
	}
	for _, g := range s.site.GPUs {
		if g.UUID == busy.UUID {
			return fmt.Errorf("GPU %d (%s) %w", g.Index, strings.TrimSpace(g.Name), err)
		}
	}
	return err
}
