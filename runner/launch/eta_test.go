package launch

import (
	"math"
	"testing"
	"time"

	"matrix/runner/plan"
)

func TestCellETA(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		name                string
		modelled            float64
		elapsed, idle       time.Duration
		done, left, planned int64
		want                time.Duration
	}{
		{"by the model", 100, 1 * s, 1 * s, 0, 1000, 1000, 99 * s},
		{"by what was shown", 0, 10 * s, 0, 100, 900, 1000, 90 * s},
		{"both", 100, 60 * s, 0, 500, 500, 1000, 50 * s}, // 60 s by its own rate, 40 by the model
		{"the model's time is up", 100, 150 * s, 0, 500, 500, 1000, 100 * s},
		{"a later segment", 100, 1 * s, 1 * s, 0, 100, 1000, 9 * s},
		{"one stream stands still", 0, 600 * s, 590 * s, 11, 1, 12, 590 * s},
		{"all is done", 100, 10 * s, 0, 1000, 0, 1000, 0},
	} {
		got := cellETA(test.modelled, test.elapsed, test.idle, test.done, test.left, test.planned)
		if got == nil || (*got-test.want).Abs() > s/10 {
			t.Errorf("%s: %v, want %s", test.name, got, test.want)
		}
	}
	if got := cellETA(0, s, s, 0, 10, 10); got != nil {
		t.Errorf("nothing is known: %s", got)
	}
}

// The interval of the end is that of what follows, wider by what the cell that runs may be wrong by; without that, and at the end, it is a point.
func TestWithCell(t *testing.T) {
	const s = time.Second
	rest := plan.Remainder{Took: 60 * s, Low: 50 * s, High: 75 * s}
	for half, want := range map[float64]plan.Remainder{0: {Took: 80 * s, Low: 70 * s, High: 95 * s}, math.Ln2: {Took: 80 * s, Low: 60 * s, High: 115 * s}} {
		got := withCell(rest, 20*s, half)
		if got.Took != want.Took || (got.Low-want.Low).Abs() > s/10 || (got.High-want.High).Abs() > s/10 {
			t.Errorf("half %.2f: %+v, want %+v", half, got, want)
		}
	}
	if got := withCell(plan.Remainder{}, 0, 1); got != (plan.Remainder{}) {
		t.Errorf("nothing is left: %+v", got)
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
