package plan

import (
	"math"
	"strings"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/runnertest"
)

func timed(platform string, batch int64, load, duration float64) store.Past {
	return store.Past{Manifest: record.Manifest{Platform: platform, Model: "m", Planned: batch, Segments: 1, Status: record.Complete,
		Summary: map[string]float64{"load_s": load, "duration_s": duration}}}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.005*want {
		t.Errorf("%s: %.1f, want %.1f", what, got, want)
	}
}

func TestEstimate(t *testing.T) {
	// d₀ = 10 s, 1 s a request: what 10 and 100 took tells what 1,000 will take.
	past := []store.Past{timed("a", 10, 20, 20), timed("a", 100, 20, 110), timed("a", 100, 20, 108), timed("a", 100, 20, 112)}
	spoiled := timed("a", 1000, 1, 1)
	spoiled.Tainted = "yes"
	e := newEstimator(append(past, spoiled), nil, record.Machine{})
	c := runnertest.Cell("a", 1000)
	g := e.launch(&Item{Cell: c})
	near(t, "1,000 requests", g.seconds(), 20+1010+assumedOverhead)
	if g.from != FromHistory || g.past != 4 || g.half < 0.1 || g.half > 1 {
		t.Errorf("%+v", g)
	}
	near(t, "100 requests", e.launch(&Item{Cell: runnertest.Cell("a", 100)}).seconds(), 20+110+assumedOverhead)
	if g := e.launch(&Item{Cell: runnertest.Cell("other", 10)}); g.from != "" {
		t.Errorf("an unlike cell: %+v, want unknown", g)
	}
	p := &Plan{Items: []*Item{{Cell: c, Launches: []int{1, 2}}}}
	p.arrange()
	e.plan(p)
	if p.Rests != "from 4 past launches" || p.Items[0].Estimate == nil || !(*p.EstimateLow < *p.Estimate && *p.Estimate < *p.EstimateHigh) {
		t.Errorf("plan: %v from %v to %v, %q", p.Estimate, p.EstimateLow, p.EstimateHigh, p.Rests)
	}
	near(t, "two launches", p.Estimate.Seconds(), 2*(20+1010+assumedOverhead))
	p.Items = append(p.Items, &Item{Cell: runnertest.Cell("other", 10), Launches: []int{1}})
	p.Estimate = nil
	p.arrange()
	e.plan(p)
	if p.Estimate != nil || !strings.HasPrefix(p.Rests, "1 of 3 launches have no like cell yet") {
		t.Errorf("partly unknown: %v, %q", p.Estimate, p.Rests)
	}
}

// TestOverhead: how long a launch takes beside load and measured phase is its platform's, which warms up at its own pace; one that is
// not known yet takes what the others do.
func TestOverhead(t *testing.T) {
	began := time.Unix(1_800_000_000, 0)
	var past []store.Past
	for platform, overhead := range map[string]float64{"quick": 2, "slow": 40} {
		for range 3 {
			p := timed(platform, 10, 20, 50)
			p.Began, p.Ended = began, began.Add(duration(20+50+overhead))
			past = append(past, p)
		}
	}
	e := newEstimator(past, nil, record.Machine{})
	for platform, want := range map[string]float64{"quick": 2, "slow": 40} {
		near(t, platform, e.launch(&Item{Cell: runnertest.Cell(platform, 10)}).around, want)
	}
	near(t, "new", e.overhead(&Item{Cell: runnertest.Cell("new", 10)}), 21)
}

// TestEstimateOfASharedServer: its load is paid once, and known though no cell has one.
func TestEstimateOfASharedServer(t *testing.T) {
	past := []store.Past{timed("a", 10, 0, 20), timed("a", 20, 0, 40)}
	for i := range past {
		delete(past[i].Summary, "load_s")
		past[i].Attempt = string(rune('A' + i))
	}
	servers := []record.ServerRecord{{LoadS: new(90.0), Attempts: []string{"A", "B"}}}
	cells := []*cell.Cell{runnertest.Cell("a", 10), runnertest.Cell("a", 20)}
	p := &Plan{}
	for _, c := range cells {
		c.Isolation.Server = "group"
		p.Items = append(p.Items, &Item{Cell: c, Launches: []int{1, 2}})
	}
	p.arrange()
	newEstimator(past, servers, record.Machine{}).plan(p)
	near(t, "two cells, two launches", p.Estimate.Seconds(), 2*(90+20+40+2*assumedOverhead))
}

// TestOfferToShare: cells that differ in batch size alone could share a server, and the plan says what that saves.
func TestOfferToShare(t *testing.T) {
	plan := func(load float64, cells ...*cell.Cell) *Plan {
		p := &Plan{}
		var past []store.Past
		for _, c := range cells {
			p.Items = append(p.Items, &Item{Cell: c, Launches: []int{1, 2, 3}})
			past = append(past, timed(c.Platform.ID, int64(c.BatchSize), load, 50))
		}
		p.arrange()
		newEstimator(past, nil, record.Machine{}).plan(p)
		return p
	}
	other := runnertest.Cell("b", 10)
	s := plan(62, runnertest.Cell("a", 10), runnertest.Cell("a", 20), runnertest.Cell("a", 30), other).Sharing
	if s == nil || s.Cells != 3 || s.Servers != 1 {
		t.Fatalf("%+v", s)
	}
	near(t, "saved", s.Saves.Seconds(), 3*2*(62+assumedOverhead))
	if got := s.String(); got != "3 of these cells could share 1 server and save about 7m0s" {
		t.Error(got)
	}
	grouped := []*cell.Cell{runnertest.Cell("a", 10), runnertest.Cell("a", 20)}
	grouped[0].Isolation.Server, grouped[1].Isolation.Server = "group", "group"
	wider := runnertest.Cell("a", 20)
	wider.Platform.Args = cell.Values{"width": 2}
	for name, p := range map[string]*Plan{ // nothing to offer
		"a short load":      plan(0.5, runnertest.Cell("a", 10), runnertest.Cell("a", 20)),
		"shared already":    plan(60, grouped...),
		"another engine":    plan(60, runnertest.Cell("a", 10), wider),
		"one cell of each":  plan(60, runnertest.Cell("a", 10), runnertest.Cell("b", 10)),
		"nothing was known": {},
	} {
		if p.Sharing != nil {
			t.Errorf("%s: %s", name, p.Sharing)
		}
	}
}

// gpuCell is 8 GiB of weights and 0.5 GiB of cache a sequence, 10 at once, 100 answers of 256 tokens.
func gpuCell(gpu string) *cell.Cell {
	c := runnertest.Cell("fast", 100)
	c.Platform.Backend, c.Load, c.Hardware = "vllm_serve", &cell.Load{Mode: "closed", Concurrency: 10}, &cell.Hardware{GPU: gpu}
	c.Generate = &cell.Generate{MaxTokens: 256}
	c.Fit = &cell.Fit{WeightsGiB: new(8.0), KVGiBPerSequence: new(0.5), MaxSequences: new(64.0)}
	return c
}

func TestBandwidthModel(t *testing.T) {
	// 10 waves of 256 steps, each reading 8 + 10 × 0.5 GiB at 1,008e9 bytes/s.
	want := 10 * 256 * 13 * float64(1<<30) / 1008e9
	for _, c := range []struct {
		gpu, machine string
		want         float64
	}{
		{"NVIDIA GeForce RTX 4090", "", want}, {"rtx 4090", "", want}, {"", "NVIDIA GeForce RTX 4090", want},
		{"NVIDIA GeForce RTX 4090 Laptop GPU", "", 0}, {"", "", 0},
	} {
		got, ok := decodeBound(gpuCell(c.gpu), record.Machine{GPUName: c.machine})
		if ok != (c.want > 0) || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%q on %q: %v s, want %v", c.gpu, c.machine, got, c.want)
		}
	}
	few := gpuCell("NVIDIA L4")
	few.Fit.MaxSequences, few.Generate.MaxTokens = new(1.0), 100 // one at a time
	if got, _ := decodeBound(few, record.Machine{}); math.Abs(got-100*100*8.5*(1<<30)/300e9) > 1e-6 {
		t.Errorf("one sequence at a time: %v s", got)
	}
	few.Fit.WeightsGiB = nil
	if _, ok := decodeBound(few, record.Machine{}); ok {
		t.Error("an estimate without the weights")
	}
	simulated := gpuCell("NVIDIA L4")
	simulated.Platform.Backend = cell.Simulator
	if _, ok := decodeBound(simulated, record.Machine{}); ok {
		t.Error("a simulated engine reads no memory")
	}
}

func TestPlanRestsOnBandwidth(t *testing.T) {
	measured := runnertest.Cell("a", 100)
	p := &Plan{Items: []*Item{{Cell: gpuCell("NVIDIA H200"), Launches: []int{1, 2}}}}
	p.arrange()
	newEstimator(nil, nil, record.Machine{}).plan(p)
	if p.Estimate == nil || p.Items[0].EstimateFrom != FromBandwidth || p.Rests != "from memory bandwidth, as nothing like it was measured yet" {
		t.Errorf("%v, %q", p.Estimate, p.Rests)
	}
	// It is said how little that is worth.
	if ratio := p.EstimateHigh.Seconds() / p.Estimate.Seconds(); ratio < 1.5 {
		t.Errorf("at most %.1f times", ratio)
	}
	p.Items = append(p.Items, &Item{Cell: measured, Launches: []int{1}})
	p.arrange()
	newEstimator([]store.Past{timed("a", 100, 20, 100)}, nil, record.Machine{}).plan(p)
	if p.Estimate == nil || p.Items[1].EstimateFrom != FromHistory || !strings.HasPrefix(p.Rests, "from 1 past launch; 2 of 3 from memory bandwidth") {
		t.Errorf("%v, %q", p.Estimate, p.Rests)
	}
}

// TestBandwidthModelLearns: it is several times too low, and the first launches of an apply tell by how much.
func TestBandwidthModelLearns(t *testing.T) {
	e := newEstimator(nil, nil, record.Machine{})
	small, large := gpuCell("NVIDIA H200"), gpuCell("NVIDIA H200")
	large.BatchSize, large.Address = 1000, "another"
	large.Platform = &cell.Platform{ID: "fast2", Backend: "vllm_serve"} // no launch is like it
	bound, _ := decodeBound(small, record.Machine{})
	before := e.launch(&Item{Cell: large})
	m := timed("fast", 100, 48, 4*bound)
	e.learn(&m.Manifest)
	e.measured(small, 4*bound)
	after := e.launch(&Item{Cell: large})
	near(t, "measured phase", after.run, 40*bound)
	near(t, "load", after.load, 48)
	if before.load != assumedLoadS || before.from != FromBandwidth || after.from != FromBandwidth {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// TestValidToExpect: the answers that can be used in an hour, by past launches of the same settings, at the batch that is
// planned; where none tells, nothing is said.
func TestValidToExpect(t *testing.T) {
	cell := func(batch int, maxTokens string) *Item {
		c := runnertest.Cell("a", batch)
		return &Item{Cell: c, Launches: []int{1}, Identity: runnertest.Identity(c.Address, map[string]string{"spec": `{"generate":{"max_tokens":` + maxTokens + `}}`})}
	}
	var past []store.Past
	for _, batch := range []int{10, 100, 100} {
		p := timed("a", int64(batch), 20, float64(batch))
		p.Identity = cell(batch, "5").Identity
		p.Summary["valid_evaluations"] = 0.75 * float64(batch)
		past = append(past, p)
	}
	p := &Plan{Items: []*Item{cell(1000, "5"), cell(1000, "64")}}
	p.arrange()
	newEstimator(past, nil, record.Machine{}).plan(p)
	if got := p.Items[0].ValidPerHour; got == nil {
		t.Fatal("nothing is expected")
	} else {
		near(t, "valid in an hour", *got, 3600*0.75)
	}
	if got := p.Items[1].ValidPerHour; got != nil || p.Items[1].Estimate == nil {
		t.Errorf("of other settings %v valid are expected", got)
	}
}

// TestNotAlike: platforms of which one is asked to think are told apart before anything is measured; an axis of its own is
// none of that.
func TestNotAlike(t *testing.T) {
	item := func(platform, thinking, axis string) *Item {
		c := runnertest.Cell(platform, 10)
		c.Generate = &cell.Generate{MaxTokens: 5, Thinking: thinking}
		c.Axes = append(c.Axes, &cell.Axis{Name: "thinking", Label: axis})
		return &Item{Cell: c, Identity: runnertest.Identity(c.Address, map[string]string{"spec": `{"generate":{"max_tokens":5,"thinking":"` + thinking + `"}}`})}
	}
	p := &Plan{Items: []*Item{item("a", "false", ""), item("b", "true", ""), item("c", "false", "")}}
	if notes := p.notAlike(); len(notes) != 1 || notes[0] != "a and b are not asked the same (thinking false against true): the report will not compare them" {
		t.Errorf("%q", notes)
	}
	p = &Plan{Items: []*Item{item("a", "false", "no"), item("a", "true", "yes"), item("b", "false", "no"), item("b", "true", "yes")}}
	if notes := p.notAlike(); len(notes) > 0 {
		t.Errorf("%q", notes)
	}
}
