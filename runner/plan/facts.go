package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/format"
	"matrix/runner/machine"
)

// facts gathers what the world adds to cells, each thing asked once: a platform × model is resolved once, a dataset
// opened once. The Identifier tells maps apart by their address, so each map is made once and kept.
type facts struct {
	w           World
	identifier  *cell.Identifier
	resolved    map[pairing]resolution
	datasets    map[*cell.Dataset]datasetFacts
	hardware    map[int]cell.Values // by number of GPUs; attached: -1
	environment cell.Values
	lacking     map[*cell.Hardware]error
	order       []string          // of the faults
	fault       map[string]*fault // by text
}

// pairing is what a resolution depends on: every cell of one platform and model has the same.
type pairing struct {
	platform *cell.Platform
	model    *cell.Model
}

// resolution is a backend's answer with the backend component of its cells.
type resolution struct {
	backends.Identity
	backend cell.Values
	told    cell.Values // Model for chats with a model that is told whether to think
}

// datasetFacts is a dataset with its component, or why there is none.
type datasetFacts struct {
	set   *dataset.Set
	facts cell.Values
	err   error
}

// fault is one mistake that may meet many cells.
type fault struct {
	err   error
	cell  *cell.Cell // the first that it met
	cells int
}

// newFacts reads the environment once; the rest is found when a cell asks for it.
func newFacts(w World) *facts {
	return &facts{w: w, identifier: cell.NewIdentifier(), resolved: map[pairing]resolution{}, datasets: map[*cell.Dataset]datasetFacts{},
		hardware: map[int]cell.Values{}, environment: environmentFacts(w), lacking: map[*cell.Hardware]error{}, fault: map[string]*fault{}}
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
	model := id.Model
	if set.set.Chats(c) {
		if id.NoTemplate != "" {
			f.blame(c, fmt.Errorf("%s: %s has no chat template, so %s cannot be asked the chats of dataset %q: set generate.template, or dataset { chat = false } to send the text alone%s",
				c.PlaceOf("model"), id.NoTemplate, c.Platform.ID, c.Dataset.ID, id.TemplateHint))
			return false
		}
		if _, think := c.Generate.ThinkingLevel(); think && id.NeverThinks {
			f.blame(c, fmt.Errorf("%s: the chat template of model %s has no switch for thinking, so it cannot be told to", c.PlaceOf("generate.thinking"), c.Model.ID))
			return false
		}
		if id.Thinks {
			model = id.told
		}
	}
	item.Identity = f.identifier.Identify(c, cell.Facts{
		Backend: id.backend, Model: model, Dataset: set.facts, Hardware: f.hardwareOf(c), Environment: f.environment,
	})
	item.Notes = append(item.Notes, id.Notes...)
	item.Data = slices.Concat(set.set.Form(), set.set.Notes())
	if c.Outlived() && Natural(c) && c.Launches > 1 {
		item.Notes = append(item.Notes, `prefix_cache = "natural" on a server that goes on between launches: from the second on it has had the prompts, and may answer out of its cache`)
	}
	item.Missing = id.Missing
	if lacks := f.lacks(c); lacks != nil {
		item.WaitsFor = c.Hardware.ID
		item.Missing = lacks // what else is not here does not matter: it runs elsewhere
	}
	return true
}

// errNoDataset is of a cell that has nothing to send.
var errNoDataset = errors.New("the experiment names no dataset")

// dataset opens a dataset once and holds each cell against it.
func (f *facts) dataset(ctx context.Context, c *cell.Cell) (datasetFacts, error) {
	if c.Dataset == nil {
		return datasetFacts{}, errNoDataset
	}
	o, known := f.datasets[c.Dataset]
	if !known {
		if o.set, o.err = f.w.Datasets(ctx, c.Dataset); o.err == nil {
			o.facts = o.set.Facts()
		}
		f.datasets[c.Dataset] = o
	}
	if o.err != nil {
		return o, o.err
	}
	if c.Load.Mode == "open" {
		// The schedule decides how many; the batch size only bounds it.
		if _, err := PlannedRequests(c); err != nil {
			return o, err
		}
	}
	if err := o.set.Fits(c); err != nil {
		return o, err
	}
	return o, f.refused(c, o.set)
}

// refused says what a cell's requests ask for that its backend has no word for.
func (f *facts) refused(c *cell.Cell, set *dataset.Set) error {
	if level, think := c.Generate.ThinkingLevel(); think && !set.Chats(c) {
		return fmt.Errorf("%s: generate.thinking = %q goes with chats, and this cell sends raw prompts: what renders them decides; leave it out",
			c.PlaceOf("generate.thinking"), cmp.Or(level, "true"))
	}
	if c.Generate.Tools != "" && !set.Chats(c) {
		return fmt.Errorf("%s: generate.tools goes with chats, and this cell sends raw prompts; leave it out", c.PlaceOf("generate.tools"))
	}
	refuses := f.w.Backends[c.Platform.Backend].Refuses
	if refuses == nil {
		return nil
	}
	asked := c.Generate.RequestFields()
	for _, name := range []string{"tools", "tool_choice"} {
		if _, there := asked[name]; !there {
			continue
		}
		if why := refuses(c, name, dataset.Word(name, asked)); why != "" {
			return fmt.Errorf("%s: %s: leave it out for all platforms, or leave this platform out", c.PlaceOf("generate."+name), why)
		}
	}
	for _, field := range set.Fields() {
		if why := refuses(c, field.Name, field.Value); why != "" {
			return &dataset.Error{Path: set.Path(), Line: field.Line, Reason: fmt.Sprintf("%s (%s of the file's entries have %s)", why, format.Whole(field.Count), field.Name),
				Hint: "Take the field out of the file for all platforms, or leave this platform out."}
		}
	}
	return nil
}

// resolve asks the backend once for each pairing. What is missing is an answer, not an error: the cell is shown with it.
func (f *facts) resolve(ctx context.Context, c *cell.Cell) resolution {
	key := pairing{c.Platform, c.Model}
	if r, ok := f.resolved[key]; ok {
		return r
	}
	var r resolution
	if b := f.w.Backends[c.Platform.Backend]; b.Resolve == nil {
		r.Missing = fmt.Errorf("this matrix has no backend %q", c.Platform.Backend)
	} else {
		id, err := b.Resolve(ctx, c)
		if r.Identity = id; err != nil && id.Missing == nil {
			r.Missing = err
		}
	}
	for _, e := range c.Installs() {
		if err := e.Absent(); err != nil {
			r.Missing = err
			break
		}
	}
	// A version that cannot be told here is left out, "unknown until apply".
	r.backend = cell.Values{"name": c.Platform.Backend}
	if r.Version != "" {
		r.backend["version"] = r.Version
	}
	// A model with a switch for thinking was once left to its template's default: that was another prompt.
	r.told = maps.Clone(r.Model)
	if r.Thinks {
		r.told["thinking"] = "told"
	}
	f.resolved[key] = r
	return r
}

// hardwareOf is what a result depends on: the GPUs where there are some, else the CPU; of an attached server we know
// neither.
func (f *facts) hardwareOf(c *cell.Cell) cell.Values {
	n := int(f.w.Machine.GPUs)
	if _, declared := c.Platform.Env["CUDA_VISIBLE_DEVICES"]; c.Platform.Local() && !declared {
		n = min(n, c.GPUs()) // the launch gets no more
	}
	if c.Hardware != nil && c.Hardware.GPUs > 0 {
		n = c.Hardware.GPUs
	}
	if c.Platform.Attached() {
		n = -1
	}
	v := f.hardware[n]
	if v != nil {
		return v
	}
	switch m := f.w.Machine; {
	case n == -1:
		v = cell.Values{"attached": true}
	case m.GPUName != "":
		v = cell.Values{"gpu": m.GPUName, "gpus": int64(n)}
	default:
		v = cell.Values{"cpu": m.CPU}
	}
	f.hardware[n] = v
	return v
}

// environmentFacts are recorded with each result and are never a reason to run again. What is not known is left out.
func environmentFacts(w World) cell.Values {
	m := w.Machine
	v := cell.Values{"matrix": w.Version}
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
func (f *facts) lacks(c *cell.Cell) error {
	if c.Hardware == nil || !c.Platform.Local() {
		return nil
	}
	if err, ok := f.lacking[c.Hardware]; ok {
		return err
	}
	err := machine.Lacks(c.Hardware, f.w.Machine)
	f.lacking[c.Hardware] = err
	return err
}

// blame keeps an error with the first cell that has it and counts the others: a dataset that is not there is one piece of
// news, not one for each of a thousand cells.
func (f *facts) blame(c *cell.Cell, err error) {
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
		place := x.cell.Place
		if d := x.cell.Dataset; d != nil && d.Place.Line > 0 {
			place = d.Place
		}
		more := ""
		if x.cells > 1 {
			more = fmt.Sprintf(" and %d more", x.cells-1)
		}
		if !strings.HasPrefix(x.err.Error(), place.String()) {
			more += ", " + place.String()
		}
		// The fault's own place comes first: that is the file to open.
		errs = append(errs, fmt.Errorf("%w (cell %s%s)", x.err, x.cell.Name(), more))
	}
	return errors.Join(errs...)
}
