package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"matrix/backends/process"
	"matrix/results"
	"matrix/results/disk"
)

// beatEvery is how often a waiting person is told what runs, and how often the board is written.
const beatEvery = time.Second

// presence is what a launch does right now: a phase, and of a load the part of it.
type presence struct {
	phase, part           string
	phaseBegan, partBegan time.Time
	limit                 time.Duration // of the phase; 0 = none
	log                   string        // the engine's, "" = not begun
	logFrom               int64         // where this launch's lines begin in it
	measured              *Progress     // once requests are measured
}

// begin says that a phase of the launch begins, with its limit (0 = none).
func (l *launch) begin(phase string, limit time.Duration) {
	l.mu.Lock()
	l.now = presence{phase: phase, phaseBegan: time.Now(), limit: limit, log: l.now.log, logFrom: l.now.logFrom}
	l.mu.Unlock()
	l.emit(Event{Kind: LaunchPhase, Phase: phase, Limit: limit})
	l.a.change()
}

// enter says that a part of the load begins; from any goroutine.
func (l *launch) enter(part string) {
	l.mu.Lock()
	phase := l.now.phase
	l.now.part, l.now.partBegan = part, time.Now()
	l.mu.Unlock()
	l.emit(Event{Kind: LaunchPhase, Phase: phase, Part: part})
}

// left forgets a phase or a part that has ended. The caller holds the lock.
func (p *presence) left(name string) {
	switch name {
	case p.phase:
		*p = presence{log: p.log, logFrom: p.logFrom}
	case p.part:
		p.part = ""
	}
}

// RunningLaunch is a launch that runs, as the board tells it.
type RunningLaunch struct {
	Attempt    string        `json:"attempt"`
	Cell       string        `json:"cell"` // 16 digits of the address
	Name       string        `json:"name"`
	Step       int           `json:"step"` // 1-based, of Steps
	Steps      int           `json:"steps"`
	Launch     int           `json:"launch"`
	Phase      string        `json:"phase"`
	PhaseBegan time.Time     `json:"phase_began"`
	Limit      time.Duration `json:"limit_ns,omitempty"` // of the phase
	Part       string        `json:"part,omitempty"`     // of a load
	PartBegan  time.Time     `json:"part_began,omitzero"`
	LogLine    string        `json:"log_line,omitempty"` // the engine's last
	Progress   *Progress     `json:"progress,omitempty"` // while requests are measured
}

// Board is what an apply does right now, written every second for `matrix status` in another terminal.
type Board struct {
	PID        int             `json:"pid"`
	At         time.Time       `json:"at"` // of the writing
	Experiment string          `json:"experiment"`
	Launches   []RunningLaunch `json:"launches"`
}

const boardFile = "running.json"

// ReadBoard reads the board of the apply that holds the tree; nil where there is none.
func ReadBoard(store *results.Store) *Board {
	var b Board
	text, err := disk.ReadFile(filepath.Join(store.Inner(), boardFile), 64<<20)
	if err != nil || json.Unmarshal(text, &b) != nil {
		return nil
	}
	return &b
}

// beat tells once a second what runs, until the returned function is called: events for this terminal, the board for
// others. What cannot be written is not worth a word: it is the store that must not fail.
func (a *applying) beat() (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	path := filepath.Join(a.w.Store.Inner(), boardFile)
	go func() {
		defer close(ended)
		defer os.Remove(path)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			told := false
			select {
			case <-over:
				return
			case <-a.changed:
			case <-tick.C:
				told = true
			}
			board := Board{PID: os.Getpid(), At: time.Now(), Experiment: a.plan.Experiment, Launches: a.running(told)}
			if text, err := json.Marshal(board); err == nil {
				_ = replace(path, text)
			}
		}
	}()
	return func() { close(over); <-ended }
}

// replace writes a file of its own folder by rename, so that no reader meets half of it.
func replace(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// change has the board written at once.
func (a *applying) change() {
	select {
	case a.changed <- struct{}{}:
	default: // it will be anyway
	}
}

// running looks at each launch that runs; tell: and tells those who wait for a phase to end.
func (a *applying) running(tell bool) []RunningLaunch {
	list := []RunningLaunch{}
	for _, l := range a.crowd.all() {
		r := l.present()
		list = append(list, r)
		if tell && r.Phase != "" && r.Progress == nil {
			l.emit(Event{Kind: LaunchProgress, Phase: r.Phase, Part: r.Part, Elapsed: time.Since(r.PhaseBegan), Limit: r.Limit, Message: r.LogLine})
		}
	}
	return list
}

// present is what the launch does right now.
func (l *launch) present() RunningLaunch {
	l.mu.Lock()
	p := l.now
	l.mu.Unlock()
	r := RunningLaunch{Attempt: l.attempt.Manifest().Attempt, Cell: l.cell.Address[:16], Name: l.cell.Name(), Step: l.index + 1,
		Steps: len(l.a.plan.Order), Launch: l.number, Phase: p.phase, PhaseBegan: p.phaseBegan, Limit: p.limit, Part: p.part, PartBegan: p.partBegan, Progress: p.measured}
	if r.Phase != "" && l.priming.Load() {
		r.Phase = "prime: " + r.Phase
	}
	if slices.Contains([]string{"load", "warmup", "stop"}, p.phase) {
		r.LogLine = process.LastLine(p.log, p.logFrom)
	}
	return r
}

// all are the launches that run, in the plan's order.
func (c *crowd) all() []*launch {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*launch, 0, len(c.running))
	for l := range c.running {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *launch) int { return a.index - b.index })
	return list
}
