package runner

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"matrix/runner/gpulock"
	"matrix/runner/telemetry"
)

// AutoJobs runs as many launches side by side as there are GPUs for them; one where there is none.
const AutoJobs = -1

// reserve locks the GPUs that the plan's launches need, for the whole apply: in a gap between two launches another
// program could take one, and this apply would break off midway. *gpulock.HeldError when too few are free.
func (a *applying) reserve() (release func(), err error) {
	all, err := a.host.gpus()
	if err != nil {
		all = nil // nothing to read: the plan and doctor have said so
	}
	if devices, limited := os.LookupEnv("CUDA_VISIBLE_DEVICES"); limited {
		all = visible(all, devices)
	}
	a.gpus = all
	var locks locks
	want := a.wanted()
	defer func() {
		if err != nil {
			locks.release()
		}
	}()
	for _, uuid := range want.these {
		if err := locks.take(a, uuid); err != nil {
			return nil, a.named(err)
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
		err := locks.take(a, g.UUID)
		if busy := new(gpulock.HeldError); errors.As(err, &busy) {
			held = err
		} else if err != nil {
			return nil, err
		}
	}
	if held != nil && len(locks.uuids) < want.least {
		return nil, a.named(held)
	}
	if held != nil && len(locks.uuids) < want.most {
		a.events.warn(a.named(held).Error() + fmt.Sprintf("; this apply goes on with %d of %d GPUs", len(locks.uuids), len(all)))
	}
	a.pool = newPool(a.inOrder(locks.uuids), a.jobs(len(locks.uuids)))
	return locks.release, nil
}

// locks are the GPU locks that an apply holds.
type locks struct {
	uuids    []string
	releases []func()
}

func (l *locks) take(a *applying, uuid string) error {
	release, err := gpulock.Take(a.host.lockFolder, uuid, "matrix apply "+a.plan.Experiment)
	if unusable := new(gpulock.UnusableError); errors.As(err, &unusable) {
		// Another user's leavings are no reason not to measure; what runs on the GPU is looked at before each launch.
		a.events.warn(err.Error() + "; nothing keeps another matrix off this GPU meanwhile")
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

// wanted is what the pending launches need together.
type wanted struct {
	these       []string // declared by UUID or number
	least, most int      // GPUs: without least not every launch could run, more than most would lie idle
}

func (a *applying) wanted() wanted {
	var w wanted
	widest, alone := 0, false
	for _, step := range a.plan.Order {
		d := demandOf(step.Item.Cell, a.gpus)
		for _, uuid := range d.these {
			if !slices.Contains(w.these, uuid) {
				w.these = append(w.these, uuid)
			}
		}
		widest = max(widest, d.gpus)
		alone = alone || d.alone && step.Item.Cell.Platform.Local()
	}
	w.least, w.most = widest, min(len(a.gpus), widest*a.jobs(len(a.gpus)))
	if alone {
		w.least, w.most = len(a.gpus), len(a.gpus)
	}
	return w
}

// jobs is how many launches may run side by side with so many GPUs.
func (a *applying) jobs(gpus int) int {
	if a.o.Jobs == AutoJobs {
		return max(1, gpus)
	}
	return max(1, a.o.Jobs)
}

// inOrder sorts UUIDs as the machine has them: neighbours are linked best.
func (a *applying) inOrder(uuids []string) []string {
	var sorted []string
	for _, g := range a.gpus {
		if slices.Contains(uuids, g.UUID) {
			sorted = append(sorted, g.UUID)
		}
	}
	return sorted
}

// named says which GPU a lock is about in words that nvidia-smi uses too.
func (a *applying) named(err error) error {
	busy := new(gpulock.HeldError)
	if !errors.As(err, &busy) {
		return err
	}
	for _, g := range a.gpus {
		if g.UUID == busy.UUID {
			return fmt.Errorf("GPU %d (%s) %w", g.Index, strings.TrimSpace(g.Name), err)
		}
	}
	return err
}

// among keeps the GPUs of a set.
func among(gpus []telemetry.GPU, set []string) []telemetry.GPU {
	return slices.DeleteFunc(slices.Clone(gpus), func(g telemetry.GPU) bool { return !slices.Contains(set, g.UUID) })
}
