package report

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/results"
	"matrix/results/report/chart"
	"matrix/results/stats"
	"matrix/results/summary"
)

// gauge is a figure of samples.parquet over time.
type gauge struct {
	metric, word string
	scale        float64 // from the stored unit to the shown
	one          bool    // 0 to 1: averaged over sources, others are added up
	rate         bool    // a counter: its growth a second is shown
}

// panels are the panels of a timeline, each with its gauges.
var panels = []struct {
	label  string
	gauges []gauge
}{
	{"output tokens/s", []gauge{{"generation_tokens_total", "tokens/s", 1, false, true}}},
	{"requests in the engine", []gauge{{"num_requests_running", "running", 1, false, false}, {"num_requests_waiting", "waiting", 1, false, false}}},
	{"KV cache in use", []gauge{{"kv_cache_usage_perc", "in use", 1, true, false}}},
	{"GPU busy", []gauge{{"gpu_util_ratio", "busy", 1, true, false}}},
	{"GPU clock, MHz", []gauge{{"sm_clock_hz", "clock", 1e-6, true, false}}},
	{"VRAM, GiB", []gauge{{"process_memory_bytes", "engine", 1.0 / (1 << 30), false, false}, {"memory_used_bytes", "device", 1.0 / (1 << 30), false, false}}},
	{"GPU power, W", []gauge{{"power_w", "power", 1, false, false}}},
	{"memory of its processes, GiB", []gauge{{"rss_bytes", "memory", 1.0 / (1 << 30), false, false}}},
	{"CPU of the whole machine busy", []gauge{{"host_cpu_ratio", "busy", 1, true, false}}},
}

// mostPoints is how many points a line over time is thinned to.
const mostPoints = 140

// telemetry draws the largest batch of each platform over time: one figure a platform, its panels on one axis.
func (m *maker) telemetry() (Section, error) {
	s := Section{ID: "time", Title: "Over time"}
	for _, g := range m.groups {
		for _, c := range largestRun(g) {
			f, err := g.timeline(c)
			if err != nil {
				return s, err
			}
			if f != nil {
				s.Blocks = append(s.Blocks, Block{Figure: f})
			}
		}
	}
	if len(s.Blocks) > 0 {
		s.Blocks = append([]Block{para("One launch of each platform's largest batch, the one whose throughput is the median. Time 0 is the beginning of the measured phase; no line is drawn over a gap in the samples. vLLM reserves its share of VRAM at start, whatever it needs.")}, s.Blocks...)
	}
	return s, nil
}

func gaugeNames() []string {
	var all []string
	for _, p := range panels {
		for _, g := range p.gauges {
			all = append(all, g.metric)
		}
	}
	return all
}

// timeline is one launch of a cell over time; nil where no sample was kept.
func (g *group) timeline(c *summary.Cell) (*Figure, error) {
	a := middle(c)
	series, err := a.Series(1<<16, gaugeNames()...)
	if err != nil && !errors.Is(err, results.ErrCorrupt) {
		return nil, fmt.Errorf("read the samples of %s: %w", c.Name, err)
	}
	drawn := chart.Panels{X: chart.Axis{Label: "seconds since the measured phase began"}, Bands: bandsOf(a)}
	var words []string
	for _, p := range panels {
		panel := chart.Panel{Label: p.label}
		for i, x := range p.gauges {
			l, gap := lineOf(x, series)
			if len(l.Points) < 2 || !moves(l.Points) && x.metric == "num_requests_waiting" {
				continue
			}
			l.Name, l.Slot = x.word, i
			panel.Lines, panel.Gap = append(panel.Lines, l), max(panel.Gap, gap)
			if x.one && x.metric != "sm_clock_hz" {
				one := 1.0
				panel.Max = &one
			}
			words = append(words, fmt.Sprintf("%s %s at most, %s in the median", strings.TrimSpace(p.label+" "+map[bool]string{true: x.word}[len(p.gauges) > 1]), three(peak(l.Points)), three(medianOf(l.Points))))
		}
		if len(panel.Lines) > 0 {
			drawn.Rows = append(drawn.Rows, panel)
		}
	}
	if len(drawn.Rows) == 0 {
		return nil, nil
	}
	f := &Figure{ID: slug("time", g.model, g.name[c]), Title: fmt.Sprintf("%s, %s, %s", g.name[c], g.model, counted(int(c.BatchSize), "request")), Source: links([]*summary.Cell{c})}
	f.Alt = "Over time: " + strings.Join(words, "; ") + "."
	drawn.Title = f.Alt
	f.Chart = drawn
	return f, nil
}

// bandsOf are the load, the warm-up and the measured phase by the recorded phases.
func bandsOf(a *summary.Attempt) []chart.Band {
	var out []chart.Band
	warm := 0.0
	if w := a.Number("phase_warmup_s"); w != nil {
		warm = *w
	}
	if load := a.Number("load_s"); load != nil {
		out = append(out, chart.Band{Name: "load", From: -warm - *load, To: -warm, Shade: 0.2})
	}
	if warm > 0 {
		out = append(out, chart.Band{Name: "warm-up", From: -warm, To: 0, Shade: 0.12})
	}
	if d := a.Number("duration_s"); d != nil {
		out = append(out, chart.Band{Name: "measure", From: 0, To: *d, Shade: 0.04})
	}
	return out
}

// lineOf is a gauge as a line, over all its sources, and how far apart its samples may lie.
func lineOf(x gauge, all []summary.Series) (chart.Series, float64) {
	sum, n := map[float64]float64{}, map[float64]float64{}
	for _, s := range all {
		if s.Segment > 1 || s.Metric != x.metric && !strings.HasSuffix(s.Metric, ":"+x.metric) && !strings.HasSuffix(s.Metric, "_"+x.metric) {
			continue
		}
		for i, at := range s.Times {
			sum[at] += s.Values[i] * x.scale
			n[at]++
		}
	}
	times := slices.Sorted(maps.Keys(sum))
	var l chart.Series
	for i, at := range times {
		q := chart.Point{X: at, Y: sum[at]}
		switch {
		case x.rate && i == 0:
			continue
		case x.rate:
			before := times[i-1]
			if q.Y = (sum[at] - sum[before]) / (at - before); q.Y < 0 {
				continue // the counter began anew
			}
		case x.one:
			q.Y /= n[at]
		}
		l.Points = append(l.Points, q)
	}
	l.Points = thinned(l.Points)
	for i := 0; i < len(l.Points); i += max(1, len(l.Points)/8) {
		p := &l.Points[i]
		p.Note = fmt.Sprintf("%s at %s s: %s", x.word, three(p.X), three(p.Y))
	}
	return l, chart.Gap(times) * max(1, float64(len(times))/mostPoints)
}

// thinned keeps the largest of each stretch: a peak must not vanish.
func thinned(points []chart.Point) []chart.Point {
	every := (len(points) + mostPoints - 1) / mostPoints
	if every < 2 {
		return points
	}
	var out []chart.Point
	for chunk := range slices.Chunk(points, every) {
		best := chunk[0]
		for _, q := range chunk {
			if q.Y > best.Y {
				best = q
			}
		}
		out = append(out, best)
	}
	return out
}

func moves(points []chart.Point) bool {
	return slices.ContainsFunc(points, func(q chart.Point) bool { return q.Y != points[0].Y })
}

func peak(points []chart.Point) float64 {
	out := points[0].Y
	for _, q := range points {
		out = max(out, q.Y)
	}
	return out
}

func medianOf(points []chart.Point) float64 {
	var ys []float64
	for _, q := range points {
		ys = append(ys, q.Y)
	}
	return stats.Median(ys)
}
