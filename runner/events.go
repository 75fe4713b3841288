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
}

func (e *events) emit(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.observe == nil {
		return
	}
	ev.At, ev.Steps = time.Now(), e.steps
	e.observe(ev)
}

func (e *events) warn(text string) { e.emit(Event{Kind: Warning, Message: text}) }
