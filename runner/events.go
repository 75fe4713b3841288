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
	said    map[string]bool // warnings
}

func (e *events) emit(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.observe == nil || e.over {
		return
	}
	ev.At, ev.Steps = time.Now(), e.steps
	if ev.Kind == Warning {
		if e.said[ev.Message] {
			return // "no NVIDIA driver here" is said once, not at each launch; each attempt keeps it all the same
		}
		if e.said == nil {
			e.said = map[string]bool{}
		}
		e.said[ev.Message] = true
	}
	e.over = ev.Kind == ApplyDone // what an abandoned engine still says comes too late
	e.observe(ev)
}

func (e *events) warn(text string) { e.emit(Event{Kind: Warning, Message: text}) }
