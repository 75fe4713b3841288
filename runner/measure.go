package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"time"

	"matrix/backends"
	"matrix/results"
	"matrix/runner/load"
)

// measured is the measured phase of one segment.
type measured struct {
	l      *launch
	book   *ledger
	base   time.Time // zero of the rows' times
	keep   func(seq int64) bool
	before int64 // requests that ended in earlier segments
	stop   context.CancelCauseFunc

	mu      sync.Mutex
	dataErr error
	want    *end // what this machine lacks

	told bool // a stall, by the progress loop alone
}

// measure offers the load and writes a row for each request.
func (l *launch) measure(ctx context.Context) (outcome, error) {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m := &measured{l: l, keep: chosenOutputs(l.cell, l.planned), stop: cancel}
	m.book = newLedger(l.planned, m.write)
	m.book.trip, m.book.fatal = m.trip, func(error) { cancel(errBroken) }
	m.before = l.attempt.Done()
	arrivals, err := l.arrivals()
	if err != nil {
		return outcome{status: results.EnvironmentFailed, reason: oneLine(err)}, nil
	}
	metrics := l.scrape(ctx)
	if err := m.begin(); err != nil {
		return outcome{}, err
	}
	cpu := cpuSeconds()
	overflows, told := l.a.host.overflows()
	endDeath, endProgress := l.watchDeath(cancel), m.progress()
	job := load.Job{Shape: l.cell.Load, Arrivals: arrivals, Requests: m.requests(), Abandon: l.a.o.Hard, Begin: m.book.begin, Done: m.book.end,
		Dead: l.useless(cancel)}
	err = load.Run(work, l.engine, job)
	endDeath()
	cpu = cpuSeconds() - cpu
	m.traffic(overflows, told)
	out := m.outcome(work, err)
	m.settle(work, out, err)
	endProgress()
	m.end(out, cpu)
	l.addMetrics(metrics, l.scrape(context.WithoutCancel(ctx)))
	return out, m.book.err()
}

// begin sets the zero of all times and writes what waited for it.
func (m *measured) begin() error {
	m.base = time.Now()
	l := m.l
	l.traffic = backends.NewTraffic()
	l.mu.Lock()
	if l.row.BeganUnixS == 0 {
		l.row.BeganUnixS = float64(m.base.UnixNano()) / 1e9
	}
	l.mu.Unlock()
	l.mu.Lock()
	l.now.phase, l.now.phaseBegan, l.now.limit, l.now.part = "measure", m.base, l.cell.Limits.Cell, ""
	l.now.measured = &Progress{Planned: int64(l.planned), Done: m.before}
	l.mu.Unlock()
	l.emit(Event{Kind: CellStart})
	l.a.change()
	if err := l.flush(m.base); err != nil {
		return err
	}
	l.describe()
	if err := l.attempt.SaveRun(l.snapshot()); err != nil {
		return fmt.Errorf("save the run of %s: %w", l.cell.Name(), err)
	}
	return nil
}

// flush writes the warm-up's rows and the samples so far, now that their zero is known.
func (l *launch) flush(base time.Time) error {
	l.mu.Lock()
	early := l.early
	l.early = nil
	l.mu.Unlock()
	for _, e := range early {
		if err := l.attempt.Append(makeRow(e.asked, e.reply, base, "warmup", l.attempt.Segment()), nil); err != nil {
			return fmt.Errorf("write a warm-up row: %w", err)
		}
	}
	return l.samples.zero(base)
}

func (m *measured) write(a asked, r backends.Reply) error {
	segment := m.l.attempt.Segment()
	var out *results.OutputRow
	if m.keep(r.Seq) {
		out = toOutput(a, r, segment)
	}
	if r.Status != backends.Canceled && r.Status != backends.NotSent {
		m.l.finals.Add(1)
	}
	if r.Status == backends.NotSent && wants[r.ErrorClass] != "" {
		m.lack(r)
	}
	return m.l.attempt.Append(makeRow(a, r, m.base, "measure", segment), out)
}

// trip is the breaker of max_error_rate.
func (m *measured) trip(c counts, inFlight int64) {
	if tripped(c, inFlight, m.before, int64(m.l.planned), m.l.cell.Limits.MaxErrorRate) {
		m.stop(errBreaker)
	}
}

// lack stops the phase when requests cannot leave: what this machine lacks is no failure of the engine's.
func (m *measured) lack(r backends.Reply) {
	m.mu.Lock()
	if m.want == nil {
		m.want = &end{class: r.ErrorClass, text: r.Error}
	}
	m.mu.Unlock()
	m.stop(errBroken)
}

func (m *measured) lacking() *end {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.want
}

// requests makes what is still to be asked, one at a time.
func (m *measured) requests() iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for seq := range m.l.planned {
			if m.l.attempt.Finished(int64(seq)) {
				continue
			}
			e, err := m.l.set.Request(m.l.cell, false, seq, m.l.salt())
			if err != nil {
				m.mu.Lock()
				m.dataErr = fmt.Errorf("make request %d: %w", seq, err)
				m.mu.Unlock()
				m.stop(errBroken)
				return
			}
			req := makeRequest(m.l.cell, seq, e)
			req.Flight = m.l.traffic.Flight()
			if !yield(req) {
				return
			}
		}
	}
}

func (m *measured) dataFault() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dataErr
}

// outcome decides how the attempt ends, most telling cause first.
func (m *measured) outcome(ctx context.Context, err error) outcome {
	c, _ := m.book.now()
	all := c.done+m.before == int64(m.l.planned)
	if cut, ok := m.l.cut(ctx); ok && !all {
		return cut
	}
	if died, ok := m.l.died(fmt.Sprintf("after %s of %s requests", thousands(c.done+m.before), thousands(int64(m.l.planned)))); ok {
		return died
	}
	if want := m.lacking(); want != nil {
		return outcome{status: results.EnvironmentFailed, reason: "requests cannot leave this machine: " + want.text, hint: wants[want.class]}
	}
	if c.done > 0 && m.l.attempt.OK() == 0 && (all || errors.Is(context.Cause(ctx), errBreaker)) {
		return useless("requests", c.done+m.before, m.book.worst(), logTail(m.l.logPath()))
	}
	switch {
	case m.dataFault() != nil:
		return outcome{status: results.EnvironmentFailed, reason: oneLine(m.dataFault())}
	case m.book.err() != nil:
		return outcome{status: results.EnvironmentFailed, reason: oneLine(m.book.err())}
	case errors.Is(context.Cause(ctx), errBreaker):
		return outcome{status: results.Censored, reason: fmt.Sprintf("%s of %s requests failed, more than max_error_rate %g allows",
			thousands(c.failed), thousands(c.done), m.l.cell.Limits.MaxErrorRate)}
	case err != nil && !all:
		return outcome{status: results.EngineFailed, reason: oneLine(err), logTail: logTail(m.l.logPath())}
	}
	return outcome{status: results.Complete, reason: "done"}
}

// unanswered is the end of a request that was handed over and never came back.
func unanswered(ctx context.Context, err error) backends.Reply {
	var stop *load.Stop
	switch {
	case errors.As(context.Cause(ctx), &stop):
		return backends.Reply{Status: stop.Status, ErrorClass: stop.Class, Error: stop.Text}
	case err != nil:
		return backends.Reply{Status: backends.Failed, ErrorClass: "batch_failed", Error: oneLine(err)}
	}
	return backends.Reply{Status: backends.Failed, ErrorClass: "unanswered", Error: "the engine returned without an answer to this request"}
}

// settle gives each request that has no row one. An attempt that goes on later leaves those that never left to its next
// segment.
func (m *measured) settle(ctx context.Context, out outcome, err error) {
	end := unanswered(ctx, err)
	if _, died := m.l.died(""); died && out.status == results.EngineFailed {
		end = backends.Reply{Status: backends.Disconnected, ErrorClass: errDied.Class, Error: out.reason}
	}
	m.book.close(end)
	if m.l.goesOnLater(out) || m.book.err() != nil {
		return
	}
	for seq := range m.l.planned {
		if m.book.has(int64(seq)) || m.l.attempt.Finished(int64(seq)) {
			continue
		}
		a := asked{maxTokens: m.l.cell.Generate.MaxTokens}
		if e, err := m.l.set.Request(m.l.cell, false, seq, m.l.salt()); err == nil && out.status != results.Interrupted {
			a = ask(makeRequest(m.l.cell, seq, e), time.Time{})
		}
		m.book.notSent(a, int64(seq), end.ErrorClass, end.Error)
	}
}

// end records what the phase took and cost.
func (m *measured) end(out outcome, cpu float64) {
	l := m.l
	c, _ := m.book.now()
	l.phase("measure", time.Since(m.base))
	for _, text := range append(m.book.warnings(), notAsAsked(l.cell, c)...) {
		l.warn(text)
	}
	if n := l.row.ListenOverflows; n != nil && *n > 0 { // nobody else writes it
		l.warn(fmt.Sprintf("the kernel of this machine dropped %d connections at full backlogs meanwhile (listen_overflows)", *n))
	}
	l.mu.Lock()
	l.seg.DurationS, l.seg.Reason = c.duration(), segmentReason(out)
	total := cpu
	if l.row.ClientCPUS != nil {
		total += *l.row.ClientCPUS
	}
	why := clientLimited(cpu, time.Since(m.base).Seconds(), c, runtime.GOMAXPROCS(0), l.a.calibration)
	limited := why != "" || l.row.ClientLimited != nil && *l.row.ClientLimited // in an earlier segment
	l.row.ClientCPUS, l.row.ClientLimited = &total, &limited
	l.mu.Unlock()
	if why != "" {
		l.warn(why)
	}
}

// segmentReason says why a segment ended, in a word.
func segmentReason(out outcome) string {
	switch out.status {
	case results.Complete:
		return "done"
	case results.EngineFailed:
		return "engine_died"
	}
	return out.status
}

// arrivals is the schedule of an open load, nil elsewhere. What an earlier segment left is due by the same process
// from its own beginning.
func (l *launch) arrivals() (iter.Seq[time.Duration], error) {
	if l.cell.Load.Mode != "open" {
		return nil, nil
	}
	s, err := load.NewSchedule(l.cell.Load, l.cell.Dataset.Seed)
	if err != nil {
		return nil, err
	}
	if l.attempt.Segment() > 1 {
		return s.Remaining(), nil
	}
	return s.Arrivals(), nil
}
