package runner

import (
	"strings"
	"testing"
	"time"

	"matrix/results"
)

func TestClientLimited(t *testing.T) {
	began := time.Unix(1000, 0)
	ten := counts{done: 10_000, events: 1_000_000, first: began, last: began.Add(10 * time.Second)} // 1,000 and 100,000 a second
	slow := &results.Calibration{CPUPerRequestS: 1e-4, CPUPerEventS: 2e-5}                          // 0.1 + 1.98 cores
	fast := &results.Calibration{CPUPerRequestS: 1e-4, CPUPerEventS: 1e-6}
	for name, test := range map[string]struct {
		cpu  float64
		c    counts
		by   *results.Calibration
		want string
	}{
		"idle":             {1, ten, nil, ""},
		"busy":             {17, ten, nil, "used 1.7 of its 2 cores"},
		"just not":         {16, ten, fast, ""},
		"more than it can": {1, ten, slow, "need 2.1 of the client's 2 cores by its calibration"},
		"nothing ended":    {17, counts{}, slow, ""},
	} {
		got := clientLimited(test.cpu, test.c, 2, test.by)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
