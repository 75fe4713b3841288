package view

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/summary"
)

// sampleComparison is one pair with every kind of line.
func sampleComparison(t *testing.T) *Comparison {
	t.Helper()
	var metrics []record.Metric
	for _, m := range record.Metrics() {
		if slices.Contains([]string{"output_throughput", "request_throughput", "ttft_p50_s", "tpot_p50_s", "e2e_p50_s", "e2e_p99_s", "load_s", "batch_s",
			"success_rate", "vram_peak_bytes", "rss_peak_bytes", "cpu_cores_mean", "j_per_output_token"}, m.Name) {
			metrics = append(metrics, m)
		}
	}
	a, b := &summary.Cell{Name: "vllm_serve/gemma3_4b/50000"}, &summary.Cell{Name: "ollama/gemma3_4b/50000", Simulated: true}
	v := &Comparison{metrics: metrics, matching: summary.Matching{Pairs: []summary.Pair{{A: a, B: b}}}}
	v.unlike = [][]summary.Difference{{{Aspect: "precision", A: "bfloat16", B: "Q4_K_M"}}}
	spread := stats.Pool([]float64{100, 104}, []float64{50, 49, 51})
	for _, m := range metrics {
		x, y := []float64{12345.6, 12001.2}, []float64{6001.2, 5999.1}
		if m.Unit == "bytes" {
			x, y = []float64{15 << 30, 15 << 30}, nil
		}
		l := comparisonLine{metric: m, a: stats.OfPooled(x, spread), b: stats.OfPooled(y, spread), ratio: stats.RatioOf(y, x, spread)}
		if y == nil {
			l.notes = []string{"B: the engine does not say"}
		}
		v.lines = append(v.lines, l)
	}
	return v
}

func TestComparisonFitsTheTerminal(t *testing.T) {
	for _, width := range []int{80, 120, 200} {
		for _, s := range []Style{{}, {ASCII: true}} {
			var out strings.Builder
			sampleComparison(t).draw(&out, s, width)
			for line := range strings.Lines(out.String()) {
				if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > width {
					t.Errorf("%d columns in %d: %q", w, width, line)
				}
			}
			for _, text := range []string{"SIMULATED", "precision: bfloat16 against Q4_K_M", "~ 0.", "[2] B: the engine does not say", "B/A"} {
				if !strings.Contains(out.String(), text) {
					t.Errorf("no %q at %d columns:\n%s", text, width, out.String())
				}
			}
		}
	}
}

func TestGeomeanLeavesOut(t *testing.T) {
	real, pretended := &summary.Cell{}, &summary.Cell{Simulated: true}
	ratio := func(v float64) stats.Ratio { return stats.Ratio{Estimate: stats.Estimate{N: 1, Median: v}} }
	metric := record.Metric{Name: "ttft_p50_s"}
	v := &Comparison{matching: summary.Matching{Pairs: []summary.Pair{{A: real, B: real}, {Name: "sim", A: pretended, B: pretended}}}}
	v.lines = []comparisonLine{{metric: metric, ratio: ratio(2)}, {metric: metric, ratio: ratio(8)}, {metric: metric, pair: 1, ratio: ratio(1000)},
		{metric: metric, ratio: ratio(1000), waits: true}}
	if mean, pairs := v.geomean(metric.Name); mean == nil || math.Abs(*mean-4) > 1e-9 || pairs != 2 {
		t.Errorf("geomean %v of %d pairs, want 4 of 2: neither a simulated pair nor one whose latency waits", mean, pairs)
	}
	if got := v.pairName(1); got != "sim SIMULATED" {
		t.Errorf("a simulated pair among measured ones is called %q", got)
	}
	v.matching.Pairs = v.matching.Pairs[1:]
	v.lines = []comparisonLine{{metric: metric, ratio: ratio(2)}, {metric: metric, ratio: ratio(8)}}
	if mean, _ := v.geomean(metric.Name); mean == nil || v.pairName(0) != "sim" {
		t.Errorf("simulated pairs alone have a mean, under the banner: %v", mean)
	}
}

func TestFiguresWithUnits(t *testing.T) {
	for _, c := range []struct {
		metric string
		x      float64
		want   string
	}{
		{"output_throughput", 10119, "10,119 tok/s"}, {"load_s", 69.97, "69.97 s"}, {"vram_peak_bytes", 3 << 29, "1.50 GiB"},
		{"success_rate", 0.99998, "99.998%"}, {"output_tokens", 1e7, "10,000,000"}, {"cpu_cores_mean", 1.58, "1.58 cores"},
	} {
		for _, m := range record.Metrics() {
			if m.Name == c.metric {
				if got := withUnit(c.x, m); got != c.want {
					t.Errorf("%s %v = %q, want %q", c.metric, c.x, got, c.want)
				}
			}
		}
	}
}
