package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/results/record"
	"matrix/results/table"
)

// TestValidity counts what can be used over all measured requests that ended, and tells why the rest cannot.
func TestValidity(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 10)
	warm := okRow(0)
	warm.Phase = "warmup"
	mustAppend(t, a, warm, "")
	for seq := range int64(10) {
		row := okRow(seq)
		row.Valid, row.ReasoningTokens, row.FirstAnswerS = new(true), new(int64(3)), row.LastTokenS
		switch {
		case seq == 9:
			row = failedRow(seq, record.StatusNotSent)
			row.Valid, row.InvalidReason = new(false), record.StatusNotSent
		case seq == 8:
			row = failedRow(seq, "timed_out")
			row.Valid, row.InvalidReason = new(false), "timed_out"
		case seq%3 == 0:
			row.Valid, row.InvalidReason = new(false), "schema:/score"
		}
		mustAppend(t, a, row, "")
	}
	summary, err := a.Commit(record.Complete, "done", "", record.Run{Planned: 10, Mode: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	dir := onlyPast(t, s).Dir
	d := *summary.Metrics[record.MetricDuration]
	check(t, summary, map[string]float64{record.MetricValid: 5, record.MetricValidShare: 0.5, record.MetricValidPerHour: 3600 * 5 / d, record.MetricReasoningTokens: 24, "ttfo_p50_s": *summary.Metrics["e2e_p50_s"]})
	if diff := cmp.Diff(map[string]float64{"schema:/score": 3, "timed_out": 1}, summary.Invalid); diff != "" {
		t.Error(diff)
	}
	rows := readAll(t, dir, table.ReadRequests)
	if rows[1].InvalidReason != "schema:/score" || rows[2].Valid == nil || !*rows[2].Valid || rows[0].Valid != nil {
		t.Errorf("%+v", rows[:3])
	}
}
