package launch

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"matrix/runner/events"
)

// Crowd is the launches that run at the same time. Safe for concurrent use.
type Crowd struct {
	mu      sync.Mutex
	running map[*journal]int64 // most others that ran beside it
	others  int64              // of other applies on this machine, at least
}

// NewCrowd is one in which nothing runs yet.
func NewCrowd() *Crowd { return &Crowd{running: map[*journal]int64{}} }

// join counts a measurement in, and it with the others: each of them has one more beside it from now on.
func (c *Crowd) join(j *journal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[j] = 0
	c.count()
}

// Meet says how many other applies hold GPUs of this machine now: each is taken for one launch beside ours.
func (c *Crowd) Meet(applies int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others = applies
	c.count()
}

// count keeps for each the most that ever ran beside it: what disturbed a minute of a measurement disturbed it.
func (c *Crowd) count() {
	for each, most := range c.running {
		c.running[each] = max(most, int64(len(c.running)-1)+c.others)
	}
}

// leave takes a measurement out; what the others saw beside them stays.
func (c *Crowd) leave(j *journal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, j)
}

// beside is the highest number of other launches that a running one has had beside it.
func (c *Crowd) beside(j *journal) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running[j]
}

// Look tells what each launch that runs does right now, in the plan's order. tell: and emits an event for those who wait
// for a phase to end.
func (c *Crowd) Look(tell bool) []Running {
	list := c.inOrder()
	all := make([]Running, len(list))
	for i, j := range list {
		r := j.present()
		if all[i] = r; tell && r.Phase != "" && r.Progress == nil {
			j.emit(events.Event{Kind: events.LaunchProgress, Phase: r.Phase, Part: r.Part, Elapsed: time.Since(r.PhaseBegan), Limit: r.Limit, Message: r.LogLine})
		}
	}
	return all
}

// Log writes what each of them waits for into the program's log.
func (c *Crowd) Log(to *slog.Logger) {
	for _, j := range c.inOrder() {
		j.log(to)
	}
}

// inOrder is those that run in the order of the plan.
func (c *Crowd) inOrder() []*journal {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Keys(c.running), func(a, b *journal) int { return a.index - b.index })
}
