package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/dataset"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/events"
	"matrix/runner/ledger"
	"matrix/runner/load"
	"matrix/runner/plan"
)

// measurement is the measured phase of one segment.
type measurement struct {
	j       *journal
	e       *engine
	set     *dataset.Set
	book    *ledger.Ledger          // counts, and knows what is in flight
	traffic *backends.Traffic       // what the client saw on its connections
	base    time.Time               // zero of the rows' times
	keep    func(seq int64) bool    // whose answers are stored
	before  int64                   // requests that ended in earlier segments
	stop    context.CancelCauseFunc // ends the phase; the cause says why
	// following estimates the launches after this one, once: a plan may have 100,000.
	following func() *plan.Remainder

	checks *checking

	mu      sync.Mutex
	dataErr error           // a request that could not be made
	want    *ledger.Failure // what this machine lacks

	// Both are the progress loop's alone while it runs.
	told  bool          // a stall
	stood time.Duration // the client did not run
}

// measure offers the load and writes a row for each request.
func measure(ctx context.Context, j *journal, e *engine, set *dataset.Set) *Outcome {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m := &measurement{j: j, e: e, set: set, keep: chosenOutputs(j.cell, j.planned), stop: cancel, before: j.attempt.Done()}
	m.following = sync.OnceValue(func() *plan.Remainder {
		return j.site.Estimates.Following(j.site.Plan.Order, j.index+1, j.site.SideBySide)
	})
	m.book = ledger.New(j.planned, m.write)
	m.book.Trip, m.book.Fatal = m.trip, func(error) { cancel(errBroken) }
	arrivals, err := m.arrivals()
	if err != nil {
		return environment(err)
	}
	metrics := e.scrape(ctx)
	if err := m.begin(); err != nil {
		return fatal(err)
	}
	m.checks = startChecking(m)
	defer m.checks.end()
	cpu := process.CPUSeconds()
	overflows, told := j.site.Host.Overflows()
	// CPU time and overflows are read right before and after the load, so that loading and settling are not in them.
	endDeath, endProgress := e.watchDeath(cancel), m.progress()
	err = load.Run(work, e.running, load.Job{Shape: j.cell.Load, Arrivals: arrivals, Requests: m.requests(), Abandon: j.site.Hard,
		Begin: m.book.Begin, Done: m.book.End, Dead: e.noteUseless(cancel)})
	endDeath()
	cpu = process.CPUSeconds() - cpu
	m.recordTraffic(overflows, told)
	m.checks.drain()
	out := m.outcome(work, err)
	m.settle(work, out, err)
	m.checks.drain()
	endProgress()
	m.account(out, cpu)
	j.addMetrics(metrics, e.scrape(context.WithoutCancel(ctx)))
	return cmp.Or(fatal(m.book.Err()), out)
}

// begin sets the zero of all times and writes what waited for it.
func (m *measurement) begin() error {
	m.base = time.Now()
	j := m.j
	m.traffic = backends.NewTraffic()
	j.mu.Lock()
	if j.row.BeganUnixS == 0 {
		j.row.BeganUnixS = float64(m.base.UnixNano()) / 1e9
	}
	j.now.phase, j.now.phaseBegan, j.now.limit, j.now.part = "measure", m.base, j.cell.Limits.Cell, ""
	j.now.measured = &events.Progress{Planned: int64(j.planned), Done: m.before}
	j.mu.Unlock()
	j.emit(events.Event{Kind: events.CellStart})
	j.site.Changed()
	if err := j.flush(m.base); err != nil {
		return err
	}
	m.e.describe()
	if err := j.attempt.SaveRun(j.snapshot()); err != nil {
		return fmt.Errorf("save the run of %s: %w", j.cell.Name(), err)
	}
	return nil
}

// write hands an answer on to be checked and written, and does what cannot wait.
func (m *measurement) write(a ledger.PendingRequest, r backends.Reply) error {
	if r.Status != backends.Canceled && r.Status != backends.NotSent {
		m.j.finals.Add(1)
	}
	if r.Status == backends.NotSent && wants[r.ErrorClass] != "" {
		m.lack(r)
	}
	m.checks.add(a, r)
	return nil
}

// append writes the row of an answer of which it is known why it cannot be used.
func (m *measurement) append(a ledger.PendingRequest, r backends.Reply, invalid string) error {
	segment := m.j.attempt.Segment()
	var out *record.OutputRow
	if m.keep(r.Seq) {
		out = toOutput(a, r, segment)
	}
	row := makeRow(a, r, m.base, "measure", segment)
	valid := invalid == ""
	row.Valid, row.InvalidReason = &valid, invalid
	return m.j.attempt.Append(row, out)
}

// trip is the breaker of max_error_rate.
func (m *measurement) trip(c ledger.Counts, inFlight int64) {
	if ledger.Tripped(c, inFlight, m.before, int64(m.j.planned), m.j.cell.Limits.MaxErrorRate) {
		m.stop(errBreaker)
	}
}

// lack stops the phase when requests cannot leave: what this machine lacks is no failure of the engine's.
func (m *measurement) lack(r backends.Reply) {
	m.mu.Lock()
	if m.want == nil {
		m.want = &ledger.Failure{Class: r.ErrorClass, Text: r.Error}
	}
	m.mu.Unlock()
	m.stop(errBroken)
}

// lacking is what this machine lacked to send requests with, nil where it lacked nothing.
func (m *measurement) lacking() *ledger.Failure {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.want
}

// requests makes what is still to be asked, one at a time.
// Lazily: 200,000 prompts are never in memory together.
func (m *measurement) requests() iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for seq := range m.j.planned {
			if m.j.attempt.Finished(int64(seq)) {
				continue
			}
			e, err := m.set.Request(m.j.cell, false, seq, m.j.salt())
			if err != nil {
				m.mu.Lock()
				m.dataErr = fmt.Errorf("make request %d: %w", seq, err)
				m.mu.Unlock()
				m.stop(errBroken)
				return
			}
			req := makeRequest(m.j.cell, seq, e)
			req.Flight = m.traffic.Flight()
			if !yield(req) {
				return
			}
		}
	}
}

// dataFault is what was wrong with the dataset when a request was to be made of it.
func (m *measurement) dataFault() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dataErr
}

// outcome decides how the attempt ends, most telling cause first.
func (m *measurement) outcome(ctx context.Context, err error) *Outcome {
	c, _ := m.book.Now()
	all := c.Done+m.before == int64(m.j.planned)
	if out := cut(ctx, m.j.cell); out != nil && !all {
		return out
	}
	if out := m.e.died(fmt.Sprintf("after %s of %s answers", format.Whole(m.j.attempt.Answered()), format.Whole(m.j.planned))); out != nil {
		return out
	}
	if want := m.lacking(); want != nil {
		return &Outcome{Status: record.EnvironmentFailed, Reason: "requests cannot leave this machine: " + want.Text, Hint: wants[want.Class]}
	}
	if c.Done > 0 && m.j.attempt.Answered() == 0 && (all || errors.Is(context.Cause(ctx), errBreaker)) {
		return useless("requests", c.Done+m.before, m.book.Worst(), process.Tail(m.j.logPath(), logTailLines))
	}
	switch {
	case m.dataFault() != nil:
		return environment(m.dataFault())
	case m.book.Err() != nil:
		return fatal(m.book.Err())
	case errors.Is(context.Cause(ctx), errBreaker):
		return &Outcome{Status: record.Censored, Reason: fmt.Sprintf("%s of %s requests failed, more than max_error_rate %g allows",
			format.Whole(c.Failed), format.Whole(c.Done), m.j.cell.Limits.MaxErrorRate)}
	case err != nil && !all:
		return &Outcome{Status: record.EngineFailed, Reason: plan.OneLine(err), LogTail: process.Tail(m.j.logPath(), logTailLines)}
	}
	return &Outcome{Status: record.Complete, Reason: "done"}
}

// unanswered is the end of a request that was handed over and never came back.
func unanswered(ctx context.Context, err error) backends.Reply {
	var stop *load.Stop
	switch {
	case errors.As(context.Cause(ctx), &stop):
		return backends.Reply{Status: stop.Status, ErrorClass: stop.Class, Error: stop.Text}
	case err != nil:
		return backends.Reply{Status: backends.Failed, ErrorClass: "batch_failed", Error: plan.OneLine(err)}
	}
	return backends.Reply{Status: backends.Failed, ErrorClass: "unanswered", Error: "the engine returned without an answer to this request"}
}

// settle gives each request that has no row one. An attempt that goes on later leaves those that never left to its next
// segment.
func (m *measurement) settle(ctx context.Context, out *Outcome, err error) {
	end := unanswered(ctx, err)
	if m.e.died("") != nil && out.Status == record.EngineFailed {
		end = backends.Reply{Status: backends.Disconnected, ErrorClass: errDied.Class, Error: out.Reason}
	}
	m.book.Close(end)
	if m.j.goesOnLater(out) || m.book.Err() != nil {
		return
	}
	for seq := range m.j.planned {
		if m.book.Has(int64(seq)) || m.j.attempt.Finished(int64(seq)) {
			continue
		}
		a := ledger.PendingRequest{MaxTokens: m.j.cell.Generate.MaxTokens}
		if out.Status != record.Interrupted { // reading each prompt takes time that ^C does not give
			if e, err := m.set.Request(m.j.cell, false, seq, m.j.salt()); err == nil {
				a = ledger.Pend(makeRequest(m.j.cell, seq, e), time.Time{})
			}
		}
		m.book.NotSent(a, int64(seq), end.ErrorClass, end.Error)
	}
}

// account records what the phase took and cost.
func (m *measurement) account(out *Outcome, cpu float64) {
	j := m.j
	c, _ := m.book.Now()
	j.phase("measure", time.Since(m.base))
	for _, text := range append(m.book.Warnings(), notAsAsked(j.cell, c)...) {
		j.warn(text)
	}
	m.checks.tell()
	if n := j.row.ListenOverflows; n != nil && *n > 0 { // nobody else writes it
		j.warn(fmt.Sprintf("the kernel of this machine dropped %d connections at full backlogs meanwhile (listen_overflows)", *n))
	}
	j.mu.Lock()
	j.seg.DurationS, j.seg.Reason = c.Duration(), segmentReason(out)
	total := cpu
	if j.row.ClientCPUS != nil {
		total += *j.row.ClientCPUS
	}
	why := clientLimited(cpu, time.Since(m.base).Seconds(), m.stood, c, runtime.GOMAXPROCS(0), j.site.Calibration)
	limited := why != "" || j.row.ClientLimited != nil && *j.row.ClientLimited // in an earlier segment
	j.row.ClientCPUS, j.row.ClientLimited = &total, &limited
	j.mu.Unlock()
	if why != "" {
		j.warn(why)
	}
}

// arrivals is the schedule of an open load, nil elsewhere. What an earlier segment left is due by the same process
// from its own beginning.
func (m *measurement) arrivals() (iter.Seq[time.Duration], error) {
	if m.j.cell.Load.Mode != "open" {
		return nil, nil
	}
	s, err := load.NewSchedule(m.j.cell.Load, m.j.cell.Dataset.Seed)
	if err != nil {
		return nil, err
	}
	if m.j.attempt.Segment() > 1 {
		return s.Remaining(), nil
	}
	return s.Arrivals(), nil
}
