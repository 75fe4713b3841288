package summary_test

import (
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

// A leak is said of launches of ten minutes and more, by growth that is more than noise and more than a twentieth of the
// peak.
func TestLeak(t *testing.T) {
	const gb = 1e9
	grows := func(from, perSecond, wave float64) func(l *summarytest.Launch) {
		return func(l *summarytest.Launch) {
			for at := -1.0; at < l.Scale*10+1; at += l.Scale / 4 {
				sign := 1.0
				if int(at*4)%2 == 0 {
					sign = -1
				}
				l.Samples = append(l.Samples, record.SampleRow{TimeS: at, Source: "process", Metric: "rss_bytes", Value: from + perSecond*max(at, 0) + sign*wave})
			}
		}
	}
	for name, c := range map[string]struct {
		seconds float64
		grow    func(*summarytest.Launch)
		leaks   bool
	}{
		"a gigabyte in ten minutes":                   {660, grows(10*gb, gb/600, 0), true},
		"fifteen gigabytes in a minute of warming up": {60, grows(10*gb, gb/4, 0), false},
		"a hundredth of the peak":                     {660, grows(10*gb, gb/6000, 0), false},
		"noise":                                       {660, grows(10*gb, 0, 4*gb), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := summarytest.Launch{Scale: c.seconds / 10}
			c.grow(&l)
			root := t.TempDir()
			summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 100, Launches: []summarytest.Launch{l}})
			store, err := store.Open(root)
			if err != nil {
				t.Fatal(err)
			}
			set, err := summary.Load(t.Context(), store, root)
			if err != nil {
				t.Fatal(err)
			}
			if got := set.Cells[0].Leak(); (got != "") != c.leaks || c.leaks && !strings.Contains(got, "memory grew by up to 1100 MB in 11 minutes") {
				t.Errorf("leak %q", got)
			}
		})
	}
}
