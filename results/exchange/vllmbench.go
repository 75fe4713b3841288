package exchange

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"matrix/results"
)

// vllmBench is the result file of `vllm bench serve` (0.9 to 0.32; fields of vllm/benchmarks/serve.py). Without
// --save-detailed the arrays are absent and only totals remain. Times are in seconds where not named _ms.
type vllmBench struct {
	Date           string      `json:"date"`
	EndpointType   string      `json:"endpoint_type"`
	ModelID        string      `json:"model_id"`
	NumPrompts     int         `json:"num_prompts"`
	RequestRate    any         `json:"request_rate"`
	MaxConcurrency *int64      `json:"max_concurrency"`
	Duration       *float64    `json:"duration"`
	Completed      *float64    `json:"completed"`
	Failed         *float64    `json:"failed"`
	TotalInput     *float64    `json:"total_input_tokens"`
	TotalOutput    *float64    `json:"total_output_tokens"`
	RequestTput    *float64    `json:"request_throughput"`
	OutputTput     *float64    `json:"output_throughput"`
	TotalTput      *float64    `json:"total_token_throughput"`
	InputLens      []int64     `json:"input_lens"`
	OutputLens     []int64     `json:"output_lens"`
	TTFTs          []float64   `json:"ttfts"`
	ITLs           [][]float64 `json:"itls"`
	Latencies      []float64   `json:"latencies"`
	StartTimes     []float64   `json:"start_times"`
	Texts          []string    `json:"generated_texts"`
	Errors         []string    `json:"errors"`
	rest           map[string]any
}

func readVLLMBench(in io.Reader) ([]*Set, error) {
	doc, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	var v vllmBench
	if err := json.Unmarshal(doc, &v); err != nil {
		return nil, fmt.Errorf("is no result of `vllm bench serve`: %w", err)
	}
	if v.Duration == nil || v.Completed == nil {
		return nil, fmt.Errorf("is no result of `vllm bench serve`: it has no duration or no completed")
	}
	_ = json.Unmarshal(doc, &v.rest) // it is an object, as was seen above
	s := &Set{Labels: Labels{Model: labelOf(v.ModelID), BatchSize: v.NumPrompts}, Given: v.given(),
		Engine: results.Engine{Name: "vllm"}}
	v.load(s)
	if began, err := time.ParseInLocation("20060102-150405", v.Date, time.Local); err == nil {
		s.Began = began.Add(-time.Duration(*v.Duration * float64(time.Second))) // the date is that of the writing
	}
	if len(v.TTFTs) == 0 {
		v.milliseconds(s.Given)
		s.Warnings = append(s.Warnings, "vllm bench wrote totals only (no --save-detailed): no row per request, no distribution beyond those it printed")
		return []*Set{s}, nil
	}
	return []*Set{s}, v.rows(s)
}

// load tells the shape: a rate makes it open, a bound closed, neither a batch.
func (v *vllmBench) load(s *Set) {
	rate, _ := v.RequestRate.(float64) // "inf" is text
	switch {
	case rate > 0 && !math.IsInf(rate, 0):
		s.Mode = "open"
	case v.MaxConcurrency != nil:
		s.Mode, s.Concurrency = "closed", *v.MaxConcurrency
	default:
		s.Mode = "batch"
	}
}

// streamsText reports whether the first event of a stream has text. A chat's first event names the role only, and
// `vllm bench` counts it: its TTFT is then our ttft_first_chunk.
func (v *vllmBench) streamsText() bool { return !strings.Contains(v.EndpointType, "chat") }

// given are the totals by our names. TPOT and ITL are left out: vLLM's are defined otherwise (its ITL is our
// chunk_gap), and their percentiles cannot be converted.
func (v *vllmBench) given() map[string]float64 {
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
	planned = max(planned, float64(v.NumPrompts))
	given["requests_planned"] = planned
	if planned > 0 {
		given["success_rate"] = *v.Completed / planned
	}
	return given
}

// milliseconds adds the distributions that stand in the file as numbers.
func (v *vllmBench) milliseconds(given map[string]float64) {
	names := map[string]string{"mean_%s_ms": "_mean_s", "median_%s_ms": "_p50_s", "p90_%s_ms": "_p90_s", "p95_%s_ms": "_p95_s", "p99_%s_ms": "_p99_s"}
	for theirs, ours := range map[string]string{"ttft": "ttft_first_chunk", "e2el": "e2e", "itl": "chunk_gap"} {
		for pattern, suffix := range names {
			if ms, ok := v.rest[fmt.Sprintf(pattern, theirs)].(float64); ok {
				given[ours+suffix] = ms / 1000
				if theirs == "ttft" && v.streamsText() {
					given["ttft"+suffix] = ms / 1000
				}
			}
		}
	}
}

func (v *vllmBench) rows(s *Set) error {
	n := len(v.TTFTs)
	for name, have := range map[string]int{"input_lens": len(v.InputLens), "output_lens": len(v.OutputLens), "itls": len(v.ITLs), "errors": len(v.Errors)} {
		if have != n {
			return fmt.Errorf("is damaged: %s has %d entries, ttfts has %d", name, have, n)
		}
	}
	for i := range n {
		r := newRequest(int64(i))
		r.tokens(&r.InputTokens, &v.InputLens[i])
		if v.Errors[i] != "" {
			r.fail("failed", "vllm_bench", lastLine(v.Errors[i]))
		} else {
			r.tokens(&r.OutputTokens, &v.OutputLens[i])
			v.times(&r, i)
		}
		if len(v.StartTimes) == n {
			r.shift(v.StartTimes[i])
		}
		if len(v.Texts) == n {
			r.Text = v.Texts[i]
		}
		s.Requests = append(s.Requests, r)
	}
	return nil
}

// times stamps one request from its own send on; the last token is the first plus all gaps.
func (v *vllmBench) times(r *Request, i int) {
	last := v.TTFTs[i]
	for _, gap := range v.ITLs[i] {
		last += gap
	}
	if len(v.Latencies) == len(v.TTFTs) {
		last = v.Latencies[i]
	}
	r.Chunks, r.ChunkGapsS = int32(len(v.ITLs[i])+1), v.ITLs[i]
	r.SentS, r.FirstChunkS, r.LastTokenS = ptr(0.0), ptr(v.TTFTs[i]), ptr(last)
	if v.streamsText() {
		r.FirstTokenS = ptr(v.TTFTs[i])
	}
}

// shift moves a request's stamps to when it was sent.
func (r *Request) shift(by float64) {
	if r.SentS == nil {
		r.SentS = ptr(0.0)
	}
	for _, t := range []*float64{r.SentS, r.FirstChunkS, r.FirstTokenS, r.LastTokenS, r.DoneS} {
		if t != nil {
			*t += by
		}
	}
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
