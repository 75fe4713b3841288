package summary

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/predict"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

// FinishModel predicts finish times: each group of cells, which differ in batch size alone, is one series of the model,
// in their order. Loads are pooled over every start in the set. Completion curves are read from requests.parquet, on all
// processors.
// A damaged file is passed over; all other errors of reading are joined.
func (s *Set) FinishModel(ctx context.Context, groups [][]*Cell) (*predict.Model, error) {
	starts, err := s.Starts()
	if err != nil {
		return nil, err
	}
	return finishModel(ctx, groups, starts)
}

// finishModel reads the curves of all launches at once, and then gives each series its own.
func finishModel(ctx context.Context, groups [][]*Cell, starts []predict.Start) (*predict.Model, error) {
	var launches []*Attempt
	for _, group := range groups {
		for _, c := range group {
			launches = append(launches, c.Launches...)
		}
	}
	curves, errs := make([]predict.Curve, len(launches)), make([]error, len(launches))
	each(len(launches), func(i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			curves[i], errs[i] = launches[i].curve()
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	series, at := make([]predict.Series, len(groups)), 0
	for i, group := range groups {
		for _, c := range group {
			if series[i].Start == "" {
				series[i] = c.series()
				series[i].Yield = yield(group)
			}
			for _, a := range c.Launches {
				l := predict.Launch{Requests: a.Planned, Segments: a.Segments, Curve: curves[at]}
				if d := a.Number("duration_s"); d != nil {
					l.DurationS = *d
				}
				series[i].Launches = append(series[i].Launches, l)
				at++
			}
		}
	}
	return predict.New(series, starts), nil
}

// yield is the share of the requests of all launches whose answers can be used, where nobody looked those that were answered; nil where
// no launch knows.
func yield(group []*Cell) *float64 {
	var usable, planned float64
	for _, c := range group {
		for _, a := range c.Launches {
			if n := cmp.Or(a.Number(record.MetricValid), a.Number("requests_ok")); n != nil && a.Planned > 0 {
				usable, planned = usable+*n, planned+float64(a.Planned)
			}
		}
	}
	if planned == 0 {
		return nil
	}
	return new(usable / planned)
}

// BySize groups cells that differ in nothing but their batch size, smallest first.
func BySize(cells []*Cell) [][]*Cell {
	groups := map[string][]*Cell{}
	var order []string
	for _, c := range cells {
		key := c.Slug // nothing is known of it: a group of its own
		if a := c.First(); a != nil {
			key = SeriesKey(&a.Manifest)
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], c)
	}
	out := make([][]*Cell, len(order))
	for i, key := range order {
		slices.SortStableFunc(groups[key], func(a, b *Cell) int { return cmp.Compare(a.BatchSize, b.BatchSize) })
		out[i] = groups[key]
	}
	return out
}

// Server is the start of a server that attempts had in common, or that only filled caches.
type Server struct {
	record.ServerRecord
	Cell *Cell // of the first attempt that is known of it
	Cold bool
}

// Cold tells the attempts whose engine's start was a cold one, by its phases, and so the servers that are no attempt's own.
func (s *Set) Cold() (map[*Attempt]bool, []Server, error) {
	starts, of, servers, err := s.starts()
	if err != nil {
		return nil, nil, err
	}
	out := map[*Attempt]bool{}
	for i, cold := range predict.ColdStarts(starts) {
		switch {
		case i >= len(of):
			servers[i-len(of)].Cold = cold
		case i == 0 || of[i] != of[i-1]: // a later segment's start is another
			out[of[i]] = cold
		}
	}
	return out, servers, nil
}

// Starts are all starts of engines that the set knows: one a segment of each attempt, those that attempts shared, and
// those that only filled caches.
func (s *Set) Starts() ([]predict.Start, error) {
	starts, _, _, err := s.starts()
	return starts, err
}

// starts are those of attempts, each with its attempt, and behind them those of servers.
func (s *Set) starts() (starts []predict.Start, of []*Attempt, servers []Server, err error) {
	type place struct {
		*Attempt
		*Cell
	}
	attempts := map[string]place{}
	experiments := map[string]bool{}
	for _, c := range s.Cells {
		experiments[c.Experiment] = true
		for _, a := range c.Attempts {
			own := a.starts()
			starts, of = append(starts, own...), append(of, slices.Repeat([]*Attempt{a}, len(own))...)
			attempts[a.Attempt] = place{a, c}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(experiments)) {
		all, err := store.Servers(s.Root, name)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, r := range all {
			if r.Primed && !predict.TellsCold(r.Phases) {
				continue // whether it was a cold start nobody can say
			}
			if i := slices.IndexFunc(r.Attempts, func(id string) bool { return attempts[id].Attempt != nil }); i >= 0 {
				first := attempts[r.Attempts[i]]
				start := first.start()
				start.LoadS, start.PhasesS = r.Load(), r.Phases
				starts, servers = append(starts, start), append(servers, Server{ServerRecord: r, Cell: first.Cell})
			}
		}
	}
	return starts, of, servers, nil
}

// starts are the engine's own starts of an attempt; none where it was attached to or shared a server.
func (a *Attempt) starts() (out []predict.Start) {
	segments := a.Run().Segments
	if len(segments) <= 1 { // the row has all phases, the segment's list may be cut
		segments = []record.Segment{{LoadS: a.Number("load_s"), Phases: a.Run().Phases}}
	}
	for _, segment := range segments {
		if segment.LoadS != nil {
			start := a.start()
			start.LoadS, start.PhasesS = segment.LoadS, segment.Phases
			out = append(out, start)
		}
	}
	return out
}

// start is an attempt's start without what it took.
func (a *Attempt) start() predict.Start {
	return predict.Start{Key: StartKey(&a.Manifest), Kin: KinKey(&a.Manifest), Cold: a.Run().CompileCache == "cold",
		Cache: key(a.Run().Engine.Name, a.Run().Engine.Version, part(&a.Manifest, "model"), part(&a.Manifest, "hardware"))}
}

// series is a cell's series without launches: by which other cells' starts its load is predicted.
func (c *Cell) series() predict.Series {
	a := c.First()
	if a == nil {
		return predict.Series{}
	}
	return predict.Series{Start: StartKey(&a.Manifest), Kin: KinKey(&a.Manifest), Pool: key(c.Platform, c.Model, part(&a.Manifest, "hardware"), fmt.Sprint(c.Simulated, c.Imported)),
		NoLoad: a.attached()}
}

// curve is what the attempt's completion curve tells; where its requests were left behind or are damaged, what run.parquet has of it.
func (a *Attempt) curve() (predict.Curve, error) {
	if a.Lacks("requests") {
		return a.steady(), nil
	}
	spans := map[int32]*bothSpans{}
	names := []string{"phase", "status", "segment", "sent_s", "first_token_s", "done_s"}
	err := table.ScanRequests(a.Dir, names, func(b arrow.RecordBatch) error {
		addSpans(spans, b)
		return nil
	})
	switch {
	case errors.Is(err, table.ErrCorrupt): // its run.parquet is whole, or the attempt would not be here
		a.Damaged = true
		return a.steady(), nil
	case err != nil:
		return predict.Curve{}, fmt.Errorf("read the requests of attempt %s: %w", a.Attempt, err)
	}
	var segments []predict.Curve
	for _, number := range slices.Sorted(maps.Keys(spans)) {
		segments = append(segments, predict.CurveOf(spans[number].spans()))
	}
	return predict.Join(segments), nil
}

// steady is the curve by the steady window of run.parquet; zero where there was none.
func (a *Attempt) steady() predict.Curve {
	rate, span, e2e, ttft := a.Number("steady_request_throughput"), a.Number("steady_span_s"), a.Number("e2e_mean_s"), a.Number("ttft_mean_s")
	if rate == nil || span == nil || e2e == nil || *e2e <= 0 {
		return predict.Curve{}
	}
	c := predict.Curve{RatePerS: *rate, AnswerS: *e2e}
	if ttft != nil && *ttft < *e2e { // an answer begins with its first token: see spans
		c.AnswerS -= *ttft
	}
	c.Waves = *span / c.AnswerS
	return c
}

// bothSpans are the requests of a segment: from when they were sent, and those with one from their first token.
type bothSpans struct{ sent, token []predict.Span }

// spans are those from the first token where nearly all requests have one: what waits in an engine's queue is not being
// answered.
func (s *bothSpans) spans() []predict.Span {
	if 10*len(s.token) >= 9*len(s.sent) {
		return s.token
	}
	return s.sent
}

// addSpans books a batch's requests. One that we stopped says nothing of how long an answer takes.
func addSpans(spans map[int32]*bothSpans, b arrow.RecordBatch) {
	phase, status, segment := table.In[*array.String](b, "phase"), table.In[*array.String](b, "status"), table.In[*array.Int32](b, "segment")
	sent, token, done := table.In[*array.Float64](b, "sent_s"), table.In[*array.Float64](b, "first_token_s"), table.In[*array.Float64](b, "done_s")
	for i := range int(b.NumRows()) {
		stopped := status.Value(i) == "canceled" || status.Value(i) == "not_sent"
		if phase.Value(i) != "measure" || stopped || done.IsNull(i) || sent.IsNull(i) {
			continue
		}
		s := spans[segment.Value(i)]
		if s == nil {
			s = &bothSpans{}
			spans[segment.Value(i)] = s
		}
		s.sent = append(s.sent, predict.Span{FromS: sent.Value(i), ToS: done.Value(i)})
		if token.IsValid(i) && token.Value(i) < done.Value(i) {
			s.token = append(s.token, predict.Span{FromS: token.Value(i), ToS: done.Value(i)})
		}
	}
}
