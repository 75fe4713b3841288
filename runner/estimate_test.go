package runner

import (
	"math"
	"strings"
	"testing"
	"time"

	"matrix/experiments"
	"matrix/results"
)

func timed(platform string, batch int64, load, duration float64) results.Past {
	return results.Past{Manifest: results.Manifest{Platform: platform, Model: "m", Planned: batch, Segments: 1, Status: results.Complete,
		Summary: map[string]float64{"load_s": load, "duration_s": duration}}}
}

func TestEstimate(t *testing.T) {
	past := []results.Past{timed("a", 100, 20, 100), timed("a", 100, 20, 120), timed("a", 100, 20, 200), timed("a", 10, 20, 50)}
	spoiled := timed("a", 1000, 1, 1)
	spoiled.Tainted = "yes"
	e := newEstimator(append(past, spoiled), results.Machine{})
	c := testCell("a", 1000)
	got, n, spread := e.launch(&Item{Cell: c})
	if want := 1220*time.Second + overhead; got == nil || *got != want || n != 3 { // the median of 1 s, 1.2 s and 2 s a request
		t.Errorf("got %v from %d, want %s from 3", got, n, want)
	}
	if spread < 0.40 || spread > 0.42 { // (2020 − 1020)/2/1220
		t.Errorf("spread %v, want 0.41", spread)
	}
	if got, _, _ := e.launch(&Item{Cell: testCell("other", 10)}); got != nil {
		t.Errorf("an unlike cell: got %s, want unknown", got)
	}
	p := &Plan{Items: []*Item{{Cell: c, Launches: []int{1, 2}}}}
	p.arrange()
	e.plan(p)
	if p.Estimate == nil || *p.Estimate != 2*(1220*time.Second+overhead) || p.Rests != "3 past launches; ± 45%" {
		t.Errorf("plan: %v, %q", p.Estimate, p.Rests)
	}
	p.Items = append(p.Items, &Item{Cell: testCell("other", 10), Launches: []int{1}})
	p.Estimate = nil
	p.arrange()
	e.plan(p)
	if p.Estimate != nil || p.Rests == "" {
		t.Errorf("partly unknown: %v, %q", p.Estimate, p.Rests)
	}
}

// gpuCell is 8 GiB of weights and 0.5 GiB of cache a sequence, 10 at once, 100 answers of 256 tokens.
func gpuCell(gpu string) *experiments.Cell {
	c := testCell("fast", 100)
	c.Platform.Backend, c.Load, c.Hardware = experiments.VLLMServe, &experiments.LoadShape{Mode: "closed", Concurrency: 10}, &experiments.Hardware{GPU: gpu}
	c.Generate = &experiments.Generate{MaxTokens: 256}
	c.Fit = &experiments.Fit{WeightsGiB: new(8.0), KVGiBPerSequence: new(0.5), MaxSequences: new(64.0)}
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
		got, ok := decodeBound(gpuCell(c.gpu), results.Machine{GPUName: c.machine})
		if ok != (c.want > 0) || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%q on %q: %v s, want %v", c.gpu, c.machine, got, c.want)
		}
	}
	few := gpuCell("NVIDIA L4")
	few.Fit.MaxSequences, few.Generate.MaxTokens = new(1.0), 100 // one at a time
	if got, _ := decodeBound(few, results.Machine{}); math.Abs(got-100*100*8.5*(1<<30)/300e9) > 1e-6 {
		t.Errorf("one sequence at a time: %v s", got)
	}
	few.Fit.WeightsGiB = nil
	if _, ok := decodeBound(few, results.Machine{}); ok {
		t.Error("an estimate without the weights")
	}
	simulated := gpuCell("NVIDIA L4")
	simulated.Platform.Backend = experiments.Simulator
	if _, ok := decodeBound(simulated, results.Machine{}); ok {
		t.Error("a simulated engine reads no memory")
	}
}

func TestPlanRestsOnBandwidth(t *testing.T) {
	measured := testCell("a", 100)
	p := &Plan{Items: []*Item{{Cell: gpuCell("NVIDIA H200"), Launches: []int{1, 2}}}}
	p.arrange()
	newEstimator(nil, results.Machine{}).plan(p)
	if p.Estimate == nil || p.Items[0].EstimateFrom != FromBandwidth || !strings.HasPrefix(p.Rests, "estimate from memory bandwidth, not measured") {
		t.Errorf("%v, %q", p.Estimate, p.Rests)
	}
	p.Items = append(p.Items, &Item{Cell: measured, Launches: []int{1}})
	p.arrange()
	newEstimator([]results.Past{timed("a", 100, 20, 100)}, results.Machine{}).plan(p)
	if p.Estimate == nil || p.Items[1].EstimateFrom != FromHistory || !strings.HasPrefix(p.Rests, "1 past launch; ± 40%; for 2 of 3 launches estimate from memory") {
		t.Errorf("%v, %q", p.Estimate, p.Rests)
	}
}

func TestRate(t *testing.T) {
	r, at := rate{span: 5 * time.Second}, time.Now()
	if got := r.add(at, 0); got != 0 {
		t.Errorf("first reading: %v, want 0", got)
	}
	for i := range 100 {
		r.add(at.Add(time.Duration(i+1)*100*time.Millisecond), int64(i+1)*10)
	}
	if got := r.add(at.Add(15*time.Second), 1000); got != 0 { // ten seconds at 100/s, then five of silence
		t.Errorf("after silence: %v, want 0", got)
	}
	if len(r.seen) > 60 {
		t.Errorf("%d readings kept", len(r.seen))
	}
}
