package crashtest

import (
	"strings"

	"matrix/results/record"
)

// segmentsTold: what run.parquet says of an attempt in four segments.
func (r tree) segmentsTold(row *record.RunRow, warmups map[int32]int) {
	r.t.Helper()
	segments := row.Run.Segments
	if row.Manifest.Segments != 4 || len(segments) != 4 {
		r.t.Errorf("segments = %d, %+v", row.Manifest.Segments, segments)
	}
	for _, s := range segments {
		if s.LoadS == nil || *s.LoadS <= 0 {
			r.t.Errorf("segment %d has no load of its own: %+v", s.Segment, segments)
		}
		if warmups[s.Segment] < 1 {
			r.t.Errorf("segment %d was not warmed up: %v", s.Segment, warmups)
		}
	}
	if warnings := row.Warnings(); !strings.Contains(strings.Join(warnings, "\n"), "measured in 4 segments") {
		r.t.Errorf("warnings = %q", warnings)
	}
	if why := row.Summary.Why["steady_request_throughput"]; !strings.Contains(why, "more than one segment") {
		r.t.Errorf("null_reasons = %v", row.Summary.Why)
	}
}
