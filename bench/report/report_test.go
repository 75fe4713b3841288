// Package report measures what `matrix report` costs on a large tree: 108 attempts with 221,000 rows and their answers.
//
//	go test -run xxx -bench Report -benchtime 1x ./bench/report
//
// cpu-s is user and system time of the whole process, as `time` has it: load, quality, decision, page.
package report

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/results/decision"
	"matrix/results/quality"
	"matrix/results/report"
	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

const (
	platforms, sizes, launches = 6, 6, 3
	rowsPerLaunch              = 2048
	bar                        = 5.0 // CPU seconds
)

// answers are texts of some fifty words of which platforms agree on the beginning, as real ones do.
func answers(platform int) func(int) string {
	return func(i int) string {
		shared, own := rand.New(rand.NewPCG(1, uint64(i))), rand.New(rand.NewPCG(uint64(platform), uint64(i)))
		var b strings.Builder
		for w := range 50 {
			r := shared
			if w > 15 {
				r = own
			}
			fmt.Fprintf(&b, "word%d ", r.IntN(900))
		}
		return b.String()
	}
}

func plant(b *testing.B) string {
	b.Helper()
	root := b.TempDir()
	for p := range platforms {
		for s := range sizes {
			c := summarytest.Cell{Platform: fmt.Sprintf("p%d", p), Size: rowsPerLaunch - s%2, Experiment: fmt.Sprintf("e%d", s/2)}
			for l := range launches {
				c.Launches = append(c.Launches, summarytest.Launch{Scale: 1 + 0.01*float64(l) + 0.05*float64(p), Text: answers(p)})
			}
			summarytest.Plant(b, root, c)
		}
	}
	return root
}

func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// The first report of a tree compares its answers; again has what the first kept.
func BenchmarkReport(b *testing.B) {
	root := plant(b)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if err := os.RemoveAll(filepath.Join(root, ".matrix", "quality")); err != nil {
				b.Fatal(err)
			}
			measure(b, root)
		}
	})
	b.Run("again", func(b *testing.B) {
		measure(b, root)
		for b.Loop() {
			measure(b, root)
		}
	})
}

func measure(b *testing.B, root string) {
	began := cpu()
	store, err := store.Open(root)
	if err != nil {
		b.Fatal(err)
	}
	set, err := summary.Load(b.Context(), store, root)
	if err != nil {
		b.Fatal(err)
	}
	loaded := cpu()
	answers, err := quality.Kept(b.Context(), set, nil, false, nil)
	if err != nil {
		b.Fatal(err)
	}
	measured := cpu()
	weighed, err := decision.Decide(b.Context(), set, decision.Options{})
	if err != nil {
		b.Fatal(err)
	}
	decided := cpu()
	doc, err := report.Build(b.Context(), report.Input{Set: set, Title: "bench", Decision: weighed, Quality: answers})
	if err != nil {
		b.Fatal(err)
	}
	if err := doc.WriteHTML(io.Discard); err != nil {
		b.Fatal(err)
	}
	all := cpu() - began
	b.ReportMetric(all, "cpu-s")
	b.ReportMetric(measured-loaded, "quality-cpu-s")
	b.ReportMetric(decided-measured, "decision-cpu-s")
	b.ReportMetric(cpu()-decided, "page-cpu-s")
	if all > bar {
		b.Logf("%.1f CPU seconds, the bar is %.0f", all, bar)
	}
}
