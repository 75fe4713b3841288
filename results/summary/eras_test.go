package summary_test

import (
	"fmt"
	"slices"
	"testing"

	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

// era is so many launches of one engine version, each as slow as scale says.
func era(version string, scales ...float64) []summarytest.Launch {
	var out []summarytest.Launch
	for i, scale := range scales {
		out = append(out, summarytest.Launch{Number: i + 1, Identity: "with " + version, Scale: scale, Run: func(r *record.Run) { r.Engine.Version = version }})
	}
	return out
}

// TestEras: three versions of one engine, of which the second only failed, and a tainted launch that counts nowhere.
func TestEras(t *testing.T) {
	root := t.TempDir()
	failed := summarytest.Launch{Number: 1, Identity: "with 1.1", Status: record.EngineFailed}
	summarytest.Plant(t, root, summarytest.Cell{Platform: "serve", Size: 20,
		Launches: slices.Concat(era("1.0", 1, 1), []summarytest.Launch{failed}, era("1.2", 2, 2, 2))},
		summarytest.Cell{Platform: "other", Size: 20, Launches: era("3", 1)})
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	set, err := summary.Load(t.Context(), store, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range set.Cells {
		eras, err := set.Eras(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range eras {
			got = append(got, fmt.Sprintf("%s: %d", e.First().Run().Engine.Version, len(e.Launches)))
		}
		want := map[string][]string{"serve": {"1.0: 2", "1.2: 3"}, "other": {"3: 1"}}[c.Platform]
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.Platform, got, want)
		}
	}
	before, err := set.Before(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := summary.Match(before.Cells, set.Cells)
	if len(m.Pairs) != 1 || len(m.OnlyB) != 1 {
		t.Fatalf("%d pairs, %d alone; want 1, 1", len(m.Pairs), len(m.OnlyB))
	}
	if r := summary.RatioAcross(set, m.Pairs[0].B, before, m.Pairs[0].A, record.MetricRequestThroughput); !r.Known() || r.Median > 0.51 || r.Median < 0.49 {
		t.Errorf("the ratio of the versions is %+v, want about 0.5", r)
	}
	if d := summary.Unlike(m.Pairs[0].A, m.Pairs[0].B); len(d) != 1 || d[0].String() != "engine version: 1.0 against 1.2" {
		t.Errorf("unlike: %v", d)
	}
}

// TestGate: an interval on the right side holds, one beyond is broken, and what reaches to both or has no interval shows nothing.
func TestGate(t *testing.T) {
	ratio := func(low, median, high, level float64) stats.Ratio {
		return stats.Ratio{Estimate: stats.Estimate{N: 6, Low: low, Median: median, High: high, Level: level}}
	}
	fall, rise := summary.Gate{Metric: "output_throughput", Change: -0.05}, summary.Gate{Metric: "ttft_p99_s", Change: 0.1}
	for _, x := range []struct {
		name  string
		gate  summary.Gate
		ratio stats.Ratio
		want  summary.Verdict
	}{
		{"faster", fall, ratio(1.1, 1.2, 1.3, 0.95), summary.Holds},
		{"a little slower", fall, ratio(0.96, 0.97, 0.98, 0.95), summary.Holds},
		{"much slower", fall, ratio(0.7, 0.8, 0.9, 0.95), summary.Broken},
		{"both sides", fall, ratio(0.9, 0.97, 1.1, 0.95), summary.NotShown},
		{"no interval", fall, ratio(1.1, 1.2, 1.3, 0), summary.NotShown},
		{"nothing", fall, stats.Ratio{}, summary.NotShown},
		{"later", rise, ratio(1.2, 1.3, 1.4, 0.95), summary.Broken},
		{"a little later", rise, ratio(1.01, 1.05, 1.09, 0.95), summary.Holds},
		{"earlier", rise, ratio(0.5, 0.6, 0.7, 0.95), summary.Holds},
		{"later or not", rise, ratio(1.05, 1.1, 1.2, 0.95), summary.NotShown},
	} {
		if got := x.gate.Judge(x.ratio); got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}
}
