package foreign

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"matrix/results/exchange"
	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/table"
)

// writeBench writes an attempt as `vllm bench serve --save-result --save-detailed` would have.
// The measured phase alone: warm-up is no result.
func writeBench(dir string, r *run) ([]string, error) {
	count := func(n int64) *float64 { return new(float64(n)) }
	v := bench{exchange.BenchServe{Date: r.measured().Local().Format("20060102-150405"), EndpointType: "openai", Backend: r.Run.Engine.Name, Label: strings.Join(append(r.keywords(), r.Manifest.Name), exchange.LabelSeparator),
		ModelID: r.Manifest.Model, TokenizerID: r.Run.Engine.Tokenizer, NumPrompts: count(r.count("requests_planned")), RequestRate: "inf", MaxConcurrency: r.number("concurrency"), Duration: r.number("duration_s"),
		Completed: count(r.count("requests_ok")), Failed: count(r.failed()), TotalInput: r.number("input_tokens"), TotalOutput: r.number("output_tokens"), RequestTput: r.number("request_throughput"),
		Goodput: r.number("goodput"), OutputTput: r.number("output_throughput"), TotalTput: r.number("total_token_throughput")}, map[string][]float64{}}
	if r.Run.Mode == record.ModeOpen {
		v.RequestRate = exchange.Rate(&r.Manifest) // null for a trace, which has none
	}
	columns := []string{"phase", "status", "error", "error_class", "sent_s", "first_chunk_s", "first_token_s", "last_token_s", "client_queue_s", "input_tokens", "output_tokens", "chunk_gaps_s"}
	err := table.ReadRequestColumns(r.Dir, columns, func(row record.RequestRow) error {
		if row.Phase == "measure" {
			v.add(row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	doc, err := v.document()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, r.file()+".json") // on one line, as vLLM writes it: indented, each figure of its lists had a line
	return []string{path}, os.WriteFile(path, append(doc, '\n'), 0o644)
}

// bench is a result as it grows.
type bench struct {
	exchange.BenchServe
	ended map[string][]float64 // ttft, tpot, itl and e2el of the requests that ended well, s
}

// document is the file: what matrix reads of it, and the statistics of its lists in milliseconds as that benchmark counts them,
// by which vLLM's own tools plot.
func (v *bench) document() (json.RawMessage, error) {
	statistics := map[string]float64{}
	for name, seconds := range v.ended {
		slices.Sort(seconds)
		mean, spread := stat.PopMeanStdDev(seconds, nil)
		for statistic, s := range map[string]float64{"mean": mean, "std": spread, "median": metrics.Quantile(seconds, 0.5), "p99": metrics.Quantile(seconds, 0.99)} {
			statistics[statistic+"_"+name+"_ms"] = s * 1000
		}
	}
	lists, err := json.Marshal(v.BenchServe)
	if err != nil || len(statistics) == 0 {
		return lists, err
	}
	figures, err := json.Marshal(statistics)
	return append(append(lists[:len(lists)-1], ','), figures[1:]...), err // two objects in one
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

// add adds a request: what failed has no times, and an error.
// Every list has one entry a request: readers take them together by their index. Without kept chunks nobody knows the gaps.
func (v *bench) add(r record.RequestRow) {
	var first, whole float64
	gaps, failure := []*float64{}, ""
	// That tool counts the first event of a stream, which of a chat has no text yet.
	from := cmp.Or(r.FirstChunkS, r.FirstTokenS)
	switch {
	case r.Status != "ok":
		failure = cmp.Or(r.Error, strings.TrimSpace(r.Status+" "+r.ErrorClass))
	case r.SentS != nil && from != nil:
		first = *from - *r.SentS
		whole = max(first, *cmp.Or(r.LastTokenS, from)-*r.SentS)
		for _, gap := range r.ChunkGapsS {
			gaps = append(gaps, &gap)
		}
		v.ended["ttft"], v.ended["e2el"] = append(v.ended["ttft"], first), append(v.ended["e2el"], whole)
		if n := r.OutputTokens; n != nil && *n > 1 {
			v.ended["tpot"] = append(v.ended["tpot"], (whole-first)/float64(*n-1))
		}
		if len(r.ChunkGapsS) > 0 {
			v.ended["itl"] = append(v.ended["itl"], r.ChunkGapsS...)
		}
	}
	v.InputLens, v.OutputLens, v.TTFTs = append(v.InputLens, told(r.InputTokens)), append(v.OutputLens, told(r.OutputTokens)), append(v.TTFTs, &first)
	v.ITLs, v.Latencies, v.StartTimes = append(v.ITLs, gaps), append(v.Latencies, &whole), append(v.StartTimes, cmp.Or(r.SentS, new(0.0)))
	v.QueueTimes, v.Errors = append(v.QueueTimes, cmp.Or(r.ClientQueueS, new(0.0))), append(v.Errors, &failure)
}

// told is 0 for nobody knows: the file has no other word for it.
func told(n *int64) *float64 {
	if n == nil {
		return new(0.0)
	}
	return new(float64(*n))
}
