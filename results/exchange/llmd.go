package exchange

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"matrix/results/record"
)

// llmdReport is a Benchmark Report of llm-d (github.com/llm-d/llm-d-benchmark), 0.2 and 0.2.1, of what it says in figures.
// Totals only; the report has no requests.
type llmdReport struct {
	Version string `yaml:"version"`
	Run     struct {
		Keywords []string `yaml:"keywords"`
		Time     struct {
			Start string `yaml:"start"` // RFC 3339
		} `yaml:"time"`
	} `yaml:"run"`
	Scenario struct {
		Stack []struct { // engines, and what stands before them; the first with a model counts
			Standardized struct {
				Tool        string `yaml:"tool"`
				ToolVersion string `yaml:"tool_version"`
				Model       any    `yaml:"model"` // a name, or what has one
			} `yaml:"standardized"`
		} `yaml:"stack"`
		Load struct {
			Standardized struct {
				Tool        string   `yaml:"tool"`
				RateQPS     *float64 `yaml:"rate_qps"`    // nil = not an open load
				Concurrency *float64 `yaml:"concurrency"` // nil = nobody bounded it
			} `yaml:"standardized"`
		} `yaml:"load"`
	} `yaml:"scenario"`
	Results struct {
		RequestPerformance struct {
			Aggregate *struct {
				Requests struct {
					Total        *float64    `yaml:"total"`
					Failures     *float64    `yaml:"failures"`
					Incomplete   *float64    `yaml:"incomplete"` // neither answered nor failed
					InputLength  *statistics `yaml:"input_length"`
					OutputLength *statistics `yaml:"output_length"`
				} `yaml:"requests"`
				Latency    map[string]*statistics `yaml:"latency"` // by the report's names
				Throughput map[string]*statistics `yaml:"throughput"`
			} `yaml:"aggregate"`
		} `yaml:"request_performance"`
	} `yaml:"results"`
}

// statistics are a distribution in one of the report's units.
type statistics struct {
	Units string   `yaml:"units"` // "ms", "s/token"; without a known one no figure is taken
	Mean  *float64 `yaml:"mean"`
	P50   *float64 `yaml:"p50"`
	P90   *float64 `yaml:"p90"`
	P95   *float64 `yaml:"p95"`
	P99   *float64 `yaml:"p99"`
	P999  *float64 `yaml:"p99p9"`
}

// llmdLatencies are the report's latencies by our names. What it calls inter_token_latency every tool fills in its own way: left out.
var llmdLatencies = map[string]string{"time_to_first_token": "ttft", "time_per_output_token": "tpot", "request_latency": "e2e"}

// toSeconds are the units of a latency.
var toSeconds = map[string]float64{"s": 1, "ms": 1e-3, "s/token": 1, "ms/token": 1e-3}

// readLLMD reads one report or several, as documents of one YAML stream; JSON is YAML.
func readLLMD(in io.Reader) ([]*Set, error) {
	var sets []*Set
	next := yaml.NewDecoder(in)
	for {
		var r llmdReport
		if err := next.Decode(&r); errors.Is(err, io.EOF) && len(sets) > 0 {
			return sets, nil
		} else if err != nil {
			return nil, fmt.Errorf("is no Benchmark Report of llm-d: %w", err)
		}
		s, err := r.set()
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
}

// set takes what the report says of all requests together: it has no rows.
func (r *llmdReport) set() (*Set, error) {
	all := r.Results.RequestPerformance.Aggregate
	if !strings.HasPrefix(r.Version, "0.2") || all == nil || all.Requests.Total == nil {
		return nil, fmt.Errorf("is no Benchmark Report 0.2 of llm-d: version %q, with results.request_performance.aggregate.requests.total", r.Version)
	}
	s := newSet()
	s.words(r.Run.Keywords)
	for _, c := range r.Scenario.Stack {
		model := c.Standardized.Model
		if of, ok := model.(map[string]any); ok {
			model = of["name"]
		}
		if name, ok := model.(string); ok && s.Labels.Model == "" {
			s.Labels.Model, s.Engine = labelOf(name), record.Engine{Name: c.Standardized.Tool, Version: c.Standardized.ToolVersion}
		}
	}
	load := r.Scenario.Load.Standardized
	switch {
	case load.RateQPS != nil && *load.RateQPS > 0 && *load.RateQPS <= maxRate:
		s.Mode, s.Rate = "open", *load.RateQPS
	case load.Concurrency != nil && *load.Concurrency >= 1 && *load.Concurrency <= maxBatchSize:
		s.Mode, s.Concurrency = "closed", int64(*load.Concurrency)
	}
	if began, err := time.Parse(time.RFC3339Nano, r.Run.Time.Start); err == nil {
		s.Began = began
	}
	s.Given["requests_planned"] = *all.Requests.Total
	ok := *all.Requests.Total
	if f := all.Requests.Failures; f != nil {
		s.Given["requests_failed"], ok = *f, ok-*f
	}
	if f := all.Requests.Incomplete; f != nil {
		s.Given["requests_canceled"], ok = *f, ok-*f
	}
	if s.Given["requests_ok"] = max(ok, 0); *all.Requests.Total > 0 && all.Requests.Failures != nil {
		s.Given["success_rate"] = max(ok, 0) / *all.Requests.Total
	}
	if err := r.figures(s); err != nil {
		return nil, err
	}
	s.warn("llm-d's report has totals only: no row per request; which chunk its time to first token counts is its tool's choice (%s)", load.Tool)
	return s, nil
}

// figures takes over the latencies and rates; one in a unit that is none of its kind ends the import.
// Guessing a unit would be wrong by a thousand.
func (r *llmdReport) figures(s *Set) error {
	all := r.Results.RequestPerformance.Aggregate
	for theirs, ours := range llmdLatencies {
		x := all.Latency[theirs]
		if x == nil {
			continue
		}
		scale := toSeconds[x.Units]
		if scale == 0 {
			return fmt.Errorf("has %s in %q, which is no time", theirs, x.Units)
		}
		for suffix, v := range map[string]*float64{"mean": x.Mean, "p50": x.P50, "p90": x.P90, "p95": x.P95, "p99": x.P99, "p999": x.P999} {
			if v != nil {
				s.Given[ours+"_"+suffix+"_s"] = *v * scale
			}
		}
	}
	for theirs, ours := range map[string]string{"output_token_rate": "output_throughput", "total_token_rate": "total_token_throughput", "request_rate": "request_throughput"} {
		if x := all.Throughput[theirs]; x != nil && x.Mean != nil {
			s.Given[ours] = *x.Mean
		}
	}
	for ours, x := range map[string]*statistics{"input_tokens": all.Requests.InputLength, "output_tokens": all.Requests.OutputLength} {
		if x != nil && x.Mean != nil {
			// A mean over the answered makes the total.
			s.Given[ours] = *x.Mean * s.Given["requests_ok"]
		}
	}
	if rate := s.Given["request_throughput"]; rate > 0 {
		s.Given["duration_s"] = s.Given["requests_ok"] / rate
	}
	return nil
}
