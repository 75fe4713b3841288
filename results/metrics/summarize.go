// Package metrics owns the formulas: what follows from the rows and samples of an attempt. docs/columns.md names each; the
// names themselves are record's.
package metrics

import (
	"path/filepath"
	"strings"

	"matrix/results/record"
	"matrix/results/table"
)

// Summarize computes the metrics of an attempt from requests.parquet and samples.parquet in its folder, which must be as
// they were written (table.Intact). It reads what is on disk, column by column: memory is 8 bytes a request, and anyone can redo it.
func Summarize(dir string, run record.Run) (record.Summary, error) {
	s := newSummary()
	t, err := tallyRequests(filepath.Join(dir, table.FileOf(record.TableRequests)))
	if err != nil {
		return record.Summary{}, err
	}
	planned := run.Planned
	if planned == 0 {
		planned = t.measured
	}
	s.Statuses, s.Finish = t.statuses, finishReasons(t.ends)
	s.counts(t, planned, run.Imported)
	s.rates(t, run)
	s.validity(t, planned)
	steps := []func() error{
		func() error { return s.latencies(t, run) },
		func() error { return s.weightedITL(t) },
		func() error { return s.chunkGaps(t) },
		func() error { return s.steady(t, run) },
		func() error { return s.goodput(t, run) },
		func() error { return s.usage(filepath.Join(dir, table.FileOf(record.TableSamples)), t, run) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return record.Summary{}, err
		}
	}
	if run.Imported {
		s.Null(record.MetricWithoutText, "imported: the answers' text may not have been kept")
	}
	s.take(run, t.measured < planned)
	return s.Summary, nil
}

// take fills in what another tool said of a run: where the rows tell nothing, for totals, which the tool saw whole, and
// everywhere when rows are missing, since a total over the rows that were kept would be too small. What is untold is null.
func (s *summarizer) take(run record.Run, partial bool) {
	if !run.Imported {
		return
	}
	for _, m := range record.Metrics() {
		given, told := run.Given[m.Name]
		switch {
		case told && (partial || s.Metrics[m.Name] == nil || totals[m.Name]):
			s.Metrics[m.Name] = &given
			delete(s.Why, m.Name)
		case partial && strings.HasPrefix(m.Name, record.RequestsEnded("")), partial && !told && totals[m.Name]:
			s.Metrics[m.Name] = nil
		}
		if why := run.Untold[m.Name]; why != "" && !told {
			s.Null(m.Name, why)
		}
	}
}

// totals are the metrics that need every row. A distribution does not: a sample of the requests tells it, too.
var totals = map[string]bool{record.MetricRequestThroughput: true, record.MetricOutputThroughput: true, record.MetricTotalTokenThroughput: true, record.MetricSuccessRate: true, record.MetricSuccessLow: true, record.MetricInputTokens: true, record.MetricOutputTokens: true,
	record.MetricCachedTokens: true, record.MetricGoodput: true, record.MetricDuration: true, record.MetricBatch: true, record.MetricSteadyRequests: true, record.MetricSteadyOutput: true, record.MetricSteadySpan: true}
