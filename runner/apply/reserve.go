package apply

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"matrix/runner/gpulock"
	"matrix/runner/machine"
)

// AutoJobs runs as many launches side by side as there are GPUs for them; one where there is none.
const AutoJobs = -1

// reserve locks the GPUs that the plan's launches need, for the whole apply: in a gap between two launches another
// program could take one, and this apply would break off midway. *gpulock.HeldError when too few are free.
func (s *session) reserve() (release func(), err error) {
	all, err := s.site.Host.GPUs()
	if err != nil {
		all = nil // nothing to read: the plan and doctor have said so
	}
	if devices, limited := os.LookupEnv("CUDA_VISIBLE_DEVICES"); limited {
		all = machine.Visible(all, devices)
	}
	s.site.GPUs = all
	var locks locks
	want := s.needed()
	defer func() {
		if err != nil {
			locks.release()
		}
	}()
	for _, uuid := range want.these {
		if err := locks.take(s, uuid); err != nil {
			return nil, s.named(err)
		}
	}
	var held error
	for _, g := range all {
		if len(locks.uuids) >= want.most {
			break
		}
		if slices.Contains(locks.uuids, g.UUID) {
			continue
		}
		err := locks.take(s, g.UUID)
		if busy := new(gpulock.HeldError); errors.As(err, &busy) {
			held = err
		} else if err != nil {
			return nil, err
		}
	}
	if held != nil && len(locks.uuids) < want.least {
		return nil, s.named(held)
	}
	if held != nil && len(locks.uuids) < want.most {
		s.site.Events.Warn(s.named(held).Error() + fmt.Sprintf("; this apply goes on with %d of %d GPUs", len(locks.uuids), len(all)))
	}
	s.pool = newPool(s.inOrder(locks.uuids), s.jobs(len(locks.uuids)))
	return locks.release, nil
}

// locks are the GPU locks that an apply holds.
type locks struct {
	uuids    []string
	releases []func()
}

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

func (l *locks) release() {
	for _, release := range l.releases {
		release()
	}
}

// gpuNeed is what the pending launches need of the GPUs together.
type gpuNeed struct {
	these       []string // declared by UUID or number
	least, most int      // GPUs: without least not every launch could run, more than most would lie idle
}

func (s *session) needed() gpuNeed {
	var w gpuNeed
	widest, alone := 0, false
	for _, step := range s.site.Plan.Order {
		d := demandOf(step.Item.Cell, s.site.GPUs)
		for _, uuid := range d.these {
			if !slices.Contains(w.these, uuid) {
				w.these = append(w.these, uuid)
			}
		}
		widest = max(widest, d.gpus)
		alone = alone || d.alone && step.Item.Cell.Platform.Local()
	}
	w.least, w.most = widest, min(len(s.site.GPUs), widest*s.jobs(len(s.site.GPUs)))
	if alone {
		w.least, w.most = len(s.site.GPUs), len(s.site.GPUs)
	}
	return w
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
