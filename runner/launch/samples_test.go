package launch

import (
	"math"
	"testing"
	"time"

	"matrix/results/record"
	"matrix/runner/telemetry"
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

// Telemetry of the load is to be had while it waits for the zero of all times, the last seconds of it, and only what JSON can say.
func TestEarlySamples(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	s := &samples{}
	for i := range 5 {
		s.take([]telemetry.Sample{{At: at.Add(time.Duration(i) * time.Second), Metric: "m", Value: float64(i)}, {At: at.Add(time.Duration(i) * time.Second), Metric: "n", Value: math.NaN()}})
	}
	got := s.early(at.Add(3 * time.Second))
	if len(got) != 2 || got[0].Value != 3 || got[1].Value != 4 {
		t.Errorf("%+v", got)
	}
}
