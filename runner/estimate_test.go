package runner

import (
	"testing"
	"time"

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
	e := newEstimator(append(past, spoiled))
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
