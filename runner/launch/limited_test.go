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
		cpu  float64
		wall float64
		c    ledger.Counts
		by   *record.Calibration
		want string
	}{
		"idle":             {1, 10, ten, nil, ""},
		"busy":             {17, 10, ten, nil, "used 1.7 of its 2 cores"},
		"just not":         {16, 10, ten, fast, ""},
		"more than it can": {1, 10, ten, slow, "need 2.1 of the client's 2 cores by its calibration"},
		"a stream stalls":  {17, 60, ten, fast, ""}, // the CPU was used over the whole minute
		"nothing ended":    {17, 10, ledger.Counts{}, slow, ""},
	} {
		got := clientLimited(test.cpu, test.wall, test.c, 2, test.by)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
