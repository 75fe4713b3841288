package launch

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"slices"
	"time"

	"matrix/backends/process"
	"matrix/runner/events"
	"matrix/runner/plan"
	"matrix/runner/telemetry"
)

// logTailLines is how much of an engine's log stands in an attempt that ended badly.
const logTailLines = 20

// shownEarly is how far back the board shows telemetry that is in no spool yet: it is written every second, and read more often.
const shownEarly = 3 * time.Second

// presence is what a launch does right now: a phase, and of a load the part of it.
type presence struct {
	phase, part           string
	phaseBegan, partBegan time.Time
	limit                 time.Duration // of the phase; 0 = none
	engine                traces
	measured              *events.Progress // once requests are measured
}

// traces are where an engine that runs, or is to run, is found.
type traces struct {
	launch  string // MATRIX_ATTEMPT in its processes' environment; "" = it has not begun
	log     string // path
	logFrom int64  // where this launch's lines begin in it
	url     string // it answers there, or will; "" = not known
}

// left forgets a phase or a part that has ended. The caller holds the lock.
func (p *presence) left(name string) {
	switch name {
	case p.phase:
		*p = presence{engine: p.engine}
	case p.part:
		p.part = ""
	}
}

// Running is a launch that runs, as the board tells it.
type Running struct {
	Attempt    string           `json:"attempt"`
	Cell       string           `json:"cell"` // 16 digits of the address
	Name       string           `json:"name"` // "vllm_serve/gemma3_4b/1000"
	Step       int              `json:"step"` // 1-based, of Steps
	Steps      int              `json:"steps"`
	Launch     int              `json:"launch"`              // 1-based, of the cell
	Simulated  bool             `json:"simulated,omitempty"` // by matrix's own simulator
	Phase      string           `json:"phase"`
	PhaseBegan time.Time        `json:"phase_began"`
	Limit      time.Duration    `json:"limit_ns,omitempty"` // of the phase
	Part       string           `json:"part,omitempty"`     // of a load
	PartBegan  time.Time        `json:"part_began,omitzero"`
	LogLine    string           `json:"log_line,omitempty"` // the engine's last
	URL        string           `json:"url,omitempty"`      // of the engine
	Progress   *events.Progress `json:"progress,omitempty"` // while requests are measured
	// Remaining is how long this launch and all that follow take, until Progress tells; nil = unknown.
	Remaining *plan.Remainder `json:"remaining,omitempty"`
	// Server is the launch of the shared server that it uses, below which the engine's log lies; "" = the engine is its own.
	Server string `json:"server,omitempty"`
	// Samples is the telemetry of the last seconds, until requests are measured: from then on it is in the attempt's spool, which needs the
	// zero of all times.
	Samples []telemetry.Sample `json:"samples,omitempty"`
}

// begin says that a phase of the launch begins, with its limit (0 = none).
func (j *journal) begin(phase string, limit time.Duration) {
	j.mu.Lock()
	j.now = presence{phase: phase, phaseBegan: time.Now(), limit: limit, engine: j.now.engine}
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
	p, samples := j.now, j.samples
	j.mu.Unlock()
	r := Running{Attempt: j.attempt.Manifest().Attempt, Cell: j.cell.Address[:16], Name: j.cell.Name(), Step: j.index + 1,
		Steps: len(j.site.Plan.Order), Launch: j.number, Simulated: j.cell.Platform.Simulated(), Phase: p.phase, PhaseBegan: p.phaseBegan, Limit: p.limit, Part: p.part, PartBegan: p.partBegan, URL: p.engine.url, Progress: p.measured}
	if p.engine.launch != r.Attempt {
		r.Server = p.engine.launch
	}
	if p.measured == nil && j.attempt.Segment() == 1 { // the plan's estimates are of whole launches
		r.Remaining = less(j.ahead(), time.Since(j.began))
	}
	r.Samples = samples.early(time.Now().Add(-shownEarly))
	if r.Phase != "" && j.priming.Load() {
		r.Phase = "prime: " + r.Phase
	}
	if slices.Contains([]string{"load", "warmup", "stop"}, p.phase) {
		r.LogLine = process.LastLine(p.engine.log, p.engine.logFrom)
	}
	return r
}

// less is what remains of an estimate after a while; nil where that is all over.
func less(all *plan.Remainder, spent time.Duration) *plan.Remainder {
	if all == nil || spent >= all.Took {
		return nil
	}
	return &plan.Remainder{Took: all.Took - spent, Low: max(0, all.Low-spent), High: all.High - spent}
}

// trace notes where the engine is found, and where the lines of this launch begin: an attempt that goes on appends to its log.
func (j *journal) trace() {
	path, from := j.logPath(), int64(0)
	if info, err := os.Stat(path); err == nil {
		from = info.Size()
	}
	at := traces{launch: j.launchID(), log: path, logFrom: from, url: j.cell.Platform.PublicURL()}
	if j.server != nil {
		at.url = cmp.Or(at.url, j.server.url)
	}
	j.mu.Lock()
	j.now.engine = at
	j.mu.Unlock()
}

// listens notes where the engine is going to answer; from any goroutine.
func (j *journal) listens(url string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.now.engine.url = url; j.server != nil {
		j.server.url = url
	}
}

// left forgets a phase that has ended and is not booked.
func (j *journal) left(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.now.left(name)
}

// log writes what the launch waits for into the program's log.
func (j *journal) log(to *slog.Logger) {
	r := j.present()
	j.mu.Lock()
	at := j.now.engine
	j.mu.Unlock()
	attrs := []slog.Attr{slog.String("attempt", r.Attempt), slog.String("cell", r.Name), slog.Int("launch", r.Launch), slog.String("phase", r.Phase)}
	if !r.PhaseBegan.IsZero() {
		attrs = append(attrs, slog.Time("since", r.PhaseBegan), slog.Float64("for_s", time.Since(r.PhaseBegan).Seconds()))
	}
	if r.Limit > 0 {
		attrs = append(attrs, slog.Float64("limit_s", r.Limit.Seconds()))
	}
	if r.Part != "" {
		attrs = append(attrs, slog.String("part", r.Part), slog.Time("part_since", r.PartBegan))
	}
	if at.launch != "" {
		attrs = append(attrs, slog.Any("pids", process.OfAttempt(at.launch)), slog.String("url", at.url), slog.String("log", at.log))
	}
	if r.LogLine != "" {
		attrs = append(attrs, slog.String("engine_says", r.LogLine))
	}
	if p := r.Progress; p != nil {
		attrs = append(attrs, slog.Int64("planned", p.Planned), slog.Int64("done", p.Done), slog.Int64("failed", p.Failed), slog.Int64("in_flight", p.InFlight), slog.String("stalled", p.Stalled))
	}
	to.LogAttrs(context.Background(), slog.LevelInfo, "waiting", attrs...)
}
