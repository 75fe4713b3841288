package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"matrix/experiments/textfile"
)

// guideReport is what is read of GuideLLM's JSON report (0.3 to 0.8; guidellm/schemas/base/request_stats.py). Stamps are
// Unix seconds.
// Where the versions differ, both forms are here; what is absent stays zero.
type guideReport struct {
	Config struct {
		Spec struct {
			Backend guideBackend `json:"backend"`
		} `json:"spec"`
	} `json:"config"`
	Args struct { // before 0.6
		Model string `json:"model"`
	} `json:"args"`
	Benchmarks []guideBenchmark `json:"benchmarks"`
}

type guideBackend struct {
	Model string `json:"model"`
}

// guideBenchmark is one load against one server.
type guideBenchmark struct {
	Config struct {
		Strategy struct {
			Type        string  `json:"type_"` // of older versions; Kind of newer ones
			Kind        string  `json:"kind"`
			Streams     float64 `json:"streams"` // of older versions; max_concurrency of newer ones
			Concurrency float64 `json:"max_concurrency"`
			Rate        float64 `json:"rate"` // requests/s
		} `json:"strategy"`
	} `json:"config"`
	StartTime float64  `json:"start_time"` // Unix seconds
	Duration  *float64 `json:"duration"`   // s
	Requests  struct {
		Successful []guideRequest `json:"successful"` // a sample of them, where sample_size bounds it
		Incomplete []guideRequest `json:"incomplete"`
		Errored    []guideRequest `json:"errored"`
	} `json:"requests"`
	Metrics struct {
		Totals struct {
			Successful *float64 `json:"successful"`
			Incomplete *float64 `json:"incomplete"`
			Errored    *float64 `json:"errored"`
		} `json:"request_totals"`
	} `json:"metrics"`
}

// guideRequest is one request; counts are floats, for some versions write 12.0.
type guideRequest struct {
	ID           string   `json:"request_id"`
	Output       string   `json:"output"`
	PromptTokens *float64 `json:"prompt_tokens"`
	OutputTokens *float64 `json:"output_tokens"`
	CachedTokens *float64 `json:"cached_tokens"`
	Info         struct {
		Error   string       `json:"error"` // "" = none
		Timings guideTimings `json:"timings"`
	} `json:"info"`
}

// guideTimings: "iteration" is an event of the stream; that of the first token has text or reasoning.
type guideTimings struct {
	Targeted   *float64 `json:"targeted_start"` // when it was due
	Start      *float64 `json:"request_start"`
	FirstEvent *float64 `json:"first_request_iteration"`
	FirstToken *float64 `json:"first_token_iteration"`
	LastToken  *float64 `json:"last_token_iteration"`
	End        *float64 `json:"request_end"`
	Tokens     float64  `json:"token_iterations"` // events with text
}

// readGuideLLM reads one report or several. A report holds a benchmark for each rate, all against one server, so they are told
// not to be launches of their own.
func readGuideLLM(in io.Reader) ([]*Set, error) {
	docs, err := documents(in)
	if err != nil {
		return nil, fmt.Errorf("is no report of guidellm: %w", err)
	}
	var sets []*Set
	for _, doc := range docs {
		var report guideReport
		if err := json.Unmarshal(doc, &report); err != nil {
			return nil, fmt.Errorf("is no report of guidellm: %w", textfile.PlainJSON(err))
		}
		if len(report.Benchmarks) == 0 {
			return nil, errors.New("is no report of guidellm: it has no benchmarks")
		}
		for i := range report.Benchmarks {
			s := report.Benchmarks[i].set()
			s.Labels.Model = labelOf(report.Config.Spec.Backend.Model + report.Args.Model)
			sets = append(sets, s)
		}
	}
	if len(sets) > 1 {
		// A launch is a fresh engine, which these were not; that must be known before an interval is believed.
		for _, s := range sets {
			s.Warnings = append(s.Warnings, fmt.Sprintf("one of %d benchmarks of a report, against one server: not a launch of its own", len(sets)))
		}
	}
	return sets, nil
}

// set is one benchmark: its ok requests, then the failed, then those that its end cut off. When they were sent, their stamps say.
func (b *guideBenchmark) set() *Set {
	s := newSet()
	s.Mode, s.Concurrency, s.Rate = b.load()
	if b.StartTime > 0 && b.StartTime < maxUnixS {
		s.Began = time.Unix(0, int64(b.StartTime*1e9))
	}
	for _, r := range b.Requests.Successful {
		s.Requests = append(s.Requests, r.request(b.StartTime, "ok", ""))
	}
	for _, r := range b.Requests.Errored {
		s.Requests = append(s.Requests, r.request(b.StartTime, "failed", "guidellm"))
	}
	for _, r := range b.Requests.Incomplete {
		s.Requests = append(s.Requests, r.request(b.StartTime, "canceled", "incomplete"))
	}
	for i := range s.Requests {
		s.Requests[i].Seq = int64(i)
	}
	b.totals(s)
	return s
}

// totals takes what the report says of all requests, where it keeps a sample of them, and holds it against them else.
// A report may keep a sample of its requests (sample_size): then they are too few to add up.
func (b *guideBenchmark) totals(s *Set) {
	t, sum := b.Metrics.Totals, 0.0
	for _, x := range []*float64{t.Successful, t.Errored, t.Incomplete} {
		if x != nil && *x > 0 && *x <= maxRequests {
			sum += *x
		}
	}
	if sum <= float64(len(s.Requests)) {
		records := s.sums()
		s.hold(total{"successful", "", t.Successful, records.ok, 0})
		// records that last longer than the run was: the clock or the file is wrong
		if b.Duration != nil && records.span > *b.Duration*1.05 {
			s.hold(total{"duration", "", b.Duration, records.span, 0.05})
		}
		return
	}
	for name, x := range map[string]*float64{"requests_ok": t.Successful, "requests_failed": t.Errored, "requests_canceled": t.Incomplete, "duration_s": b.Duration} {
		if x != nil {
			s.Given[name] = *x
		}
	}
	s.Given["requests_planned"] = sum
	s.warn("the report keeps %d of %.0f requests (sample_size)", len(s.Requests), sum)
}

// load tells the shape by the name of GuideLLM's strategy.
// A name that is not known is no load: the label is then left out.
func (b *guideBenchmark) load() (mode string, concurrency int64, rate float64) {
	st := b.Config.Strategy
	switch st.Type + st.Kind {
	case "synchronous":
		return "closed", 1, 0
	case "concurrent":
		return "closed", int64(min(max(st.Streams, st.Concurrency, 0), maxBatchSize)), 0
	case "throughput":
		return "batch", 0, 0
	case "constant", "poisson":
		return "open", 0, min(max(st.Rate, 0), maxRate)
	}
	return "", 0, 0
}

// request is one row; zero is the benchmark's beginning in Unix seconds, from which its stamps are counted. What a failed one
// generated before it failed counts for nothing, as everywhere.
func (g *guideRequest) request(zero float64, status, class string) Request {
	r := newRequest(0)
	r.PromptID, r.Text = g.ID, g.Output
	r.tokens(&r.InputTokens, tokenCount(g.PromptTokens))
	r.tokens(&r.CachedTokens, tokenCount(g.CachedTokens))
	t := g.Info.Timings
	for into, from := range map[**float64]*float64{&r.ScheduledS: t.Targeted, &r.SentS: t.Start, &r.FirstChunkS: t.FirstEvent,
		&r.FirstTokenS: t.FirstToken, &r.LastTokenS: t.LastToken, &r.DoneS: t.End} {
		if from != nil {
			*into = new(*from - zero)
		}
	}
	r.Chunks = int32(min(max(t.Tokens, 0), math.MaxInt32))
	if status != "ok" {
		r.fail(status, class, strings.TrimSpace(g.Info.Error))
		return r
	}
	r.tokens(&r.OutputTokens, tokenCount(g.OutputTokens))
	return r
}
