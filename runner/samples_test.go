package runner

import (
	"testing"

	"matrix/results"
)

func TestEngineMetricsOfSegments(t *testing.T) {
	before, after := map[string]float64{"vllm:generation_tokens_total": 5}, map[string]float64{"vllm:generation_tokens_total": 12}
	l := &launch{}
	l.addMetrics(before, after)
	l.addMetrics(nil, after)
	l.addMetrics(before, after)
	if got := l.row.EngineMetrics["vllm:generation_tokens_total"]; got != 14 {
		t.Errorf("two segments of 7 tokens add up to %v", got)
	}
	l = &launch{row: results.Run{Segments: []results.Segment{{Segment: 1, Reason: segmentKilled}}}}
	l.addMetrics(before, after)
	if l.row.EngineMetrics != nil {
		t.Errorf("a sum without the killed segment: %v", l.row.EngineMetrics)
	}
}
