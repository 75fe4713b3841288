package results

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/results/record"
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
		row.Valid, row.ReasoningTokens, row.FirstAnswerS = ptr(true), ptr(int64(3)), row.LastTokenS
		switch {
		case seq == 9:
			row = failedRow(seq, record.StatusNotSent)
			row.Valid, row.InvalidReason = ptr(false), record.StatusNotSent
		case seq == 8:
			row = failedRow(seq, "timed_out")
			row.Valid, row.InvalidReason = ptr(false), "timed_out"
		case seq%3 == 0:
			row.Valid, row.InvalidReason = ptr(false), "schema:/score"
		}
		mustAppend(t, a, row, "")
	}
	summary, err := a.Commit(Complete, "done", "", Run{Planned: 10, Mode: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	dir := onlyPast(t, s).Dir
	d := *summary.Metrics[record.MetricDuration]
	check(t, summary, map[string]float64{record.MetricValid: 5, record.MetricValidShare: 0.5, record.MetricValidPerHour: 3600 * 5 / d, record.MetricReasoningTokens: 24, "ttfo_p50_s": *summary.Metrics["e2e_p50_s"]})
	if diff := cmp.Diff(map[string]float64{"schema:/score": 3, "timed_out": 1}, summary.Invalid); diff != "" {
		t.Error(diff)
	}
	rows := readAll(t, dir, ReadRequests)
	if rows[1].InvalidReason != "schema:/score" || rows[2].Valid == nil || !*rows[2].Valid || rows[0].Valid != nil {
		t.Errorf("%+v", rows[:3])
	}
}

// TestOlderFiles: what was written before the columns of validity is read with nulls there.
func TestOlderFiles(t *testing.T) {
	now := requestColumns
	t.Cleanup(func() { requestColumns = now })
	requestColumns = nil
	for _, c := range now {
		if !added[c.name] {
			requestColumns = append(requestColumns, c)
		}
	}
	s := testStore(t)
	a := begin(t, s, 2)
	for seq := range int64(2) {
		mustAppend(t, a, okRow(seq), "")
	}
	if _, err := a.Commit(Complete, "done", "", Run{Planned: 2, Mode: "closed"}); err != nil {
		t.Fatal(err)
	}
	requestColumns = now
	dir := onlyPast(t, s).Dir
	rows := readAll(t, dir, ReadRequests)
	if len(rows) != 2 || rows[1].Valid != nil || rows[1].InvalidReason != "" || rows[1].OutputTokens == nil {
		t.Errorf("%+v", rows)
	}
	summary, err := Summarize(dir, Run{Planned: 2, Mode: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	check(t, summary, map[string]float64{record.MetricValid: math.NaN(), record.MetricValidShare: math.NaN(), "ttfo_p50_s": math.NaN(), record.MetricSuccessRate: 1})
}

// TestReasonsAreBounded: a schema has as many places as an answer can get wrong.
func TestReasonsAreBounded(t *testing.T) {
	var j judged
	for range 3 * mostReasons {
		j.add(false, nil, 0)
	}
	if len(j.reasons) != 1 || j.invalid != 3*mostReasons {
		t.Errorf("%d reasons of %d", len(j.reasons), j.invalid)
	}
}
