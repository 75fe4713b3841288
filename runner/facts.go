package runner

import (
	"context"
	"errors"
	"fmt"

	"matrix/backends"
	"matrix/experiments"
	"matrix/experiments/dataset"
)

// facts gathers what the world adds to cells, each thing asked once: a platform × model is resolved once, a dataset
// opened once.
type facts struct {
	w        World
	resolved map[pairing]backends.Identity
	lacking  map[*experiments.Hardware]error
	order    []string          // of the faults
	fault    map[string]*fault // by text
}

type pairing struct {
	platform *experiments.Platform
	model    *experiments.Model
}

// fault is one mistake that may meet many cells.
type fault struct {
	err   error
	cell  *experiments.Cell // the first that it met
	cells int
}

func newFacts(w World) *facts {
	return &facts{w: w, resolved: map[pairing]backends.Identity{}, lacking: map[*experiments.Hardware]error{}, fault: map[string]*fault{}}
}

// identify fills in an item's identity, notes and what the machine lacks. It reports false when the dataset is at fault.
func (f *facts) identify(ctx context.Context, item *Item) bool {
	c := item.Cell
	set, err := f.dataset(ctx, c)
	if err != nil {
		f.blame(c, err)
		return false
	}
	id := f.resolve(ctx, c)
	item.Identity = experiments.Identify(c, experiments.Facts{
		Backend: backendFacts(c, id), Model: id.Model, Dataset: set.Facts(),
		Hardware: f.hardware(c), Environment: f.environment(),
	})
	item.Notes = append(item.Notes, id.Notes...)
	item.Missing = id.Missing
	if item.Missing == nil {
		item.Missing = f.lacks(c)
	}
	return true
}

func (f *facts) dataset(ctx context.Context, c *experiments.Cell) (*dataset.Set, error) {
	set, err := f.w.Datasets(ctx, c.Dataset)
	if err != nil {
		return nil, err
	}
	if c.Load != nil && c.Load.Mode == "open" {
		// The schedule decides how many; the batch size only bounds it.
		if _, err := plannedRequests(c); err != nil {
			return nil, err
		}
	}
	return set, set.Fits(c)
}

func (f *facts) resolve(ctx context.Context, c *experiments.Cell) backends.Identity {
	key := pairing{c.Platform, c.Model}
	if id, ok := f.resolved[key]; ok {
		return id
	}
	b := f.w.Backends[c.Platform.Backend]
	if b == nil {
		id := backends.Identity{Missing: fmt.Errorf("this matrix has no backend %q", c.Platform.Backend)}
		f.resolved[key] = id
		return id
	}
	id, err := b.Resolve(ctx, c)
	if err != nil && id.Missing == nil {
		id.Missing = err
	}
	f.resolved[key] = id
	return id
}

// backendFacts names the engine; a version that cannot be told here is left out, "unknown until apply".
func backendFacts(c *experiments.Cell, id backends.Identity) experiments.Values {
	v := experiments.Values{"name": c.Platform.Backend}
	if id.Version != "" {
		v["version"] = id.Version
	}
	return v
}

// hardware is what a result depends on: the GPUs where there are some, else the CPU; of an attached server we know
// neither.
func (f *facts) hardware(c *experiments.Cell) experiments.Values {
	m := f.w.Machine
	switch {
	case c.Platform.Attach:
		return experiments.Values{"attached": true}
	case m.GPUName != "":
		n := m.GPUs
		if c.Hardware != nil && c.Hardware.GPUs > 0 {
			n = int64(c.Hardware.GPUs)
		}
		return experiments.Values{"gpu": m.GPUName, "gpus": n}
	}
	return experiments.Values{"cpu": m.CPU}
}

func (f *facts) environment() experiments.Values {
	m := f.w.Machine
	v := experiments.Values{"matrix": f.w.Version}
	for name, text := range map[string]string{"host": m.Host, "kernel": m.Kernel, "driver": m.Driver, "cuda": m.CUDA, "governor": m.Governor} {
		if text != "" {
			v[name] = text
		}
	}
	if m.PowerLimitW != nil {
		v["power_limit_w"] = *m.PowerLimitW
	}
	return v
}

// lacks says what of the cell's hardware constraint this machine does not have. A simulated or attached engine runs
// on no hardware of ours.
func (f *facts) lacks(c *experiments.Cell) error {
	if c.Hardware == nil || c.Platform.Attach || c.Platform.Backend == experiments.Simulator {
		return nil
	}
	if err, ok := f.lacking[c.Hardware]; ok {
		return err
	}
	err := lacksHardware(c.Hardware, f.w.Machine)
	f.lacking[c.Hardware] = err
	return err
}

func (f *facts) blame(c *experiments.Cell, err error) {
	if known := f.fault[err.Error()]; known != nil {
		known.cells++
		return
	}
	f.fault[err.Error()] = &fault{err: err, cell: c, cells: 1}
	f.order = append(f.order, err.Error())
}

// faults joins what is wrong with the data, each thing once.
func (f *facts) faults() error {
	var errs []error
	for _, text := range f.order {
		x := f.fault[text]
		place := x.cell.Dataset.Place
		if place.Line == 0 {
			place = x.cell.Place
		}
		more := ""
		if x.cells > 1 {
			more = fmt.Sprintf(" (and %d more cells)", x.cells-1)
		}
		errs = append(errs, fmt.Errorf("%s: %s%s: %w", place, x.cell.Name(), more, x.err))
	}
	return errors.Join(errs...)
}
