package launch

import (
	"strings"
	"testing"
	"time"

	"matrix/results/record"
	"matrix/runner/ledger"
)

func TestClientLimited(t *testing.T) {
	began := time.Unix(1000, 0)
	ten := ledger.Counts{Done: 10_000, Events: 1_000_000, First: began, Last: began.Add(10 * time.Second)} // 1,000 and 100,000 a second
	slow := &record.Calibration{CPUPerRequestS: 1e-4, CPUPerEventS: 2e-5}                                  // 0.1 + 1.98 cores
	fast := &record.Calibration{CPUPerRequestS: 1e-4, CPUPerEventS: 1e-6}
	for name, test := range map[string]struct {
		cpu   float64
		wall  float64
		stood time.Duration
		c     ledger.Counts
		by    *record.Calibration
		want  string
	}{
		"idle":                   {1, 10, 0, ten, nil, ""},
		"busy":                   {17, 10, 0, ten, nil, "used 1.7 of its 2 cores"},
		"just not":               {16, 10, 0, ten, fast, ""},
		"more than it can":       {1, 10, 0, ten, slow, "need 2.1 of the client's 2 cores by its calibration"},
		"a stream stalls":        {17, 60, 0, ten, fast, ""}, // the CPU was used over the whole minute
		"stopped":                {1, 10, 3 * time.Second, ten, nil, "did not run for 3.00 s of the 10.0 s that were measured"},
		"stopped, it is nothing": {1, 1000, 3 * time.Second, ten, nil, ""},
		"nothing ended":          {17, 10, 0, ledger.Counts{}, slow, ""},
	} {
		got := clientLimited(test.cpu, test.wall, test.stood, test.c, 2, test.by)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestStood(t *testing.T) {
	due := time.Unix(1000, 0)
	for after, want := range map[time.Duration]time.Duration{0: 0, progressEvery: 0, standstill: 0, 17 * time.Second: 17 * time.Second} {
		if got := stood(due, due.Add(after)); got != want {
			t.Errorf("%s later: stood for %s, want %s", after, got, want)
		}
	}
}
