package crashtest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matrix/results/record"
	"matrix/results/table"
)

const killLaunches = 2 * 3 // cells × launches

const killSettings = `
  launches = 3
  matrix {
    batch_size = [40, 500]
  }
  load {
    concurrency = 8
  }
`

// TestKill kills applies at random moments until their experiments are complete: every launch is committed once, every
// request stands once, nothing is left running, every file can be read.
func TestKill(t *testing.T) {
	t.Parallel()
	var left, died, trees atomic.Int64
	left.Store(int64(kills(t)))
	var wg sync.WaitGroup
	for worker := range min(4, 1+kills(t)/8) {
		wg.Go(func() {
			chance := rand.New(rand.NewPCG(uint64(worker), 5))
			for left.Load() > 0 && !t.Failed() {
				died.Add(killUntilComplete(t, chance, &left))
				trees.Add(1)
			}
		})
	}
	wg.Wait()
	t.Logf("%d kills of %d experiments", died.Load(), trees.Load())
}

// killUntilComplete kills one experiment's applies while kills are left, then lets it end.
func killUntilComplete(t *testing.T, chance *rand.Rand, left *atomic.Int64) (died int64) {
	r := plant(t, t.TempDir(), `api = "vllm_serve", load_s = 0.01, slots = 8, decode_tokens_per_s = 400`, killSettings)
	for {
		var after time.Duration
		if left.Add(-1) >= 0 {
			after = time.Duration(1 + chance.Int64N(int64(1800*time.Millisecond)))
		}
		killed, code, out := r.apply(after)
		if !killed {
			if code != 0 {
				t.Errorf("apply ended with %d:\n%s", code, out)
			}
			if after > 0 {
				left.Add(1) // it was complete before its time came
			}
			break
		}
		died++
		if chance.IntN(3) == 0 { // otherwise the next apply meets what the last one left
			r.nothingLeft()
		}
	}
	r.nothingLeft()
	r.verified()
	complete := map[string]int{}
	for _, p := range r.history() {
		r.eachOnce(p)
		if p.Status == record.Complete {
			complete[fmt.Sprint(p.Slug, " ", p.Launch)]++
		}
	}
	for launch, n := range complete {
		if n != 1 {
			t.Errorf("%s was committed %d times", launch, n)
		}
	}
	if len(complete) != killLaunches {
		t.Errorf("%d launches are complete, want %d", len(complete), killLaunches)
		for _, p := range r.history() {
			t.Logf("launch %d of %s: %s %s %s, %d of %d ok", p.Launch, p.Slug, p.Status, p.Problem, p.Reason, p.OK, p.Planned)
		}
	}
	return died
}

// TestResumeInCell kills a cell of many requests three times: it ends as one attempt in four segments, each with its own
// load and warm-up, every request once, and says so.
func TestResumeInCell(t *testing.T) {
	long(t)
	t.Parallel()
	requests, concurrency := 2_000, 16
	if kills(t) > 100 {
		requests, concurrency = 50_000, 64
	}
	r := plant(t, t.TempDir(), fmt.Sprintf(`api = "vllm_serve", load_s = 0.01, slots = %d, decode_tokens_per_s = 100`, concurrency),
		fmt.Sprintf("batch_size = %d\n load {\n concurrency = %d\n }\n", requests, concurrency))
	for n := range 3 {
		r.killAt(int64(requests * (n + 1) / 5))
	}
	if _, code, out := r.apply(0); code != 0 {
		t.Fatalf("apply ended with %d:\n%s", code, out)
	}
	r.nothingLeft()
	r.verified()
	past := r.history()
	if len(past) != 1 || past[0].Status != record.Complete || past[0].OK != int64(requests) || past[0].Segments != 4 {
		t.Fatalf("history: %+v", past)
	}
	warmups := r.eachOnce(past[0])
	row, err := table.ReadRun(past[0].Dir)
	if err != nil {
		t.Fatal(err)
	}
	r.segmentsTold(row, warmups)
}

// onDisk is how many requests of the one unfinished attempt are on disk.
func (r tree) onDisk() int64 {
	unfinished, err := r.store().Unfinished(r.t.Context())
	if err != nil || len(unfinished) != 1 {
		return 0
	}
	return unfinished[0].Done()
}

// killAt kills an apply as soon as so many requests are on disk, some of them its own.
func (r tree) killAt(rows int64) {
	r.t.Helper()
	rows = max(rows, r.onDisk()+1)
	cmd, out := r.command(r.bin, "apply", "--auto-approve", "kill.hcl")
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if r.onDisk() >= rows {
			break
		}
		if time.Now().After(deadline) {
			r.t.Errorf("%d rows did not come", rows)
			break
		}
	}
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		r.t.Fatalf("it had ended before it was killed:\n%s", out)
	}
}
