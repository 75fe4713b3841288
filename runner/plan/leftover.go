package plan

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
)

// launchKey names a launch whatever its labels are.
type launchKey struct {
	owned
	launch int // 1-based
}

// leftover is an attempt that an interrupted apply left to be resumed.
type leftover struct {
	attempt  *store.Attempt
	id       string
	finished int64 // measured requests that have their final row
	planned  int64
}

// newLeftover reads how far an unfinished attempt is. How many requests were planned may stand in its saved run only: with
// open loads the schedule decides.
func newLeftover(a *store.Attempt) *leftover {
	m := a.Manifest()
	left := &leftover{attempt: a, id: m.Attempt, planned: int64(m.BatchSize)}
	if run := a.SavedRun(); run != nil && run.Planned > 0 {
		left.planned = run.Planned
	}
	left.finished = a.Done()
	return left
}

// goesOn reports whether an interrupted attempt is worth a new segment. One that measured nothing starts over: as a
// whole attempt it can be compared with others, and no work is lost.
func goesOn(c *cell.Cell, l *leftover) bool { return c.Resume && l.finished > 0 }

// Leftovers are the attempts to be resumed in one apply. Safe for concurrent use.
type Leftovers struct {
	mu    sync.Mutex
	of    map[launchKey]*leftover
	cells addresses
}

// leftOf is what a launch of an item may go on with: its own, else what bore another name.
func leftOf(all map[launchKey]*leftover, item *Item, launch int) (launchKey, *leftover) {
	own := launchKey{owned{item.Identity.Hash, item.Cell.Address}, launch}
	if l := all[own]; l != nil {
		return own, l
	}
	own.address = ""
	return own, all[own]
}

// Claim hands out the attempt that a launch goes on with, once; nil = it begins anew.
func (l *Leftovers) Claim(item *Item, launch int) *store.Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, left := leftOf(l.of, item, launch)
	if left == nil || !goesOn(item.Cell, left) {
		return nil
	}
	delete(l.of, key)
	return left.attempt
}

// Keep takes an attempt in for another try of the same apply; the next apply finds it by itself.
func (l *Leftovers) Keep(a *store.Attempt) {
	m := a.Manifest()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[launchKey{l.cells.own(&m), m.Launch}] = newLeftover(a)
}

// Abandon commits the attempts of planned cells that cannot go on: the cell changed, it must not resume, or nothing was
// measured.
func (l *Leftovers) Abandon(items []*Item) error {
	wanted := map[string]*Item{}
	for _, item := range items {
		wanted[item.Cell.Address] = item
	}
	for key, left := range maps.Clone(l.of) {
		item := wanted[left.attempt.Manifest().Address]
		if item == nil || item.Cell.Skip != nil {
			continue
		}
		reason := left.stale(key, item)
		if reason == "" {
			continue
		}
		delete(l.of, key)
		if _, err := left.attempt.Abandon(record.Interrupted, reason); err != nil {
			return fmt.Errorf("commit the interrupted attempt %s: %w", left.id, err)
		}
	}
	return nil
}

// stale says why an attempt cannot go on; "" = it can.
func (l *leftover) stale(key launchKey, item *Item) string {
	switch {
	case item.Identity.Hash != key.hash:
		return "interrupted, and the cell has changed since"
	case !item.Cell.Resume:
		return "interrupted, and resume = false"
	case l.finished == 0:
		return "interrupted before the first request ended"
	case !slices.Contains(item.Launches, key.launch):
		return "interrupted, and no longer wanted"
	}
	return ""
}
