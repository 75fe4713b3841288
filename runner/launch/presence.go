package launch

import (
	"os"
	"slices"
	"time"

	"matrix/backends/process"
	"matrix/runner/events"
)

// logTailLines is how much of an engine's log stands in an attempt that ended badly.
const logTailLines = 20

// presence is what a launch does right now: a phase, and of a load the part of it.
type presence struct {
	phase, part           string
	phaseBegan, partBegan time.Time
	limit                 time.Duration    // of the phase; 0 = none
	log                   string           // the engine's, "" = not begun
	logFrom               int64            // where this launch's lines begin in it
	measured              *events.Progress // once requests are measured
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

// Running is a launch that runs, as the board tells it.
type Running struct {
	Attempt    string           `json:"attempt"`
	Cell       string           `json:"cell"` // 16 digits of the address
	Name       string           `json:"name"`
	Step       int              `json:"step"` // 1-based, of Steps
	Steps      int              `json:"steps"`
	Launch     int              `json:"launch"`
	Phase      string           `json:"phase"`
	PhaseBegan time.Time        `json:"phase_began"`
	Limit      time.Duration    `json:"limit_ns,omitempty"` // of the phase
	Part       string           `json:"part,omitempty"`     // of a load
	PartBegan  time.Time        `json:"part_began,omitzero"`
	LogLine    string           `json:"log_line,omitempty"` // the engine's last
	Progress   *events.Progress `json:"progress,omitempty"` // while requests are measured
}

// begin says that a phase of the launch begins, with its limit (0 = none).
func (j *journal) begin(phase string, limit time.Duration) {
	j.mu.Lock()
	j.now = presence{phase: phase, phaseBegan: time.Now(), limit: limit, log: j.now.log, logFrom: j.now.logFrom}
	j.mu.Unlock()
	j.emit(events.Event{Kind: events.LaunchPhase, Phase: phase, Limit: limit})
	j.site.Changed()
}

// enter says that a part of the load begins; from any goroutine.
func (j *journal) enter(part string) {
	j.mu.Lock()
	phase := j.now.phase
	j.now.part, j.now.partBegan = part, time.Now()
	j.mu.Unlock()
	j.emit(events.Event{Kind: events.LaunchPhase, Phase: phase, Part: part})
}

// present is what the launch does right now.
func (j *journal) present() Running {
	j.mu.Lock()
	p := j.now
	j.mu.Unlock()
	r := Running{Attempt: j.attempt.Manifest().Attempt, Cell: j.cell.Address[:16], Name: j.cell.Name(), Step: j.index + 1,
		Steps: len(j.site.Plan.Order), Launch: j.number, Phase: p.phase, PhaseBegan: p.phaseBegan, Limit: p.limit, Part: p.part, PartBegan: p.partBegan, Progress: p.measured}
	if r.Phase != "" && j.priming.Load() {
		r.Phase = "prime: " + r.Phase
	}
	if slices.Contains([]string{"load", "warmup", "stop"}, p.phase) {
		r.LogLine = process.LastLine(p.log, p.logFrom)
	}
	return r
}

// ownLog notes where the lines of this launch begin: an attempt that goes on appends to its log.
func (j *journal) ownLog() {
	path, from := j.logPath(), int64(0)
	if info, err := os.Stat(path); err == nil {
		from = info.Size()
	}
	j.mu.Lock()
	j.now.log, j.now.logFrom = path, from
	j.mu.Unlock()
}

// left forgets a phase that has ended and is not booked.
func (j *journal) left(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.now.left(name)
}
