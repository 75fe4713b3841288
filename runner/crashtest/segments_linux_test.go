package crashtest

import (
	"encoding/json"
	"strings"

	"matrix/results/record"
)

// segmentsTold: what run.parquet says of an attempt in four segments.
func (r tree) segmentsTold(row map[string]any, warmups map[int32]int) {
	r.t.Helper()
	var segments []record.Segment
	text, _ := row["segments_json"].(string)
	if err := json.Unmarshal([]byte(text), &segments); err != nil {
		r.t.Fatalf("segments_json %q: %v", text, err)
	}
	if row["segments"] != int64(4) || len(segments) != 4 {
		r.t.Errorf("segments = %v, %s", row["segments"], text)
	}
	for _, s := range segments {
		if s.LoadS == nil || *s.LoadS <= 0 {
			r.t.Errorf("segment %d has no load of its own: %s", s.Segment, text)
		}
		if warmups[s.Segment] < 1 {
			r.t.Errorf("segment %d was not warmed up: %v", s.Segment, warmups)
		}
	}
	warnings, _ := row["warnings"].([]string)
	if !strings.Contains(strings.Join(warnings, "\n"), "measured in 4 segments") {
		r.t.Errorf("warnings = %q", warnings)
	}
	reasons, _ := row["null_reasons"].(map[string]string)
	if !strings.Contains(reasons["steady_request_throughput"], "more than one segment") {
		r.t.Errorf("null_reasons = %v", reasons)
	}
}
