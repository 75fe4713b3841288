package apply

import (
	"slices"
	"strconv"

	"matrix/experiments/cell"
	"matrix/runner/machine"
	"matrix/runner/telemetry"
)

// demand is what a launch takes of the machine while it runs.
type demand struct {
	gpus     int      // so many …
	of       []string // … of these, by UUID
	these    []string // these very ones, by UUID: the platform declares CUDA_VISIBLE_DEVICES
	alone    bool     // nothing may run beside it
	resource string   // what only one launch can have at a time: a declared port, an attached server; "" = nothing
}

// pool hands out the GPUs of an apply to launches that run side by side. Not safe for concurrent use.
type pool struct {
	all     []string        // UUIDs, in the machine's order
	used    map[string]bool // by UUID
	most    int             // launches at once
	running int             // launches
	alone   bool            // a launch that runs now wants no other
	taken   map[string]bool // by demand.resource
}

// newPool has at least one launch at a time, also where there is no GPU: engines on the CPU take a turn, too.
func newPool(uuids []string, most int) *pool {
	return &pool{all: uuids, used: map[string]bool{}, most: max(1, most), taken: map[string]bool{}}
}

// take reserves what a launch needs; ok is false while that is not free.
// It takes the first that are free in the machine's order, all or nothing. A demand for no GPU takes a turn all the same.
func (p *pool) take(d demand) (set []string, ok bool) {
	if p.running >= p.most || p.alone || d.alone && p.running > 0 || p.taken[d.resource] {
		return nil, false
	}
	set = slices.Clone(d.these)
	if len(d.these) == 0 {
		for _, uuid := range p.all {
			if len(set) < d.gpus && !p.used[uuid] && slices.Contains(d.of, uuid) {
				set = append(set, uuid)
			}
		}
	}
	if len(set) < d.gpus || slices.ContainsFunc(set, func(uuid string) bool { return p.used[uuid] }) {
		return nil, false
	}
	for _, uuid := range set {
		p.used[uuid] = true
	}
	p.running++
	p.alone = d.alone
	if d.resource != "" {
		p.taken[d.resource] = true
	}
	return set, true
}

// give takes back what take handed out.
func (p *pool) give(d demand, set []string) {
	for _, uuid := range set {
		delete(p.used, uuid)
	}
	p.running--
	p.alone = false
	delete(p.taken, d.resource)
}

// demandOf says what a cell's launch takes of a machine with these GPUs. Where there are fewer than the engine spans it
// takes all of them, and the engine says what it lacks.
func demandOf(c *cell.Cell, gpus []telemetry.GPU) demand {
	d := demand{alone: c.Isolation != nil && c.Isolation.Alone}
	switch {
	case c.Platform.Attached():
		d.resource = "server " + c.Platform.PublicURL()
	case c.Platform.Args.Int("port") > 0:
		d.resource = "port " + strconv.Itoa(c.Platform.Args.Int("port"))
	}
	if !c.Platform.Local() || len(gpus) == 0 {
		return d
	}
	if declared, there := c.Platform.Env["CUDA_VISIBLE_DEVICES"]; there {
		for _, g := range machine.Visible(gpus, declared) {
			d.these = append(d.these, g.UUID)
		}
		return d
	}
	for _, g := range gpus {
		if c.Hardware == nil || c.Hardware.GPU == "" || machine.SameGPU(c.Hardware.GPU, g.Name) {
			d.of = append(d.of, g.UUID)
		}
	}
	d.gpus = min(c.GPUs(), len(d.of))
	return d
}

// metBy reports whether these GPUs are enough for it.
func (d demand) metBy(free []string) bool {
	if len(d.these) > 0 {
		return count(free, d.these) == len(d.these)
	}
	return count(free, d.of) >= d.gpus
}

// count is how many of these are among those.
func count(these, those []string) int {
	n := 0
	for _, uuid := range these {
		if slices.Contains(those, uuid) {
			n++
		}
	}
	return n
}
