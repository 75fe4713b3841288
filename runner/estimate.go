package runner

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"matrix/experiments"
	"matrix/results"
)

// overhead is what a launch costs beside loading and measuring: drain, warm-up, stop. A guess that only matters for
// small batches.
const overhead = 5 * time.Second

// Where an estimate comes from.
const (
	FromHistory   = "history"   // past launches of like cells
	FromBandwidth = "bandwidth" // the memory-bandwidth model: nothing like it was measured
)

// estimator predicts durations: from past launches of like cells (same platform, same model, the nearest batch size),
// else by the memory-bandwidth model.
type estimator struct {
	seen    map[likeness]map[int64][]sighting // by batch size
	machine results.Machine
}

type likeness struct{ platform, model string }

// sighting is one complete launch.
type sighting struct {
	load    float64 // s
	perCall float64 // s a request
}

func newEstimator(past []results.Past, machine results.Machine) *estimator {
	e := &estimator{seen: map[likeness]map[int64][]sighting{}, machine: machine}
	for i := range past {
		if past[i].Problem == "" && past[i].Tainted == "" {
			e.learn(past[i].Manifest)
		}
	}
	return e
}

// learn adds an attempt that ended well.
func (e *estimator) learn(m results.Manifest) {
	d, measured := m.Summary["duration_s"]
	if m.Status != results.Complete || !measured || m.Planned == 0 || m.Segments > 1 {
		return
	}
	key := likeness{m.Platform, m.Model}
	if e.seen[key] == nil {
		e.seen[key] = map[int64][]sighting{}
	}
	e.seen[key][m.Planned] = append(e.seen[key][m.Planned], sighting{load: m.Summary["load_s"], perCall: d / float64(m.Planned)})
}

// like returns the sightings at the batch size nearest to the asked one, by ratio; of two as near, both.
func (e *estimator) like(c *experiments.Cell) []sighting {
	bySize := e.seen[likeness{c.Platform.ID, c.Model.ID}]
	distance := func(size int64) float64 { return math.Abs(math.Log(float64(size) / float64(max(1, c.BatchSize)))) }
	best := math.Inf(1)
	for size := range bySize {
		best = min(best, distance(size))
	}
	var all []sighting
	for _, size := range slices.Sorted(maps.Keys(bySize)) {
		if distance(size) <= best+1e-9 {
			all = append(all, bySize[size]...)
		}
	}
	return all
}

// launch predicts one launch of an item from history; nil = no like cell was ever measured. spread is half the range
// over the median.
func (e *estimator) launch(item *Item) (took *time.Duration, rests int, spread float64) {
	like := e.like(item.Cell)
	if len(like) == 0 {
		return nil, 0, 0
	}
	totals := make([]float64, len(like))
	for i, s := range like {
		totals[i] = s.load + s.perCall*float64(item.Cell.BatchSize)
	}
	slices.Sort(totals)
	median := (totals[(len(totals)-1)/2] + totals[len(totals)/2]) / 2
	spread = (totals[len(totals)-1] - totals[0]) / 2 / max(median, 1e-9)
	return around(item.Cell, median), len(like), spread
}

// around adds what every launch has around its measured phase.
func around(c *experiments.Cell, seconds float64) *time.Duration {
	d := time.Duration(seconds*float64(time.Second)) + overhead
	if c.Isolation != nil {
		d += c.Isolation.Cooldown
	}
	return &d
}

// tally is how many launches of a plan rest on what.
type tally struct {
	total              time.Duration
	spread             float64
	past               int // launches in the history
	measured, modelled int // pending launches
	unknown            int
}

// plan fills in the estimates of a plan and what they rest on.
func (e *estimator) plan(p *Plan) {
	var t tally
	for _, item := range p.Items {
		if item.Pending() {
			t.add(e, item)
		}
	}
	if len(p.Order) == 0 {
		return
	}
	if t.unknown == 0 {
		p.Estimate = &t.total
	}
	p.Rests = t.String()
}

func (t *tally) add(e *estimator, item *Item) {
	n := len(item.Launches)
	one, past, spread := e.launch(item)
	switch {
	case one != nil:
		item.EstimateFrom = FromHistory
		t.past, t.spread, t.measured = t.past+past, max(t.spread, spread), t.measured+n
	default:
		if seconds, ok := decodeBound(item.Cell, e.machine); ok {
			one, item.EstimateFrom = around(item.Cell, seconds), FromBandwidth
			t.modelled += n
			break
		}
		t.unknown += n
		return
	}
	all := *one * time.Duration(n)
	item.Estimate = &all
	t.total += all
}

// String says what the estimate rests on.
func (t *tally) String() string {
	all := t.measured + t.modelled + t.unknown
	const modelled = "estimate from memory bandwidth, not measured: every answer max_tokens long, loading left out"
	switch {
	case t.unknown == all:
		return "nothing like it was measured yet"
	case t.unknown > 0:
		return fmt.Sprintf("%d of %d launches have no like cell yet; the others take about %s", t.unknown, all, t.total.Round(time.Second))
	case t.measured == 0:
		return modelled
	case t.modelled > 0:
		return fmt.Sprintf("%s; for %d of %d launches %s", restsText(t.past, t.spread), t.modelled, all, modelled)
	}
	return restsText(t.past, t.spread)
}

// restsText names the evidence. A single past launch shows no spread; three launches of one cell have been seen to
// differ by 40%, so that is said where fewer than three are known.
func restsText(launches int, spread float64) string {
	if launches < 3 {
		spread = max(spread, 0.4)
	}
	noun := "launches"
	if launches == 1 {
		noun = "launch"
	}
	return fmt.Sprintf("%d past %s; ± %.0f%%", launches, noun, 100*cmp.Or(math.Ceil(spread*20)/20, 0.05))
}
