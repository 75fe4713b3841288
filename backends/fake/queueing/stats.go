package queueing

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// stats is what the queue counts; /metrics tells it under vLLM's names.
type stats struct {
	waiting                      int64     // now
	promptTokens, outputTokens   int64     // of prefills and of sequences that have ended
	stopped, capped, aborted     int64     // sequences that ended by themselves, at max_tokens, by their client
	ttft, e2e, waited, filled, d histogram // d: decoding
}

// bounds are the upper bounds of every histogram's buckets, in seconds.
var bounds = []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600}

// histogram is one of Prometheus, in seconds.
type histogram struct {
	sum    float64 // s
	count  int64
	bucket [9]int64 // one per bound, not cumulated
}

// observe leaves what is beyond the last bound to count alone: +Inf's bucket is that.
func (h *histogram) observe(d time.Duration) {
	s := d.Seconds()
	h.sum += s
	h.count++
	for i, b := range bounds {
		if s <= b {
			h.bucket[i]++
			return
		}
	}
}

// first counts a sequence whose prefill has ended.
func (c *stats) first(s *sequence) {
	c.promptTokens += s.prompt
	c.ttft.observe(s.first - s.arrived)
	c.waited.observe(s.admitted - s.arrived)
	c.filled.observe(s.first - s.admitted)
}

// finished counts a sequence that has all its tokens.
func (c *stats) finished(s *sequence) {
	c.outputTokens += s.output
	if s.reason == "length" {
		c.capped++
	} else {
		c.stopped++
	}
	c.e2e.observe(s.last - s.arrived)
	c.d.observe(s.last - s.first)
}

// snapshot is one reading of a queue for /metrics.
type snapshot struct {
	stats
	running int
	kvUsed  float64 // share, 0–1
	kvSize  int64   // tokens; 0 = no limit
}

// snapshot is a copy; the queue must stand at the present.
func (q *queue) snapshot() snapshot {
	s := snapshot{stats: q.stats, running: q.running(), kvSize: q.capacity}
	if q.capacity > 0 {
		s.kvUsed = float64(q.kv) / float64(q.capacity)
	}
	return s
}

// write prints Prometheus text.
func (s snapshot) write(w io.Writer, model string) {
	label := `{engine="0",model_name=` + strconv.Quote(model) + `}`
	one := func(kind, name string, value float64) {
		fmt.Fprintf(w, "# TYPE vllm:%s %s\nvllm:%s%s %v\n", name, kind, name, label, value)
	}
	one("gauge", "num_requests_running", float64(s.running))
	one("gauge", "num_requests_waiting", float64(s.waiting))
	one("gauge", "kv_cache_usage_perc", s.kvUsed)
	one("counter", "prompt_tokens_total", float64(s.promptTokens))
	one("counter", "generation_tokens_total", float64(s.outputTokens))
	one("counter", "num_preemptions_total", 0)
	fmt.Fprintf(w, "# TYPE vllm:request_success_total counter\n")
	for _, r := range []struct {
		reason string
		n      int64
	}{{"stop", s.stopped}, {"length", s.capped}, {"abort", s.aborted}} {
		fmt.Fprintf(w, "vllm:request_success_total{engine=\"0\",finished_reason=%q,model_name=%q} %d\n", r.reason, model, r.n)
	}
	fmt.Fprintf(w, "# TYPE vllm:cache_config_info gauge\nvllm:cache_config_info{engine=\"0\",kv_cache_size_tokens=\"%d\"} 1\n", s.kvSize)
	s.ttft.write(w, "time_to_first_token_seconds", model)
	s.e2e.write(w, "e2e_request_latency_seconds", model)
	s.waited.write(w, "request_queue_time_seconds", model)
	s.filled.write(w, "request_prefill_time_seconds", model)
	s.d.write(w, "request_decode_time_seconds", model)
}

// write prints the buckets cumulated, as the format has them.
func (h histogram) write(w io.Writer, name, model string) {
	fmt.Fprintf(w, "# TYPE vllm:%s histogram\n", name)
	sum := int64(0)
	for i, b := range bounds {
		sum += h.bucket[i]
		fmt.Fprintf(w, "vllm:%s_bucket{engine=\"0\",le=\"%v\",model_name=%q} %d\n", name, b, model, sum)
	}
	fmt.Fprintf(w, "vllm:%s_bucket{engine=\"0\",le=\"+Inf\",model_name=%q} %d\n", name, model, h.count)
	fmt.Fprintf(w, "vllm:%s_sum{engine=\"0\",model_name=%q} %v\n", name, model, h.sum)
	fmt.Fprintf(w, "vllm:%s_count{engine=\"0\",model_name=%q} %d\n", name, model, h.count)
}
