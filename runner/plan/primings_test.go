package plan

import (
	"testing"
)

// Of what waits for something that the machine lacks nothing is started, and so nothing is primed; a like cell that can run is.
func TestNothingIsPrimedThatWaits(t *testing.T) {
	waits, runs := &Item{State: Unavailable}, &Item{State: New}
	p := &Plan{Order: []Step{{Item: waits, Launch: 1}, {Item: runs, Launch: 1}}}
	if p.prime(map[*Item]string{waits: "a"}); len(p.Primings) != 0 {
		t.Errorf("%d primings of what waits", len(p.Primings))
	}
	if p.prime(map[*Item]string{waits: "a", runs: "a"}); len(p.Primings) != 1 || p.Primings[0] != runs {
		t.Errorf("primings %v", p.Primings)
	}
}
