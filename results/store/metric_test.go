package store

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/table"
)

func near(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-9*math.Max(1, math.Abs(b)) }

// check compares metrics; NaN wants null.
func check(t *testing.T, s record.Summary, want map[string]float64) {
	t.Helper()
	for name, w := range want {
		got, known := s.Metrics[name]
		switch {
		case !known:
			t.Errorf("%s is no metric", name)
		case math.IsNaN(w) && got != nil:
			t.Errorf("%s = %v, want null", name, *got)
		case !math.IsNaN(w) && got == nil:
			t.Errorf("%s = null (%s), want %v", name, s.Why[name], w)
		case got != nil && !near(*got, w):
			t.Errorf("%s = %v, want %v", name, *got, w)
		}
	}
}

// plain is a request with latencies that are easy to work with by hand.
func plain(seq int64, sent, ttft, done float64, tokens int64) record.RequestRow {
	return record.RequestRow{Seq: seq, Phase: record.PhaseMeasure, Status: record.StatusOK, Attempts: 1, TokenSource: "usage",
		SentS: &sent, FirstTokenS: new(sent + ttft), LastTokenS: &done, DoneS: new(done + 0.001),
		InputTokens: new(int64(10)), OutputTokens: &tokens}
}

func measured(t *testing.T, run record.Run, rows []record.RequestRow, samples ...record.SampleRow) record.Summary {
	t.Helper()
	a := begin(t, testStore(t), len(rows))
	for _, row := range rows {
		mustAppend(t, a, row, "")
	}
	if err := a.Sample(samples...); err != nil {
		t.Fatal(err)
	}
	s, err := a.Commit(record.Censored, "", "", run)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var null = math.NaN()

func TestThroughput(t *testing.T) {
	warm := plain(0, -5, 1, -3, 1000)
	warm.Phase = "warmup"
	failed := failedRow(2, "failed") // sent 0.02, done 1.02
	failed.DoneS = new(4.5)
	rows := []record.RequestRow{warm, plain(0, 0.5, 0.1, 2, 11), plain(1, 1, 0.2, 4.099, 21), failed, failedRow(3, record.StatusNotSent)}
	s := measured(t, record.Run{Planned: 4, Mode: "closed", LoadS: new(20.0)}, rows)
	// D: first dispatch 0.02 (the failed one) → last completion 4.5 (the failed one).
	check(t, s, map[string]float64{
		"duration_s": 4.48, "load_s": 20, "batch_s": 24.48,
		"request_throughput": 2 / 4.48, "output_throughput": 32 / 4.48, "total_token_throughput": 52 / 4.48,
		"requests_planned": 4, "requests_ok": 2, "requests_failed": 1, "requests_not_sent": 1, "requests_canceled": 0,
		"input_tokens": 20, "output_tokens": 32, "cached_tokens": null, "success_rate": 0.5,
		"ttft_p50_s": 0.15, "ttft_mean_s": 0.15, "ttft_p90_s": null, "ttft_p50_adjusted_s": 0.2,
		"tpot_p50_s": (1.4/10 + 2.899/20) / 2, "e2e_p50_s": (1.5 + 3.099) / 2, "e2e_closed_p50_s": (1.501 + 3.1) / 2,
		"itl_weighted_mean_s": (1.4 + 2.899) / 30, "itl_weighted_p50_s": 2.899 / 20, "chunk_gap_p50_s": null,
		"goodput": null, "steady_output_throughput": null, "energy_j": null, "cpu_s": null,
	})
	if got := s.Why["ttft_p90_s"]; got != "p90 needs 64 requests, has 2" {
		t.Errorf("why = %q", got)
	}
	if got := s.Why["steady_output_throughput"]; got != "needs 100 ok requests, has 2" {
		t.Errorf("why = %q", got)
	}
}

func TestNothingCompleted(t *testing.T) {
	s := measured(t, record.Run{Planned: 2, Mode: "closed"}, []record.RequestRow{failedRow(0, record.StatusNotSent), failedRow(1, record.StatusCanceled)})
	check(t, s, map[string]float64{"duration_s": null, "request_throughput": null, "batch_s": null, "load_s": null,
		"ttft_p50_s": null, "success_rate": 0, "success_rate_low95": 0, "requests_canceled": 1})
}

// An all-failed attempt has no percentile; with successes a failure is +∞.
func TestAdjusted(t *testing.T) {
	var rows []record.RequestRow
	for i := range int64(100) {
		if i%10 == 9 {
			rows = append(rows, failedRow(i, "timed_out"))
			continue
		}
		rows = append(rows, plain(i, 0, float64(i)/100, 2, 5))
	}
	s := measured(t, record.Run{Planned: 100, Mode: "closed"}, rows)
	// 90 ok of 100: rank 49.5 lies between the 50th and 51st smallest ttft; rank 89.1 touches a failure.
	check(t, s, map[string]float64{
		"ttft_p50_adjusted_s": (0.54 + 0.55) / 2, "ttft_p90_adjusted_s": math.Inf(1), "ttft_p95_adjusted_s": null,
		"success_rate": 0.9, "requests_timed_out": 10})
}

func TestSteadyWindow(t *testing.T) {
	var rows []record.RequestRow
	for i := range int64(200) { // one completes each 0.1 s, from 0.1 s on; ten are in flight
		done := 0.1*float64(i+1) - 0.001
		rows = append(rows, plain(i, max(0, done-1), 0.05, done, 7))
	}
	s := measured(t, record.Run{Planned: 200, Mode: "closed"}, rows)
	// One completes each 0.1 s and ten are in flight until the last was sent, whatever the window.
	check(t, s, map[string]float64{"steady_request_throughput": 10, "steady_output_throughput": 70, "steady_span_s": 17})
	for i := range rows { // all begun at once: one wave
		rows[i].SentS, rows[i].FirstTokenS = new(0.0), new(0.05)
	}
	s = measured(t, record.Run{Planned: 200, Mode: "batch"}, rows)
	check(t, s, map[string]float64{"steady_span_s": null})
	if got := s.Why["steady_span_s"]; !strings.Contains(got, "one wave") {
		t.Errorf("why = %q", got)
	}
}

func TestGoodput(t *testing.T) {
	rows := []record.RequestRow{
		plain(0, 0, 0.1, 1, 10), plain(1, 0, 0.3, 1, 10), // the second is late
		plain(2, 0, 0.1, 9.999, 1), // one token: no tpot to bound; D = 10 s
	}
	run := record.Run{Planned: 3, Mode: "closed", SLO: &cell.SLO{TTFT: 200 * time.Millisecond, TPOT: 150 * time.Millisecond}}
	check(t, measured(t, run, rows), map[string]float64{"goodput": 0.2})
	run.Mode = "batch"
	s := measured(t, run, rows)
	check(t, s, map[string]float64{"goodput": null})
	if s.Why["goodput"] == "" {
		t.Error("goodput of a batch is null without a reason")
	}
	// An open load counts from the time it was due.
	run.Mode = "open"
	rows[0].ScheduledS = new(-0.15)
	s = measured(t, run, rows)
	check(t, s, map[string]float64{"goodput": 0.1, "ttft_p50_s": 0.25, "client_queue_p50_s": 0.15})
}

func TestUsage(t *testing.T) {
	rows := []record.RequestRow{plain(0, 0, 0.1, 9.999, 100)} // measured from 0 to 10 s
	var samples []record.SampleRow
	add := func(at float64, source, metric string, value float64) {
		samples = append(samples, record.SampleRow{TimeS: at, Source: source, Metric: metric, Value: value})
	}
	for _, at := range []float64{-2, -0.5, 1, 3, 5, 7, 9, 11} {
		add(at, "process", "cpu_s", 100+2*at)       // two cores
		add(at, "process", "rss_bytes", 1e9+1e6*at) // a leak of 1 MB/s
		add(at, "vllm", "vllm:kv_cache_usage_perc", 0.3-at/100)
		for i, gpu := range []string{"nvml:GPU-a", "nvml:GPU-b"} {
			add(at, gpu, "power_w", 150)
			add(at, gpu, "gpu_util_ratio", 0.5)
			add(at+0.05*float64(i), gpu, "memory_used_bytes", 4e9+at*1e8) // one GPU is read after the other
		}
	}
	run := record.Run{Planned: 1, Mode: "closed", LoadS: new(1.5), Phases: map[string]float64{"warmup": 0.5},
		EngineMetrics: map[string]float64{"vllm:num_preemptions_total": 3, "x": math.NaN()}}
	want := map[string]float64{
		"cpu_s": 20, "cpu_cores_mean": 2, "rss_peak_bytes": 1.011e9, "rss_slope_bytes_per_s": 1e6,
		"load_energy_j": 2 * 150 * 1.5, "energy_j": 3000, "j_per_output_token": 30, "gpu_util_ratio": 0.5, "vram_peak_bytes": 2 * 5.1e9, "kv_usage_peak_ratio": 0.32, "preemptions": 3}
	check(t, measured(t, run, rows, samples...), want)
	for _, at := range []float64{-1, 4, 12} { // a counter is preferred to ∫ power; own memory to the device's
		add(at, "nvml:GPU-a", "energy_j", 5e6+100*at)
		add(at, "nvml:GPU-a", "process_memory_bytes", 3e9)
	}
	want["load_energy_j"] = 50 // from −1 to −0.5 s
	want["energy_j"], want["j_per_output_token"], want["vram_peak_bytes"] = 1000, 10, 3e9
	check(t, measured(t, run, rows, samples...), want)
}

func TestChunkGaps(t *testing.T) {
	a, b := plain(0, 0, 0.1, 1, 4), plain(1, 0, 0.1, 1, 4)
	a.ChunkGapsS, b.ChunkGapsS = []float64{0.1, 0.3}, []float64{0.2}
	s := measured(t, record.Run{Planned: 2, Mode: "closed"}, []record.RequestRow{a, b})
	check(t, s, map[string]float64{"chunk_gap_p50_s": 0.2, "chunk_gap_mean_s": 0.2, "chunk_gap_p90_s": null})
}

// The metrics of a committed attempt can be computed again, from intact files only.
func TestSummarizeAgain(t *testing.T) {
	s := testStore(t)
	p := committed(t, s, 1)
	again, err := metrics.Summarize(p.Dir, record.Run{Planned: 1, Mode: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Summary, summaryValues(again)); diff != "" {
		t.Errorf("summary (-committed +again):\n%s", diff)
	}
	path := filepath.Join(p.Dir, "requests.parquet")
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := metrics.Summarize(p.Dir, record.Run{}); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("summarize a cut file: %v", err)
	}
}

func TestDerive(t *testing.T) {
	row := plain(0, 1, 0.5, 3, 5)
	row.FirstChunkS, row.ScheduledS = new(1.25), new(0.75)
	record.Derive(&row)
	got := []float64{*row.TTFTS, *row.TTFTFirstChunkS, *row.TPOTS, *row.E2ES, *row.E2EClosedS, *row.ClientQueueS}
	want := []float64{0.5, 0.25, 0.375, 2, 2.001, 0.25}
	for i := range want {
		if !near(got[i], want[i]) {
			t.Errorf("derived %v, want %v", got, want)
		}
	}
	single := plain(0, 1, 0.5, 3, 1)
	record.Derive(&single)
	imported := record.RequestRow{TTFTS: new(0.7)}
	record.Derive(&imported)
	if single.TPOTS != nil || imported.TTFTS == nil || *imported.TTFTS != 0.7 || imported.E2ES != nil {
		t.Errorf("single %v, imported %+v", single.TPOTS, imported)
	}
}
