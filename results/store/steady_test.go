package store

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/record"
)

// server answers n requests in so many places, each for as long as takes says, after a short wait for the first token:
// what vLLM does with a batch.
func server(n, places int, mode string, takes func() float64) []record.RequestRow {
	const prefill, tokens = 0.02, 50
	free := make([]float64, places)
	rows := make([]record.RequestRow, n)
	for i := range rows {
		at := 0
		for p := range free {
			if free[p] < free[at] {
				at = p
			}
		}
		begins, sent := free[at], 0.0
		if mode != "batch" {
			sent = begins
		}
		free[at] = begins + takes()
		rows[i] = plain(int64(i), sent, begins+prefill-sent, free[at], tokens)
	}
	return rows
}

// A server that generates at one rate has that steady rate, however few the waves; where it is never full for long
// enough, there is none.
func TestSteadyRateOfAConstantServer(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	constant := func() float64 { return 10 }
	jitter := func() float64 { return 10 * (0.95 + 0.1*random.Float64()) }
	wide := func() float64 { return 20 * random.Float64() }
	for name, c := range map[string]struct {
		n, places int
		mode      string
		takes     func() float64
		none      bool
	}{
		"two waves":                  {200, 100, "batch", constant, false},
		"two ragged waves":           {200, 100, "batch", jitter, false},
		"three waves":                {300, 100, "batch", constant, false},
		"many waves":                 {2000, 100, "batch", wide, false},
		"two waves of a closed load": {200, 100, "closed", constant, false},
		"closed, all lengths":        {1000, 50, "closed", wide, false},
		"one wave":                   {100, 100, "batch", constant, true},
		"a wave and a bit":           {120, 100, "batch", constant, true},
		"one wave, all lengths":      {150, 150, "batch", wide, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := measured(t, record.Run{Planned: int64(c.n), Mode: c.mode}, server(c.n, c.places, c.mode, c.takes))
			got := s.Metrics["steady_output_throughput"]
			if c.none {
				if got != nil || s.Why["steady_output_throughput"] == "" {
					t.Errorf("steady rate %v, %q", got, s.Why["steady_output_throughput"])
				}
				return
			}
			want := float64(c.places) * 50 / 10 // each place makes 50 tokens in 10 s on average
			if got == nil || math.Abs(*got/want-1) > 0.06 {
				t.Fatalf("steady rate %v, want about %v (%s)", deref(got), want, s.Why["steady_output_throughput"])
			}
			if requests := deref(s.Metrics["steady_request_throughput"]); math.Abs(requests/(want/50)-1) > 0.06 {
				t.Errorf("%v requests a second, want about %v", requests, want/50)
			}
		})
	}
}

// What came in one event has no time between tokens: no TPOT, and no goodput by it.
func TestTimeWithinAnEventIsNotKnown(t *testing.T) {
	rows := []record.RequestRow{plain(0, 0, 0.5, 0.5, 8), plain(1, 0, 0.6, 0.6, 8)}
	run := record.Run{Planned: 2, Mode: "closed", SLO: &cell.SLO{TPOT: time.Second}}
	s := measured(t, run, rows)
	check(t, s, map[string]float64{"tpot_p50_s": null, "tpot_mean_s": null, "itl_weighted_mean_s": null, "goodput": 0})
	if why := s.Why["tpot_p50_s"]; !strings.Contains(why, "one piece") {
		t.Errorf("why %q", why)
	}
	for i := range rows { // four tokens an event: of the 7 after the first, the time of 4 is seen
		rows[i].LastTokenS, rows[i].DoneS, rows[i].Chunks, rows[i].OutputHash = new(1.5), new(1.5), 2, [16]byte{1}
	}
	s = measured(t, run, rows)
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "about 4.0 tokens: TPOT is understated by about 43%") {
		t.Errorf("warnings %q", s.Warnings)
	}
}

// record.FinishCounts, empty answers and answers cut short are counted at commit, and the same from the rows of an older attempt.
func TestEnds(t *testing.T) {
	var rows []record.RequestRow
	for i := range int64(10) {
		r := plain(i, 0, 0.1, 1, 16)
		r.MaxTokens, r.FinishReason, r.OutputHash = 16, "stop", [16]byte{1}
		rows = append(rows, r)
	}
	rows[0].OutputHash = [16]byte{}
	rows[1].FinishReason = "length"
	rows[2].FinishReason, rows[2].OutputTokens = "length", new(int64(4))
	rows[3].FinishReason = ""
	rows[4].Status = "failed"
	s := measured(t, record.Run{Planned: 10, Mode: "closed"}, rows)
	check(t, s, map[string]float64{"ok_without_text": 1, "ok_cut_short": 1, "requests_ok": 9})
	if s.Finish["stop"] != 6 || s.Finish["length"] != 2 || s.Finish["none"] != 1 {
		t.Errorf("ends %v", s.Finish)
	}
	s = measured(t, record.Run{Planned: 10, Mode: "closed", Imported: true}, rows)
	check(t, s, map[string]float64{"ok_without_text": null})
}

// What others used of the machine, and the share of time that a card was held back.
func TestForeignAndThrottled(t *testing.T) {
	rows := []record.RequestRow{plain(0, 0, 0.1, 9.999, 100)}
	var samples []record.SampleRow
	for _, at := range []float64{-1, 1, 3, 5, 7, 9, 11} {
		mask := 0x4 // the power limit: no throttle
		if at > 5 {
			mask |= 0x40
		}
		samples = append(samples, record.SampleRow{TimeS: at, Source: "host", Metric: "host_cpu_ratio", Value: 0.75},
			record.SampleRow{TimeS: at, Source: "process", Metric: "cpu_s", Value: 2 * at},
			record.SampleRow{TimeS: at, Source: "nvml:GPU-a", Metric: "throttle_reasons", Value: float64(mask)})
	}
	run := record.Run{Planned: 1, Mode: "closed", Machine: record.Machine{Cores: 8}, ClientCPUS: new(10.0)}
	s := measured(t, run, rows, samples...)
	check(t, s, map[string]float64{"foreign_cpu_ratio": 0.75 - 3.0/8, "throttled_ratio": 0.4})
	run.ClientCPUS = nil
	check(t, measured(t, run, rows, samples...), map[string]float64{"foreign_cpu_ratio": null})
}

func deref(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}
