package view

import (
	"maps"
	"math"
	"time"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/runner/events"
)

// eventRecords writes every event as one record; that a launch still loads, every few seconds.
type eventRecords struct {
	out  *Printer          // in JSON
	last map[int]time.Time // of a launch_progress, by step
}

// observe writes an event as a record. Progress of a load comes several times a second and is thinned out.
func (v eventRecords) observe(e events.Event) {
	// enough for a watcher to know that it lives
	const every = 5 * time.Second
	if e.Kind == events.LaunchProgress {
		if e.At.Sub(v.last[e.Step]) < every {
			return
		}
		v.last[e.Step] = e.At
	}
	r := ndjson.Event{Kind: string(e.Kind), At: e.At, Step: e.Step, Steps: e.Steps, Phase: e.Phase, Part: e.Part, Message: e.Message, Status: e.Status, LogTail: e.LogTail,
		TookS: e.Took.Seconds(), ElapsedS: e.Elapsed.Seconds(), LimitS: e.Limit.Seconds()}
	if e.Item != nil {
		r.Cell, r.Name, r.Launch, r.Attempt = e.Item.Cell.Address[:16], e.Item.Cell.Name(), e.Launch, e.Attempt
	}
	if e.Kind == events.CellProgress {
		r.Progress = progressRecord(e.Progress)
	}
	r.Metrics, r.NullReasons = metricsRecord(e.Metrics)
	if s := e.Summary; s != nil {
		r.Summary = &ndjson.ApplySummary{Complete: s.Complete, EngineFailed: s.Failed, Censored: s.Censored, EnvironmentFailed: s.Environment, Interrupted: s.Interrupted,
			NotRun: s.NotRun, Waiting: s.Waiting, TookS: s.Took.Seconds(), Stopped: s.Stopped, Root: s.Root}
	}
	v.out.Record(r)
}

// metricsRecord is what was measured, as JSON can say it: no infinity.
// Why a value is null stands beside it.
func metricsRecord(all map[string]*float64) (metrics map[string]*float64, reasons map[string]string) {
	metrics, reasons = maps.Clone(all), map[string]string{}
	for name, v := range all {
		if v != nil && (math.IsInf(*v, 0) || math.IsNaN(*v)) {
			metrics[name], reasons[name] = nil, "infinite: each failure counts as endless, and more failed than this percentile leaves out"
		}
	}
	return metrics, reasons
}

// progressRecord has null for what nobody can tell yet.
func progressRecord(p events.Progress) *ndjson.Progress {
	r := &ndjson.Progress{Planned: p.Planned, Done: p.Done, Failed: p.Failed, InFlight: p.InFlight, OutputTokens: p.OutputTokens, TokensPerS: p.TokensPerSecond,
		ElapsedS: p.Elapsed.Seconds(), CellETAS: seconds(p.CellETA), PlanETAS: seconds(p.PlanETA), PlanETALowS: seconds(p.PlanLow), PlanETAHighS: seconds(p.PlanHigh)}
	if p.Stalled != "" {
		r.Stalled = &p.Stalled
	}
	return r
}
