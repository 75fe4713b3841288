package plan

import (
	"math"
	"sync"
	"time"

	"matrix/experiments/cell"
	"matrix/results/predict"
	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/store"
	"matrix/results/summary"
)

// Where an estimate comes from.
const (
	FromHistory   = "history"   // past launches of like cells
	FromBandwidth = "bandwidth" // the memory-bandwidth model: nothing like it was measured
)

// What is assumed until launches tell it.
const (
	assumedOverhead = 5  // s of a launch beside load and measured phase: drain, warm-up, stop
	assumedLoadS    = 60 // of an engine on this machine
	boundTimes      = 2.5
	boundSpread     = 2.5 // a measured phase lies within so many times of it
	estimateLevel   = 0.90
)

// Estimator predicts how long launches take: by package predict from past launches of the same settings, else from those
// of the same platform and model, else by the memory-bandwidth model, held against what it has been wrong by so far.
//
// What launches that run side by side ask of it (ended, loaded, phase, following) is safe for concurrent use; the rest is
// a plan's, which is made by one.
type Estimator struct {
	machine   record.Machine
	mu        sync.Mutex
	index     map[string]int // of a series, by key
	series    []predict.Series
	starts    []predict.Start
	yields    map[string]*yield    // by key of a series
	overheads map[string][]float64 // s, by platform and model, which warm up as they are; "": of all
	wrong     []float64            // ln(measured phase / memory-bandwidth model)
	model     *predict.Model       // nil: something was learned since
	around    map[string]float64   // medians of overheads, with the model
	guesses   map[*Item]guess
	keys      map[[5]string]seriesKeys
}

// seriesKeys are what tells a cell's series and its starts from others.
type seriesKeys struct{ series, start string }

// keysOf remembers: a history is the same few cells over and over.
func (e *Estimator) keysOf(m *record.Manifest) seriesKeys {
	var at [5]string
	for i, name := range [5]string{"spec", "dataset", "model", "backend", "hardware"} {
		at[i] = m.Identity.Components.Get(name).Hash
	}
	k, known := e.keys[at]
	if !known || at == [5]string{} { // without any, labels are the key
		k = seriesKeys{summary.SeriesKey(m), summary.StartKey(m)}
		e.keys[at] = k
	}
	return k
}

// yield counts the requests of past launches, and those whose answers can be used.
type yield struct{ valid, planned float64 }

// guess is what one launch will take.
type guess struct {
	from      string  // FromHistory, FromBandwidth; "" = unknown
	run, load float64 // s
	around    float64 // s beside them
	half      float64 // of the interval at estimateLevel, in logarithms
	common    float64 // part of half's square that all launches of the same series share
	series    int     // -1: by the memory-bandwidth model
	past      int     // launches it rests on
	loadKnown bool
	valid     *float64 // share of the answers that can be used; nil = unknown
}

// seconds is a whole launch, the waits around it included.
func (g guess) seconds() float64 { return g.run + g.load + g.around }

// newEstimator learns from what a tree has: its attempts, and the servers that some of them shared.
func newEstimator(past []store.Past, servers []record.ServerRecord, machine record.Machine) *Estimator {
	e := &Estimator{machine: machine, index: map[string]int{}, yields: map[string]*yield{}, overheads: map[string][]float64{}, keys: map[[5]string]seriesKeys{}}
	byID := map[string]*store.Past{}
	for i := range past {
		p := &past[i]
		if p.Problem == "" && p.Tainted == "" {
			e.learn(&p.Manifest)
			byID[p.Attempt] = p
		}
	}
	for i := range servers {
		if load := servers[i].Load(); load != nil && !servers[i].Primed && len(servers[i].Attempts) > 0 {
			if p := byID[servers[i].Attempts[0]]; p != nil {
				e.started(&p.Manifest, *load)
			}
		}
	}
	return e
}

// Ended takes in an attempt of this apply.
func (e *Estimator) Ended(m *record.Manifest, c *cell.Cell) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.learn(m)
	if d, ok := m.Summary["duration_s"]; ok && m.Status == record.Complete {
		e.measured(c, d)
	}
}

// Loaded takes in what the load of a shared server was, s, that an attempt of this apply was the first to use.
func (e *Estimator) Loaded(m *record.Manifest, seconds float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started(&record.Manifest{Experiment: m.Experiment, Platform: m.Platform, Model: m.Model, Identity: m.Identity}, seconds)
}

// Phase is how long the measured phase of an item's launch takes, s, 0 = unknown, and by how much that may be wrong: half of the interval
// at estimateLevel, in logarithms.
func (e *Estimator) Phase(item *Item) (seconds, half float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.launch(item)
	return g.run, g.half
}

// learn takes in an attempt. One that did not end well tells at most of its load.
func (e *Estimator) learn(m *record.Manifest) {
	load, loaded := m.Summary["load_s"]
	if loaded {
		e.started(m, load)
	}
	d, measured := m.Summary["duration_s"]
	if m.Status != record.Complete || !measured || m.Planned == 0 {
		return
	}
	keys := e.keysOf(m)
	if valid, told := m.Summary[record.MetricValid]; told {
		y := e.yields[keys.series]
		if y == nil {
			y = &yield{}
			e.yields[keys.series] = y
		}
		y.valid, y.planned = y.valid+valid, y.planned+float64(m.Planned)
	}
	for _, key := range []string{keys.series, looseKey(m)} {
		i, known := e.index[key]
		if !known {
			i = len(e.series)
			e.index[key] = i
			e.series = append(e.series, predict.Series{Start: keys.start, Kin: looseKey(m), Pool: looseKey(m)})
		}
		e.series[i].Launches = append(e.series[i].Launches, predict.Launch{Requests: m.Planned, DurationS: d, Segments: m.Segments})
	}
	if beside := m.Ended.Sub(m.Began).Seconds() - load - d; loaded && m.Segments <= 1 && beside > 0 && !m.Began.IsZero() {
		for _, key := range []string{"", looseKey(m)} {
			e.overheads[key] = append(e.overheads[key], beside)
		}
	}
	e.model, e.guesses = nil, nil
}

// started takes in a load alone: that of a server which cells share is no attempt's.
func (e *Estimator) started(m *record.Manifest, load float64) {
	e.starts = append(e.starts, predict.Start{Key: e.keysOf(m).start, Kin: looseKey(m), LoadS: &load})
	e.model, e.guesses = nil, nil
}

// measured takes in by how much the memory-bandwidth model was wrong.
func (e *Estimator) measured(c *cell.Cell, seconds float64) {
	if bound, ok := decodeBound(c, e.machine); ok && bound > 0 && seconds > 0 {
		e.wrong = append(e.wrong, math.Log(seconds/bound))
		e.guesses = nil
	}
}

// looseKey pools all settings of a platform and a model.
func looseKey(m *record.Manifest) string { return m.Platform + "\x00" + m.Model }

// launch predicts one launch of an item.
func (e *Estimator) launch(item *Item) guess {
	if g, known := e.guesses[item]; known {
		return g
	}
	if e.model == nil {
		e.model, e.around = predict.New(e.series, e.starts), map[string]float64{}
		for key, past := range e.overheads {
			e.around[key] = stats.Median(past)
		}
	}
	if e.guesses == nil {
		e.guesses = map[*Item]guess{}
	}
	g := e.fromHistory(item)
	if g.from == "" {
		g = e.fromBandwidth(item)
	}
	if g.from != "" {
		g.around = e.overhead(item)
		if item.Cell.Isolation != nil {
			g.around += item.Cell.Isolation.Cooldown.Seconds()
		}
	}
	e.guesses[item] = g
	return g
}

// overhead of an item's launch, s: that of launches of its platform and model, else of all.
func (e *Estimator) overhead(item *Item) float64 {
	for _, key := range []string{looseKey(&record.Manifest{Platform: item.Cell.Platform.ID, Model: item.Cell.Model.ID}), ""} {
		if seconds, known := e.around[key]; known {
			return seconds
		}
	}
	return assumedOverhead
}

// fromHistory predicts by past launches of the same cell, or of others of its series. The uncertainty has a part that all
// cells of the series share: sums over cells must not shrink it.
func (e *Estimator) fromHistory(item *Item) guess {
	c := item.Cell
	m := &record.Manifest{Experiment: c.Experiment, Platform: c.Platform.ID, Model: c.Model.ID, Identity: item.Identity}
	i, known := e.index[looseKey(m)]
	if !known {
		return guess{} // not even so: the exact key, which costs more, would not be either
	}
	exact := e.keysOf(m).series
	if of, same := e.index[exact]; same {
		i = of
	}
	f, ok := e.model.Finish(i, int64(c.BatchSize))
	if !ok {
		return guess{}
	}
	low, high := f.Within(estimateLevel)
	g := guess{from: FromHistory, run: f.RunS, load: f.Load.Seconds, series: i, past: f.Launches, half: math.Log(high/low) / 2, loadKnown: f.Load.Known()}
	if y := e.yields[exact]; y != nil {
		g.valid = new(y.valid / y.planned)
	}
	if f.Log.VarRun > 0 {
		g.common = min(1, f.Log.VarMean/f.Log.VarRun)
	}
	if c.Platform.Attached() {
		g.load, g.loadKnown = 0, true
	} else if !g.loadKnown && c.Platform.Local() {
		g.load = assumedLoadS
	}
	return g
}

// fromBandwidth predicts by the bytes that decoding has to read, times what measurements were above that bound so far,
// their median; without any a constant and a wide range.
func (e *Estimator) fromBandwidth(item *Item) guess {
	bound, ok := decodeBound(item.Cell, e.machine)
	if !ok {
		return guess{}
	}
	times, half := math.Log(boundTimes), math.Log(boundSpread)
	if len(e.wrong) > 0 {
		times, half = stats.Median(e.wrong), math.Log(boundSpread)/math.Sqrt(float64(len(e.wrong)))
	}
	g := guess{from: FromBandwidth, run: bound * math.Exp(times), load: assumedLoadS, series: -1, half: half, common: 1}
	if loads := e.model.Loads().Any(); loads.Starts > 0 {
		g.load, g.loadKnown = loads.Seconds, true
	}
	return g
}

// duration is a time of seconds.
func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// compare holds the memory-bandwidth model against what cells of the plan measured.
func (e *Estimator) compare(items []*Item) {
	for _, item := range items {
		if _, ok := decodeBound(item.Cell, e.machine); !ok {
			continue
		}
		if g := e.launch(item); g.from == FromHistory && item.Done > 0 {
			e.measured(item.Cell, g.run)
		}
	}
}
