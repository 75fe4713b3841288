package foreign

import (
	"strings"
	"time"

	"matrix/results/record"
	"matrix/results/table"
)

// benchServe is what `vllm bench serve --save-result --save-detailed` writes, of what we know.
// Names and units are vLLM's (vllm/benchmarks/serve.py): seconds, and null for what has no figure.
type benchServe struct {
	Date           string      `json:"date"` // of the measured phase's end, in the local time of the machine that writes it: no zone stands in it
	EndpointType   string      `json:"endpoint_type"`
	Backend        string      `json:"backend"`
	Label          string      `json:"label"`
	ModelID        string      `json:"model_id"`
	TokenizerID    string      `json:"tokenizer_id"`
	NumPrompts     int64       `json:"num_prompts"`
	RequestRate    any         `json:"request_rate"`    // "inf": all at once, or as concurrency allows
	MaxConcurrency *float64    `json:"max_concurrency"` // nil = no bound
	Duration       *float64    `json:"duration"`
	Completed      int64       `json:"completed"`
	Failed         int64       `json:"failed"`
	TotalInput     *float64    `json:"total_input_tokens"`
	TotalOutput    *float64    `json:"total_output_tokens"`
	RequestTput    *float64    `json:"request_throughput"`
	Goodput        *float64    `json:"request_goodput"` // requests/s within the slo; nil = no slo was declared
	OutputTput     *float64    `json:"output_throughput"`
	TotalTput      *float64    `json:"total_token_throughput"`
	InputLens      []int64     `json:"input_lens,omitempty"`
	OutputLens     []int64     `json:"output_lens,omitempty"`
	TTFTs          []float64   `json:"ttfts,omitempty"`       // s, of each request; 0 = failed
	ITLs           [][]float64 `json:"itls,omitempty"`        // s between chunks, of each request
	StartTimes     []float64   `json:"start_times,omitempty"` // s since the measured phase began
	Errors         []string    `json:"errors,omitempty"`      // "" = answered
}

// writeBench writes an attempt as `vllm bench serve` would have.
// The measured phase alone: warm-up is no result.
func writeBench(dir string, r *run) ([]string, error) {
	v := benchServe{Date: r.measured().Local().Format("20060102-150405"), EndpointType: "openai", Backend: r.text("engine_name"), Label: strings.Join(append(r.keywords(), r.text("name")), ", "),
		ModelID: r.text("model"), TokenizerID: r.text("tokenizer"), NumPrompts: r.count("requests_planned"), RequestRate: "inf", MaxConcurrency: r.number("concurrency"), Duration: r.number("duration_s"),
		Completed: r.count("requests_ok"), Failed: r.failed(), TotalInput: r.number("input_tokens"), TotalOutput: r.number("output_tokens"), RequestTput: r.number("request_throughput"),
		Goodput: r.number("goodput"), OutputTput: r.number("output_throughput"), TotalTput: r.number("total_token_throughput")}
	columns := []string{"phase", "status", "error", "error_class", "sent_s", "first_chunk_s", "first_token_s", "last_token_s", "input_tokens", "output_tokens", "chunk_gaps_s"}
	err := table.ReadRequestColumns(r.Dir, columns, func(row record.RequestRow) error {
		if row.Phase == "measure" {
			v.add(row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return save(within(dir, r.file()+".json"), v)
}

// measured is when the measured phase ended: readers take the duration off it for its beginning. The commit comes later, after the
// engine was stopped; it stands in where the beginning or the duration is not known.
func (r *run) measured() time.Time {
	began, length := r.at("began_unix_s"), r.number("duration_s")
	if began.IsZero() || length == nil {
		return r.at("ended_unix_s")
	}
	return began.Add(time.Duration(*length * float64(time.Second)))
}

// add is one request: what failed has no times, and an error.
// Every list has one entry a request: readers take them together by their index.
func (v *benchServe) add(r record.RequestRow) {
	var first, sent float64
	gaps, failure := []float64{}, ""
	if r.SentS != nil {
		sent = *r.SentS
	}
	// That tool counts the first event of a stream, which of a chat has no text yet.
	from := r.FirstChunkS
	if from == nil {
		from = r.FirstTokenS
	}
	switch {
	case r.Status != "ok":
		if failure = r.Error; failure == "" {
			failure = strings.TrimSpace(r.Status + " " + r.ErrorClass)
		}
	case r.SentS != nil && from != nil:
		first = *from - *r.SentS
		if gaps = append(gaps, r.ChunkGapsS...); len(gaps) == 0 && r.LastTokenS != nil && *r.LastTokenS > *from {
			gaps = append(gaps, *r.LastTokenS-*from)
		}
	}
	v.InputLens, v.OutputLens, v.TTFTs = append(v.InputLens, told(r.InputTokens)), append(v.OutputLens, told(r.OutputTokens)), append(v.TTFTs, first)
	v.ITLs, v.StartTimes, v.Errors = append(v.ITLs, gaps), append(v.StartTimes, sent), append(v.Errors, failure)
}

// told is 0 for nobody knows: the file has no other word for it.
func told(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
