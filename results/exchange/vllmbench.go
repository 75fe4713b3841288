package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"matrix/experiments/textfile"
)

// BenchServe is the result file of `vllm bench serve` (0.9 to 0.32; fields of vllm/benchmarks/serve.py), as it is read and written.
// Without --save-detailed the arrays are absent and only totals remain. Times are in seconds where not named _ms; what has no
// figure is null, in an array too.
type BenchServe struct {
	Date           string       `json:"date"`          // of the measured phase's end: 20060102-150405, local time of the machine that wrote it, without a zone
	EndpointType   string       `json:"endpoint_type"` // "openai", "openai-chat"
	Backend        string       `json:"backend"`       // of the tool's client, which measures any server
	Label          string       `json:"label"`
	ModelID        string       `json:"model_id"`
	TokenizerID    string       `json:"tokenizer_id"`
	NumPrompts     *float64     `json:"num_prompts"`     // how many were to be asked
	RequestRate    any          `json:"request_rate"`    // requests/s, or "inf": all at once, or as concurrency allows
	MaxConcurrency *float64     `json:"max_concurrency"` // requests in flight; nil = no bound
	Duration       *float64     `json:"duration"`        // s, of the whole benchmark
	Completed      *float64     `json:"completed"`       // requests that ended well
	Failed         *float64     `json:"failed"`
	TotalInput     *float64     `json:"total_input_tokens"` // tokens, of those alone
	TotalOutput    *float64     `json:"total_output_tokens"`
	RequestTput    *float64     `json:"request_throughput"`
	Goodput        *float64     `json:"request_goodput"` // requests/s within the slo; nil = no slo was declared
	OutputTput     *float64     `json:"output_throughput"`
	TotalTput      *float64     `json:"total_token_throughput"`
	InputLens      []*float64   `json:"input_lens,omitempty"` // a prompt each, in one order with all lists below
	OutputLens     []*float64   `json:"output_lens,omitempty"`
	TTFTs          []*float64   `json:"ttfts,omitempty"`       // s, 0 = failed, or answered at once
	ITLs           [][]*float64 `json:"itls,omitempty"`        // s between chunks, of each request
	Latencies      []*float64   `json:"latencies,omitempty"`   // s; the list may be absent
	StartTimes     []*float64   `json:"start_times,omitempty"` // s of any clock; the list may be absent
	QueueTimes     []*float64   `json:"queue_times,omitempty"` // s that each waited in the client before it was sent; since 0.32
	Texts          []*string    `json:"generated_texts,omitempty"`
	Errors         []*string    `json:"errors,omitempty"`       // "" = none
	ElapsedTime    *float64     `json:"elapsed_time,omitempty"` // of `vllm bench throughput`, which is another file
}

// LabelSeparator stands between the words in a label that matrix writes.
const LabelSeparator = ", "

// The distributions that stand in the file as numbers, in milliseconds: median_ttft_ms is our ttft_first_chunk_p50_s.
var (
	vllmStatistics    = map[string]string{"mean": "mean", "median": "p50", "p90": "p90", "p95": "p95", "p99": "p99"}
	vllmDistributions = map[string]string{"ttft": "ttft_first_chunk", "e2el": "e2e", "itl": "chunk_gap"}
)

// readVLLMBench reads one result or several: --append-result writes a document behind the other, and some keep a list.
func readVLLMBench(in io.Reader) (sets []*Set, err error) {
	docs, err := documents(in)
	if err != nil {
		return nil, fmt.Errorf("is no result of `vllm bench serve`: %w", err)
	}
	for i, doc := range docs {
		s, err := vllmBenchSet(doc)
		if err != nil && len(docs) > 1 {
			return nil, fmt.Errorf("document %d %w", i+1, err)
		}
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	return sets, nil
}

// documents are the JSON documents of a file, those of a list one by one.
func documents(in io.Reader) (docs []json.RawMessage, err error) {
	all, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	next := json.NewDecoder(bytes.NewReader(textfile.Finite(all)))
	for {
		var doc json.RawMessage
		if err := next.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil && len(docs) == 0 {
			return nil, fmt.Errorf("invalid JSON: %w", textfile.PlainJSON(err))
		} else if err != nil {
			return nil, fmt.Errorf("document %d: %w", len(docs)+1, textfile.PlainJSON(err))
		}
		var list []json.RawMessage
		if json.Unmarshal(doc, &list) == nil {
			docs = append(docs, list...)
		} else {
			docs = append(docs, doc)
		}
	}
	if len(docs) == 0 {
		return nil, errors.New("it is empty")
	}
	return docs, nil
}

// vllmBenchSet is one result. A file of another of vLLM's benchmarks is told by what it has, and refused by its name.
func vllmBenchSet(doc json.RawMessage) (*Set, error) {
	var v BenchServe
	if err := json.Unmarshal(doc, &v); err != nil {
		return nil, fmt.Errorf("is no result of `vllm bench serve`: %w", textfile.PlainJSON(err))
	}
	switch {
	case v.ElapsedTime != nil && v.Duration == nil:
		return nil, errors.New("is a result of `vllm bench throughput`, which is not read: `vllm bench serve --save-result --save-detailed` writes what is")
	case v.Duration == nil || v.Completed == nil:
		return nil, errors.New("is no result of `vllm bench serve`: it has no duration or no completed")
	}
	s := newSet()
	s.Labels.Model, s.Given = labelOf(v.ModelID), v.given() // no engine: the tool measures any server
	v.load(s)
	s.words(strings.Split(v.Label, LabelSeparator))
	if began, err := time.ParseInLocation("20060102-150405", v.Date, time.Local); err == nil && *v.Duration >= 0 && *v.Duration <= maxSeconds {
		s.Began = began.Add(-time.Duration(*v.Duration * float64(time.Second))) // the date is that of the writing
	}
	if len(v.TTFTs) == 0 {
		if err := v.milliseconds(doc, s.Given); err != nil {
			return nil, err
		}
		s.warn("vllm bench wrote totals only (no --save-detailed): no row per request, no distribution beyond those it printed")
		if d := *v.Duration; d > 0 && v.TotalOutput != nil {
			s.hold(total{"output_throughput", "output_throughput", v.OutputTput, *v.TotalOutput / d, 0.02}, total{"request_throughput", "request_throughput", v.RequestTput, *v.Completed / d, 0.02})
		}
		return s, nil
	}
	return s, v.rows(s)
}

// load tells the shape: a rate makes it open, a bound closed, neither a batch.
func (v *BenchServe) load(s *Set) {
	rate, _ := v.RequestRate.(float64) // "inf" is text
	switch {
	case rate > 0 && rate <= maxRate:
		s.Mode, s.Rate = "open", rate
	case v.MaxConcurrency != nil && *v.MaxConcurrency >= 1 && *v.MaxConcurrency <= maxBatchSize:
		s.Mode, s.Concurrency = "closed", int64(*v.MaxConcurrency)
	default:
		s.Mode = "batch"
	}
}

// streamsText reports whether the first event of a stream has text. A chat's first event names the role only, and
// `vllm bench` counts it: its TTFT is then our ttft_first_chunk.
func (v *BenchServe) streamsText() bool { return !strings.Contains(v.EndpointType, "chat") }

// given are the totals by our names. TPOT and ITL are left out: vLLM's are defined otherwise (its ITL is our
// chunk_gap), and their percentiles cannot be converted.
func (v *BenchServe) given() map[string]float64 {
	given := map[string]float64{}
	for name, x := range map[string]*float64{
		"duration_s": v.Duration, "input_tokens": v.TotalInput, "output_tokens": v.TotalOutput, "requests_ok": v.Completed,
		"requests_failed": v.Failed, "request_throughput": v.RequestTput, "output_throughput": v.OutputTput, "total_token_throughput": v.TotalTput,
	} {
		if x != nil {
			given[name] = *x
		}
	}
	planned := *v.Completed
	if v.Failed != nil {
		planned += *v.Failed
	}
	if v.NumPrompts != nil {
		planned = max(planned, *v.NumPrompts)
	}
	given["requests_planned"] = planned
	if planned > 0 {
		given["success_rate"] = *v.Completed / planned
	}
	return given
}

// milliseconds adds the distributions that stand in the file as numbers.
func (v *BenchServe) milliseconds(doc json.RawMessage, given map[string]float64) error {
	var all map[string]any
	if err := json.Unmarshal(doc, &all); err != nil {
		return err // it is an object, as was seen before
	}
	for statistic, ours := range vllmStatistics {
		for theirs, distribution := range vllmDistributions {
			name := statistic + "_" + theirs + "_ms"
			ms, told := all[name].(float64)
			switch {
			case all[name] == nil:
				continue
			case !told:
				return fmt.Errorf("is no result of `vllm bench serve`: %s is no number", name)
			}
			given[distribution+"_"+ours+"_s"] = ms / 1000
			if theirs == "ttft" && v.streamsText() {
				given["ttft_"+ours+"_s"] = ms / 1000
			}
		}
	}
	return nil
}

// rows makes a row of each place in the arrays, which must be of one length: else the entries of different requests would meet.
func (v *BenchServe) rows(s *Set) error {
	n := len(v.TTFTs)
	for name, have := range map[string]int{"input_lens": len(v.InputLens), "output_lens": len(v.OutputLens), "itls": len(v.ITLs), "errors": len(v.Errors)} {
		if have != n {
			return fmt.Errorf("is damaged: %s has %d entries, ttfts has %d", name, have, n)
		}
	}
	for i := range n {
		r := newRequest(int64(i))
		r.tokens(&r.InputTokens, tokenCount(v.InputLens[i]))
		if why, failed := v.failed(i); failed {
			r.fail("failed", "vllm_bench", why)
		} else {
			r.tokens(&r.OutputTokens, tokenCount(v.OutputLens[i]))
			v.times(&r, i)
		}
		if len(v.QueueTimes) == n && v.QueueTimes[i] != nil && s.Mode == "open" { // of a closed load it is the wait for a place
			r.ScheduledS = new(-*v.QueueTimes[i])
		}
		if len(v.StartTimes) == n && v.StartTimes[i] != nil {
			r.shift(*v.StartTimes[i])
		}
		if len(v.Texts) == n && v.Texts[i] != nil {
			r.Text = *v.Texts[i]
		}
		s.Requests = append(s.Requests, r)
	}
	v.hold(s)
	return nil
}

// hold compares the file's totals with its records. Its total of input tokens is over the requests that ended well.
func (v *BenchServe) hold(s *Set) {
	t := s.sums()
	totals := []total{{"completed", "requests_ok", v.Completed, t.ok, 0}, {"failed", "requests_failed", v.Failed, t.failed, 0},
		{"total_output_tokens", "output_tokens", v.TotalOutput, t.output, 0.01}}
	if t.failed == 0 {
		totals = append(totals, total{"total_input_tokens", "input_tokens", v.TotalInput, t.input, 0.01})
	}
	span := *v.Duration
	if t.span > span*1.05 { // it may be shorter: vLLM's begins and ends with the program
		totals = append(totals, total{"duration", "duration_s", v.Duration, t.span, 0.05})
		span = t.span
	}
	if span > 0 {
		totals = append(totals, total{"output_throughput", "output_throughput", v.OutputTput, t.output / span, 0.02},
			total{"request_throughput", "request_throughput", v.RequestTput, t.ok / span, 0.02})
	}
	s.hold(totals...)
	if t.ok != *v.Completed {
		delete(s.Given, "success_rate")
	}
}

// failed tells a failed request. vLLM writes the reason phrase of the HTTP status as its error, which may be empty: then
// nothing was generated, and no first token came.
func (v *BenchServe) failed(i int) (why string, failed bool) {
	if v.Errors[i] != nil && *v.Errors[i] != "" {
		return lastLine(*v.Errors[i]), true
	}
	none := func(x *float64) bool { return x == nil || *x == 0 }
	return "no token came, and no reason was kept", none(v.OutputLens[i]) && none(v.TTFTs[i]) && len(v.ITLs[i]) == 0
}

// times stamps one request from its own send on; the last token is the first plus all gaps.
func (v *BenchServe) times(r *Request, i int) {
	first := v.TTFTs[i]
	if first != nil && *first < 0 {
		r.TTFTFirstChunkS = new(*first) // it cannot be: counted, and null
	}
	if first == nil || *first <= 0 { // an answer at once is one whose first token nobody saw
		return
	}
	last, gaps := *first, make([]float64, 0, len(v.ITLs[i]))
	for _, gap := range v.ITLs[i] {
		if gap != nil {
			last += *gap
			gaps = append(gaps, *gap)
		}
	}
	if len(v.Latencies) == len(v.TTFTs) && v.Latencies[i] != nil {
		last = *v.Latencies[i]
	}
	r.Chunks, r.ChunkGapsS = int32(min(len(gaps)+1, math.MaxInt32)), gaps
	r.SentS, r.FirstChunkS, r.LastTokenS = new(0.0), new(*first), new(last)
	if v.streamsText() {
		r.FirstTokenS = new(*first)
	}
	if len(v.StartTimes) == len(v.TTFTs) { // else each counts from its own send
		r.DoneS = new(last)
	}
}

// shift moves a request's stamps to when it was sent.
func (r *Request) shift(by float64) {
	if r.SentS == nil {
		r.SentS = new(0.0)
	}
	for _, t := range r.stamps() {
		if *t != nil {
			**t += by
		}
	}
}

// lastLine is what a Python traceback comes to.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
