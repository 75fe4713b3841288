package plan

import (
	"fmt"
	"math"
	"time"

	"matrix/results/format"
)

// total adds launches up. Those of one series are wrong together.
type total struct {
	seconds  float64
	common   map[int]float64 // by series: Σ seconds × half
	apart    float64         // Σ of squares
	unknown  int
	launches int
}

// add takes a launch into the sum. Errors that launches of one series share add up, the others' squares do: what is wrong
// of one cell is wrong alike of its neighbours.
func (t *total) add(g guess, withLoad bool) (seconds float64) {
	t.launches++
	if g.from == "" {
		t.unknown++
		return 0
	}
	seconds = g.seconds()
	if !withLoad {
		seconds -= g.load
	}
	if t.common == nil {
		t.common = map[int]float64{}
	}
	t.seconds += seconds
	wrong := (g.run + g.load) * g.half
	t.common[g.series] += wrong * math.Sqrt(g.common)
	t.apart += wrong * wrong * (1 - g.common)
	return seconds
}

// interval is that of the sum, at estimateLevel.
func (t *total) interval() (low, high time.Duration) {
	squares := t.apart
	for _, wrong := range t.common {
		squares += wrong * wrong
	}
	by := math.Exp(math.Sqrt(squares) / max(t.seconds, 1e-9))
	return duration(t.seconds / by), duration(t.seconds * by)
}

// walk calls each for the launches from a place in the order on, with whether the launch loads a server of its own.
func walk(order []Step, from int, each func(step Step, loads bool)) {
	for i := from; i < len(order); i++ {
		shares := i > 0 && order[i].Item.Server != "" && order[i].Item.Server == order[i-1].Item.Server && order[i].Launch == order[i-1].Launch
		each(order[i], !shares)
	}
}

// Remainder is how long what follows takes; low and high hold it at estimateLevel.
type Remainder struct {
	Took time.Duration `json:"took_ns"`
	Low  time.Duration `json:"low_ns"`
	High time.Duration `json:"high_ns"`
}

// Following estimates the launches from a place in the order on, of which so many run side by side; nil = unknown.
func (e *Estimator) Following(order []Step, from, sideBySide int) *Remainder {
	e.mu.Lock()
	defer e.mu.Unlock()
	var t total
	walk(order, from, func(step Step, loads bool) { t.add(e.launch(step.Item), loads) })
	if t.unknown > 0 {
		return nil
	}
	low, high := t.interval()
	most := time.Duration(sideBySide) // as far as that can be told
	return &Remainder{duration(t.seconds) / most, low / most, high / most}
}

// plan fills in the estimates of a plan and what they rest on.
func (e *Estimator) plan(p *Plan) {
	if len(p.Order) == 0 {
		return
	}
	e.compare(p.Items)
	var t total
	past, modelled, seen := 0, 0, map[int]bool{}
	walk(p.Order, 0, func(step Step, loads bool) {
		g := e.launch(step.Item)
		took := t.add(g, loads)
		switch g.from {
		case "":
			return
		case FromBandwidth:
			modelled++
		}
		step.Item.EstimateFrom = g.from
		if g.valid != nil && g.run > 0 {
			step.Item.ValidPerHour = new(3600 * *g.valid * float64(step.Item.Cell.BatchSize) / g.run)
		}
		if step.Item.Estimate == nil {
			step.Item.Estimate = new(time.Duration)
		}
		*step.Item.Estimate += duration(took)
		if !seen[g.series] {
			seen[g.series] = true
			past += g.past
		}
	})
	for _, item := range p.Primings {
		if g := e.priming(item); g.from != "" {
			t.add(g, true)
			t.launches--
		}
	}
	if t.unknown == 0 {
		p.Estimate = new(duration(t.seconds))
		low, high := t.interval()
		p.EstimateLow, p.EstimateHigh = &low, &high
	}
	p.Rests = rests(t, past, modelled)
	p.offer(e)
}

// rests says what an estimate rests on.
func rests(t total, past, modelled int) string {
	const by = "memory bandwidth, as nothing like it was measured yet"
	switch {
	case t.unknown == t.launches:
		return "nothing like it was measured yet"
	case t.unknown > 0:
		return fmt.Sprintf("%d of %d launches have no like cell yet; the others take about %s", t.unknown, t.launches, duration(t.seconds).Round(time.Second))
	case past == 0:
		return "from " + by
	case modelled > 0:
		return fmt.Sprintf("from %s; %d of %d from %s", format.Count(past, "past launch"), modelled, t.launches, by)
	}
	return "from " + format.Count(past, "past launch")
}

// priming predicts an unmeasured first start. It compiles, so it takes about twice a later start's load.
func (e *Estimator) priming(item *Item) guess {
	g := e.launch(item)
	if g.from == "" {
		return g
	}
	return guess{from: g.from, load: 2 * g.load, around: assumedOverhead, half: math.Log(2), common: 1, series: -1, past: g.past}
}
