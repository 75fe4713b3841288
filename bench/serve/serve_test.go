// Package serve measures what a view of many requests costs: the first page of an attempt, pages of every order, filters.
//
//	go test -run xxx -bench . -benchtime 5x ./bench/serve                      200,000 rows
//	MATRIX_ROWS=10000000 go test -timeout 60m -run xxx -bench . -benchtime 3x ./bench/serve
//
// s/view is the slowest of the run, cpu-s/view what all processors did for one; peak-MiB is how far the heap rose while it ran.
package serve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/rows"
	"matrix/results/store"
)

// plant commits an attempt with so many requests, one in a thousand of which failed, and returns its folder. They ended in nearly
// the order of their numbers, as those of a closed load do. MATRIX_TREE keeps it for another run.
func plant(b *testing.B, n int) string {
	b.Helper()
	root := os.Getenv("MATRIX_TREE")
	if root == "" {
		root = b.TempDir()
	}
	if there, _ := filepath.Glob(filepath.Join(root, "big", "*", "0*")); len(there) > 0 {
		return there[0]
	}
	store, err := store.Open(root)
	check(b, err)
	c, err := cell.NewCell("big", &cell.Platform{ID: "p"}, &cell.Model{ID: "m"}, n)
	check(b, err)
	a, err := store.Begin(c, cell.Identity{}, 1, nil)
	check(b, err)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		check(b, a.Append(row(r, i), nil))
	}
	_, err = a.Commit(record.Complete, "done", "", record.Run{Planned: int64(n), Mode: "closed", Concurrency: 8})
	check(b, err)
	there, err := filepath.Glob(filepath.Join(root, "big", "*", "0*"))
	check(b, err)
	return there[0]
}

func row(r *rand.Rand, i int) record.RequestRow {
	sent, took := float64(i)/50, r.ExpFloat64()*2+0.3
	at := func(v float64) *float64 { v += sent; return &v }
	row := record.RequestRow{Seq: int64(i ^ 5), PromptID: fmt.Sprintf("prompt-%d", i), Phase: record.PhaseMeasure, Status: record.StatusOK, Attempts: 1, Segment: 1, TokenSource: "usage",
		MaxTokens: 64, FinishReason: "stop", SentS: at(0), ScheduledS: at(0), FirstChunkS: at(took / 4), FirstTokenS: at(took / 4), LastTokenS: at(took), DoneS: at(took),
		InputTokens: new(int64(r.IntN(900))), OutputTokens: new(int64(2 + r.IntN(64))), CachedTokens: new(int64(0)), Chunks: 32}
	for k := range row.PromptHash {
		row.PromptHash[k], row.OutputHash[k] = byte(r.Uint32()), byte(r.Uint32())
	}
	if r.IntN(1000) == 0 {
		row.Status, row.Error, row.LastTokenS, row.OutputTokens, row.FinishReason = record.StatusTimedOut, "no answer within 60 s", nil, nil, ""
	}
	return row
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkViews(b *testing.B) {
	n := 200_000
	if text := os.Getenv("MATRIX_ROWS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		check(b, err)
	}
	dir := plant(b, n)
	b.Run("open", func(b *testing.B) {
		views(b, func(ctx context.Context) error {
			var c rows.Cache
			defer c.Close()
			return c.With(ctx, dir, func(a *rows.Attempt) error { _, err := a.Page(ctx, rows.Query{Limit: 50}); return err })
		})
	})
	var c rows.Cache
	defer c.Close()
	check(b, c.With(b.Context(), dir, func(a *rows.Attempt) error { return a.Wait(b.Context()) })) // what is worked out beside a first look
	for _, query := range []string{"", "desc=1", "sort=e2e_s", "sort=e2e_s&desc=1", "sort=sent_s&desc=1", "sort=output_tokens", "status=timed_out", "status=timed_out&sort=ttft_s&desc=1",
		fmt.Sprintf("after=%d_%d", n/2, n/2), "sort=e2e_s&after=1.7_0", "prompt=" + url.QueryEscape(fmt.Sprintf("prompt-%d", n/2))} {
		b.Run(query, func(b *testing.B) {
			values, err := url.ParseQuery(query)
			check(b, err)
			q, err := rows.Parse(values)
			check(b, err)
			views(b, func(ctx context.Context) error {
				return c.With(ctx, dir, func(a *rows.Attempt) error { _, err := a.Page(ctx, q); return err })
			})
		})
	}
	b.Run("find", func(b *testing.B) {
		views(b, func(ctx context.Context) error {
			return c.With(ctx, dir, func(a *rows.Attempt) error {
				_, err := a.Find(ctx, fmt.Sprintf("prompt-%d", n/2), int64(n/2^5))
				return err
			})
		})
	})
}

func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// views runs a view again and again; the peak is looked at every millisecond.
func views(b *testing.B, view func(context.Context) error) {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	over, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-over:
				tick.Stop()
				peak <- most
				return
			case <-tick.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
	}()
	slowest, busy, n := time.Duration(0), cpu(), 0
	for b.Loop() {
		n++
		began := time.Now()
		check(b, view(b.Context()))
		slowest = max(slowest, time.Since(began))
	}
	close(over)
	b.ReportMetric((cpu()-busy)/float64(n), "cpu-s/view")
	b.ReportMetric(slowest.Seconds(), "s/view")
	b.ReportMetric(float64(max(<-peak, before.HeapAlloc)-before.HeapAlloc)/(1<<20), "peak-MiB")
}
