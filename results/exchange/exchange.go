// Package exchange brings results of other tools into the store, where nothing that they did not record is made up, and
// takes results out of it as one file.
package exchange

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"matrix/results"
)

// Formats that Read knows.
const (
	VLLMBench   = "vllm-bench"   // the JSON of `vllm bench serve --save-result`, best with --save-detailed
	GuideLLM    = "guidellm"     // the JSON report of `guidellm benchmark`
	OpenAIBatch = "openai-batch" // the output file of a batch job, a JSON document a line
	JSONL       = "jsonl"        // any JSON document a line, by a Map
	CSV         = "csv"          // any table with a header, by a Map
	SQLite      = "sqlite"       // a query on a database file, by a Map
)

// Formats lists them for messages and completion.
func Formats() []string { return []string{VLLMBench, GuideLLM, OpenAIBatch, JSONL, CSV, SQLite} }

// Labels say which cell a result belongs to. What a file does not tell must be given; what is given wins.
type Labels struct {
	Platform, Model string
	BatchSize       int // 0: as many as there are requests
	Launch          int // 0: 1
}

// Options of Read.
type Options struct {
	Format      string
	Labels      Labels
	Map         Map    // for JSONL, CSV and SQLite
	Query       string // for SQLite
	WeightBytes int64  // of the model, where known: held against the label; 0 = unknown
}

// Request is one request of an earlier result.
type Request struct {
	results.RequestRow
	Text string // what was generated, "" = not kept
}

// Set is one launch of one cell as another tool recorded it.
type Set struct {
	Labels      Labels
	Requests    []Request
	Given       map[string]float64 // metric column → what the file says, used where the requests do not tell
	Began       time.Time          // zero = unknown
	Mode        string             // batch, closed, open; "" = unknown
	Concurrency int64              // 0 = unknown
	Engine      results.Engine
	Warnings    []string
}

// Read parses one file. An error names the place in it.
func Read(path string, in io.Reader, o Options) ([]*Set, error) {
	var sets []*Set
	var err error
	switch o.Format {
	case VLLMBench:
		sets, err = readVLLMBench(in)
	case GuideLLM:
		sets, err = readGuideLLM(in)
	case OpenAIBatch:
		sets, err = readOpenAIBatch(in)
	case JSONL:
		sets, err = readJSONL(in, o.Map)
	case CSV:
		sets, err = readCSV(in, o.Map)
	case SQLite:
		sets, err = readSQLite(path, o.Query, o.Map)
	default:
		return nil, fmt.Errorf("format %q is not known: %s", o.Format, strings.Join(Formats(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range sets {
		if err := s.finish(o); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return sets, nil
}

// finish completes the labels and says what does not agree.
func (s *Set) finish(o Options) error {
	if s.Labels.BatchSize == 0 {
		s.Labels.BatchSize = max(len(s.Requests), int(s.Given["requests_planned"]))
	}
	if o.Labels.Platform != "" {
		s.Labels.Platform = o.Labels.Platform
	}
	if o.Labels.Model != "" {
		s.Labels.Model = o.Labels.Model
	}
	if o.Labels.BatchSize > 0 {
		s.Labels.BatchSize = o.Labels.BatchSize
	}
	if o.Labels.Launch > 0 {
		s.Labels.Launch = o.Labels.Launch
	}
	s.Labels.Launch = max(s.Labels.Launch, 1)
	switch {
	case s.Labels.Platform == "":
		return fmt.Errorf("the file does not say on which platform: name it with --platform")
	case s.Labels.Model == "":
		return fmt.Errorf("the file does not say which model: name it with --model")
	case s.Labels.BatchSize == 0:
		return fmt.Errorf("there are no requests in it, and no total of them")
	case len(s.Requests) > s.Labels.BatchSize:
		return fmt.Errorf("it has %d requests, more than the %d of --batch-size", len(s.Requests), s.Labels.BatchSize)
	case s.Given["requests_ok"] > float64(s.Labels.BatchSize):
		return fmt.Errorf("it says that %g requests were completed, more than the %d of the batch", s.Given["requests_ok"], s.Labels.BatchSize)
	}
	s.Warnings = append(s.Warnings, disagreements(s, o.WeightBytes)...)
	slices.SortStableFunc(s.Requests, func(a, b Request) int { return int(a.Seq - b.Seq) })
	for i := range s.Requests {
		s.Requests[i].Seq = int64(i)
	}
	s.rebase()
	return nil
}

// rebase counts all stamps from the first send, as ours are. Stamps may be Unix seconds: then they tell the date, too.
func (s *Set) rebase() {
	first := math.Inf(1)
	for _, r := range s.Requests {
		for _, t := range []*float64{r.ScheduledS, r.SentS} {
			if t != nil {
				first = min(first, *t)
			}
		}
	}
	if math.IsInf(first, 1) {
		return
	}
	if first > 1e9 && s.Began.IsZero() {
		s.Began = time.Unix(0, int64(first*1e9))
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		for _, t := range []**float64{&r.ScheduledS, &r.SentS, &r.FirstChunkS, &r.FirstTokenS, &r.LastTokenS, &r.DoneS} {
			if *t != nil {
				*t = ptr(**t - first)
			}
		}
	}
}

// newRequest is a row of which nothing is known yet but that it was asked.
func newRequest(seq int64) Request {
	return Request{RequestRow: results.RequestRow{Seq: seq, Phase: "measure", Status: "ok", Attempts: 1, TokenSource: "none"}}
}

// tokens sets a count and says where it is from.
func (r *Request) tokens(into **int64, n *int64) {
	if n != nil {
		*into, r.TokenSource = n, "usage"
	}
}

func (r *Request) fail(status, class, text string) {
	r.Status, r.ErrorClass, r.Error = status, class, strings.Join(strings.Fields(text), " ")
}

func ptr[T any](v T) *T { return &v }
