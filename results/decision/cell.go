package decision

import (
	"encoding/json"
	"maps"

	"matrix/results/predict"
	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/summary"
)

// tally is one cell of the tree as the decision sees it: what its attempts add up to. It is apart from summary.Cell so that the
// arithmetic can be tested with figures that no tree was measured for.
type tally struct {
	of       *summary.Cell // nil in tests of the arithmetic
	source   Source
	platform string
	model    string
	size     int64
	settings map[string]string // the other axes → labels
	origin   string            // experiment

	formed    bool // a form of the answers was asked for
	simulated bool
	imported  bool
	form      form
	place     string // hardware and workload; "" in a part = unknown
	asked     string
	prompts   string // the part of asked that is not of generate: the dataset, and an open load
	shape     string // load mode and concurrency, for latency

	launches []launch         // complete ones
	runs     []predict.Launch // in tests of the arithmetic: what the model is made of
	complete int              // attempts by how they ended; those stopped by us or by the machine count for nothing
	failed   int
	censored int
	reason   string // why the last one failed
	answered int64  // requests over those attempts, whatever the answer is worth
	planned  int64
	graded   int // prompts of which it is known whether their answers are right
}

// launch is the figures of one complete launch: metric → value, absent where it has none.
type launch struct {
	attempt string
	values  map[string]float64
}

// tried reports that the platform had its chance here, whatever came of it.
func (c *tally) tried() bool { return c != nil && c.complete+c.failed+c.censored > 0 }

// broken reports that no launch came through.
func (c *tally) broken() bool { return c.tried() && c.complete == 0 }

// median of a metric over the launches; nil without one.
func (c *tally) median(metric string) *float64 {
	if values := c.values(metric); len(values) > 0 {
		return new(stats.Median(values))
	}
	return nil
}

// values are a metric's, one a launch that has it; of no cell (nil) there are none.
func (c *tally) values(metric string) []float64 {
	var out []float64
	if c == nil {
		return nil
	}
	for _, l := range c.launches {
		if v, ok := l.values[metric]; ok {
			out = append(out, v)
		}
	}
	return out
}

// cellOf reads what the decision needs of a cell; extra are columns that a requirement or goal names.
func cellOf(from *summary.Cell, extra []string) *tally {
	c := &tally{of: from, platform: from.Platform, model: from.Model, size: from.BatchSize, origin: from.Experiment, imported: from.Imported, simulated: from.Simulated,
		settings: maps.Clone(from.Axes), source: Source{Cell: from.Slug, Name: from.Name, BatchSize: from.BatchSize}}
	for _, axis := range []string{"platform", "model", "batch_size"} {
		delete(c.settings, axis)
	}
	c.count(from)
	for _, a := range from.Launches {
		c.launches = append(c.launches, launch{attempt: a.Attempt, values: valuesOf(a, extra)})
		c.source.Attempts = append(c.source.Attempts, a.Attempt)
	}
	if first := from.First(); first != nil {
		c.form, c.formed = formOf(first), first.Formed()
		c.place, c.prompts, c.asked = placeOf(first)
		c.shape = shapeOf(first)
	}
	if len(c.source.Attempts) == 0 {
		for _, a := range from.Attempts {
			c.source.Attempts = append(c.source.Attempts, a.Attempt)
		}
	}
	return c
}

// count adds up how the attempts ended. An attempt that we or the machine stopped says nothing of the platform.
func (c *tally) count(from *summary.Cell) {
	for _, a := range from.Attempts {
		switch a.Status {
		case record.Complete:
			c.complete++
		case record.EngineFailed:
			c.failed++
			c.reason = a.Reason
		case record.Censored:
			c.censored++
			c.reason = a.Reason
		default:
			continue
		}
		answered, planned := a.Endings()
		c.answered, c.planned = c.answered+answered, c.planned+planned
	}
}

// valuesOf are the figures of a launch.
func valuesOf(a *summary.Attempt, extra []string) map[string]float64 {
	out := map[string]float64{}
	put := func(name string, v *float64) {
		if v != nil {
			out[name] = *v
		}
	}
	for name, of := range derived {
		put(name, of(a.Number))
	}
	for _, names := range [][]string{plain, extra} {
		for _, name := range names {
			put(name, a.Number(name))
		}
	}
	return out
}

// placeOf is what must be equal for two cells to be ranked against each other: the machine, the prompts with how they arrive,
// and all that was asked (prompts, limits, sampling; not the template, which belongs to the engine, nor the seed). "" = not
// known.
func placeOf(a *summary.Attempt) (machine, prompts, asked string) {
	parts := a.Identity.Components
	if v := string(parts.Get("hardware").Value); v != "{}" {
		machine = v
	}
	if v := string(parts.Get("dataset").Value); v != "{}" {
		prompts = v
	}
	var spec struct {
		Generate map[string]any `json:"generate"`
		Load     map[string]any `json:"load"`
	}
	if prompts == "" || json.Unmarshal(parts.Get("spec").Value, &spec) != nil {
		return machine, "", ""
	}
	if spec.Load["mode"] == "open" {
		if load, err := json.Marshal(spec.Load); err == nil {
			prompts += string(load)
		}
	}
	delete(spec.Generate, "template")
	delete(spec.Generate, "seed")
	limits, err := json.Marshal(spec.Generate)
	if err != nil {
		return machine, "", "" // a value that came from JSON
	}
	return machine, prompts, prompts + string(limits)
}

// shapeOf is what two cells must share for their latencies to be comparable; "" = theirs never is. A batch's latency
// is waiting in the batch.
func shapeOf(a *summary.Attempt) string {
	mode := a.Run().Mode
	if mode == "" || mode == "batch" {
		return ""
	}
	shape, _ := json.Marshal([]any{mode, a.Number("concurrency")}) // a string and a number: always valid
	return string(shape)
}
