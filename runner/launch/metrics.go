package launch

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"matrix/backends"
	"matrix/results/record"
	"matrix/runner/plan"
	"matrix/runner/telemetry"
)

// scrapeWithin bounds one look at an engine's metrics.
const scrapeWithin = 3 * time.Second

// counter tells by Prometheus's naming whether a metric only grows: of a gauge the difference over a phase says nothing,
// its course stands in the samples.
func counter(name string) bool {
	return strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count")
}

// scrape reads the engine's metrics; nil where it has none or does not answer.
func (e *engine) scrape(ctx context.Context) map[string]float64 {
	url := e.running.Info().MetricsURL
	if url == "" || !e.j.cell.Telemetry.Metrics || backends.Ended(e.running) {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, scrapeWithin)
	defer cancel()
	values, err := telemetry.Scrape(bounded, url)
	if err != nil {
		e.j.warn("the engine's metrics could not be read: " + plan.OneLine(err))
		return nil
	}
	return values
}

// addMetrics keeps what the measured phase added to the engine's counters; over segments it adds up. A sum that lacks
// a killed segment would look like the whole, so there is none.
func (j *journal) addMetrics(before, after map[string]float64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	lost := slices.ContainsFunc(j.row.Segments, func(s record.Segment) bool { return s.Reason == segmentKilled })
	if before == nil || after == nil || lost {
		return
	}
	sum := maps.Clone(j.row.EngineMetrics)
	if sum == nil {
		sum = map[string]float64{}
	}
	for name, v := range after {
		if counter(name) {
			sum[name] += v - before[name]
		}
	}
	j.row.EngineMetrics = sum
}
