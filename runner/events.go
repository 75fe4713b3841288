package runner

import (
	"sync"
	"time"
)

// events hands out what happens, one at a time.
type events struct {
	mu      sync.Mutex
	observe func(Event)
	steps   int
	over    bool
}

func (e *events) emit(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.observe == nil || e.over {
		return
	}
	ev.At, ev.Steps = time.Now(), e.steps
	e.over = ev.Kind == ApplyDone // what an abandoned engine still says comes too late
	e.observe(ev)
}

func (e *events) warn(text string) { e.emit(Event{Kind: Warning, Message: text}) }
