package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"matrix/backends/wire"
)

// Scrape reads a Prometheus endpoint: sum over label sets by metric name (histograms as name_sum, name_count).
func Scrape(ctx context.Context, url string) (map[string]float64, error) {
	families, err := scrape(ctx, url)
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for _, f := range families {
		sum(f, values)
	}
	return values, nil
}

const (
	// scrapeLimit bounds a scrape's body; vLLM's is about 50 KB.
	scrapeLimit = 16 << 20
	// patience bounds one scrape. A server whose loop takes in thousands of prompts answers after 20 s and more, and
	// giving up sooner drops the kept connection: the next would stand behind the whole burst.
	patience = 2 * time.Minute
)

// scrape reads an engine's metrics once.
func scrape(ctx context.Context, url string) (map[string]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := wire.Documents{HTTP: scraper}.Send(ctx, http.MethodGet, url, "", nil)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer resp.Body.Close()
	return parseMetrics(io.LimitReader(resp.Body, scrapeLimit))
}

// scraper keeps its connection: a new one each second would queue behind the burst that is measured, and tell nothing of
// it. It goes sooner than servers drop idle ones (uvicorn: 5 s).
var scraper = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 4 * time.Second}}

// LetGo drops the kept connections: an engine that is stopped must find no idle client.
func LetGo() { scraper.CloseIdleConnections() }

// parseMetrics reads Prometheus text.
func parseMetrics(r io.Reader) (map[string]*dto.MetricFamily, error) {
	// vLLM's names hold colons, which the legacy scheme allows.
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return families, nil
}

// sum adds a family over its label sets. The `_created` times that Python's client writes beside each
// counter are no measurements.
func sum(f *dto.MetricFamily, into map[string]float64) {
	name := f.GetName()
	if strings.HasSuffix(name, "_created") {
		return
	}
	for _, m := range f.GetMetric() {
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			into[name] += m.GetCounter().GetValue()
		case dto.MetricType_GAUGE:
			into[name] += m.GetGauge().GetValue()
		case dto.MetricType_HISTOGRAM:
			into[name+"_sum"] += m.GetHistogram().GetSampleSum()
			into[name+"_count"] += float64(m.GetHistogram().GetSampleCount())
		case dto.MetricType_SUMMARY:
			into[name+"_sum"] += m.GetSummary().GetSampleSum()
			into[name+"_count"] += float64(m.GetSummary().GetSampleCount())
		default:
			into[name] += m.GetUntyped().GetValue()
		}
	}
}

const (
	// gapMetric tells that nothing was read for so many seconds: what a gauge had for its peak then is not known.
	gapMetric = "scrape_gap_s"
	leastGap  = 2 * time.Second
	// tookMetric is how long the reading took, s. It is told at each, so that what is not told beside it has not changed.
	tookMetric = "scrape_s"
)

// engineProbe scrapes the engine's own metrics. Between the first and the last reading only values that
// changed are told: an idle counter every second for hours would be most of the table.
func (r *Recorder) engineProbe(where func() (url, prefix string), interval time.Duration) probe {
	told := map[string]float64{}
	failed := false
	var before time.Time // of the last reading
	var longest time.Duration
	// gap is for how long nothing was read until now, 0 = no longer than usual.
	gap := func(now time.Time) float64 {
		d := now.Sub(before)
		if before.IsZero() || d <= max(3*interval, leastGap) {
			return 0
		}
		longest = max(longest, d)
		return d.Seconds()
	}
	late := func() {
		if longest > 0 {
			r.warn(fmt.Sprintf("the engine's own metrics came late: for up to %.0f s nothing was read, and what its gauges peaked at then is not known", longest.Seconds()))
		}
	}
	return func(ctx context.Context, last bool) []Sample {
		url, prefix := where()
		if url == "" {
			return nil
		}
		began := time.Now()
		values, err := Scrape(ctx, url)
		if err != nil {
			// Once is no news: the engine may still be starting, be busy, or be gone at the end.
			if failed && ctx.Err() == nil && !last {
				address, _, _ := strings.Cut(url, "?") // a key may be in the query
				r.warn("the engine's metrics cannot be read at " + address)
			}
			failed = true
			now := time.Now()
			if !last || gap(now) == 0 {
				return nil
			}
			late()
			s := reading{at: now, source: cmp.Or(strings.TrimRight(prefix, ":_"), "engine")}
			s.add(gapMetric, gap(now))
			return s.out
		}
		failed = false
		now := time.Now()
		missed := gap(now)
		before = now
		s := reading{at: now, source: cmp.Or(strings.TrimRight(prefix, ":_"), "engine")}
		s.add(tookMetric, now.Sub(began).Seconds())
		if missed > 0 {
			s.add(gapMetric, missed)
		}
		if last {
			late()
		}
		for name, value := range values {
			before, seen := told[name]
			if strings.HasPrefix(name, prefix) && (last || !seen || before != value) {
				s.add(name, value)
				told[name] = value
			}
		}
		return s.out
	}
}
