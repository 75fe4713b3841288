package launch

import (
	"testing"

	"matrix/results/record"
)

func TestEngineMetricsOfSegments(t *testing.T) {
	before, after := map[string]float64{"vllm:generation_tokens_total": 5}, map[string]float64{"vllm:generation_tokens_total": 12}
	j := &journal{}
	j.addMetrics(before, after)
	j.addMetrics(nil, after)
	j.addMetrics(before, after)
	if got := j.row.EngineMetrics["vllm:generation_tokens_total"]; got != 14 {
		t.Errorf("two segments of 7 tokens add up to %v", got)
	}
	j = &journal{row: record.Run{Segments: []record.Segment{{Segment: 1, Reason: segmentKilled}}}}
	j.addMetrics(before, after)
	if j.row.EngineMetrics != nil {
		t.Errorf("a sum without the killed segment: %v", j.row.EngineMetrics)
	}
}

// From the spawn on, the phases of a load add up to it.
func TestPhasesAddUpToTheLoad(t *testing.T) {
	phases := map[string]float64{"drain": 2, "spawn": 0.5, "import": 10, "ready": 3}
	completePhases(phases, 15, 0.25)
	if phases["first_token"] != 0.25 || phases["other"] != 1.25 {
		t.Errorf("first token %v, other %v; want 0.25 and 1.25", phases["first_token"], phases["other"])
	}
	overlapping := map[string]float64{"spawn": 1, "weights": 5}
	completePhases(overlapping, 4, -1)
	if overlapping["first_token"] != 0 || overlapping["other"] != 0 {
		t.Errorf("phases that overlap leave %v", overlapping)
	}
}
