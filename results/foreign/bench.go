package foreign

import (
	"cmp"
	"path/filepath"
	"strings"
	"time"

	"matrix/results/exchange"
	"matrix/results/record"
	"matrix/results/table"
)

// writeBench writes an attempt as `vllm bench serve --save-result --save-detailed` would have.
// The measured phase alone: warm-up is no result.
func writeBench(dir string, r *run) ([]string, error) {
	count := func(n int64) *float64 { return new(float64(n)) }
	v := exchange.BenchServe{Date: r.measured().Local().Format("20060102-150405"), EndpointType: "openai", Backend: r.Run.Engine.Name, Label: strings.Join(append(r.keywords(), r.Manifest.Name), ", "),
		ModelID: r.Manifest.Model, TokenizerID: r.Run.Engine.Tokenizer, NumPrompts: count(r.count("requests_planned")), RequestRate: "inf", MaxConcurrency: r.number("concurrency"), Duration: r.number("duration_s"),
		Completed: count(r.count("requests_ok")), Failed: count(r.failed()), TotalInput: r.number("input_tokens"), TotalOutput: r.number("output_tokens"), RequestTput: r.number("request_throughput"),
		Goodput: r.number("goodput"), OutputTput: r.number("output_throughput"), TotalTput: r.number("total_token_throughput")}
	columns := []string{"phase", "status", "error", "error_class", "sent_s", "first_chunk_s", "first_token_s", "last_token_s", "input_tokens", "output_tokens", "chunk_gaps_s"}
	err := table.ReadRequestColumns(r.Dir, columns, func(row record.RequestRow) error {
		if row.Phase == "measure" {
			addRequest(&v, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return save(filepath.Join(dir, r.file()+".json"), v)
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

// addRequest adds one: what failed has no times, and an error.
// Every list has one entry a request: readers take them together by their index.
func addRequest(v *exchange.BenchServe, r record.RequestRow) {
	var first float64
	gaps, failure := []*float64{}, ""
	// That tool counts the first event of a stream, which of a chat has no text yet.
	from := cmp.Or(r.FirstChunkS, r.FirstTokenS)
	switch {
	case r.Status != "ok":
		failure = cmp.Or(r.Error, strings.TrimSpace(r.Status+" "+r.ErrorClass))
	case r.SentS != nil && from != nil:
		first = *from - *r.SentS
		for _, gap := range r.ChunkGapsS {
			gaps = append(gaps, &gap)
		}
		if len(gaps) == 0 && r.LastTokenS != nil && *r.LastTokenS > *from {
			gaps = append(gaps, new(*r.LastTokenS-*from))
		}
	}
	v.InputLens, v.OutputLens, v.TTFTs = append(v.InputLens, told(r.InputTokens)), append(v.OutputLens, told(r.OutputTokens)), append(v.TTFTs, &first)
	v.ITLs, v.StartTimes, v.Errors = append(v.ITLs, gaps), append(v.StartTimes, cmp.Or(r.SentS, new(0.0))), append(v.Errors, &failure)
}

// told is 0 for nobody knows: the file has no other word for it.
func told(n *int64) *float64 {
	if n == nil {
		return new(0.0)
	}
	return new(float64(*n))
}
