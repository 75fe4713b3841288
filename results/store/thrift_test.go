package store

import (
	"runtime/debug"
	"testing"
)

// TestThrift: commits side by side give the setting back when the last one ends.
func TestThrift(t *testing.T) {
	before := debug.SetGCPercent(90)
	defer debug.SetGCPercent(before)
	percent := func() int {
		now := debug.SetGCPercent(90)
		debug.SetGCPercent(now)
		return now
	}
	few := beThrifty(manyRows - 1)
	if got := percent(); got != 90 {
		t.Errorf("few rows: %d %%", got)
	}
	first, second := beThrifty(manyRows), beThrifty(manyRows)
	few()
	first()
	if got := percent(); got != thriftGC {
		t.Errorf("a commit goes on: %d %%", got)
	}
	second()
	if got := percent(); got != 90 {
		t.Errorf("after the last: %d %%", got)
	}
	debug.SetGCPercent(20)
	defer beThrifty(manyRows)()
	if got := percent(); got != 20 {
		t.Errorf("the process was thriftier already: %d %%", got)
	}
}
