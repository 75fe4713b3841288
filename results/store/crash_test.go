package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"matrix/results/disk"
	"matrix/results/record"
)

// promise is what the store has said: an attempt is committed, or has so many rows synced; a mark is kept.
type promise struct {
	after   int // operations done when it was given
	attempt string
	synced  int64 // 0: committed
	mark    bool  // a taint of the attempt
}

// The workload whose every crash is tried. Launch 1 is suspended, resumed in a second segment and completed; the first
// try of launch 2 is suspended, then abandoned and tainted, the second is completed; the index is written.
const (
	crashRequests = 6
	crashLaunches = 2
)

// crashRig runs the workload; what it does besides (stop, done) the recording wants to know.
type crashRig struct {
	store *Store
	stop  func(*Attempt) bool
	done  func(*Attempt)
}

// goOn runs an apply's part: finish what is unfinished, then launch until each launch has a complete attempt.
func (r crashRig) goOn(ctx context.Context) error {
	unlock, err := r.store.Lock("test")
	if err != nil {
		return err
	}
	defer unlock()
	unfinished, err := r.store.Unfinished(ctx)
	if err != nil {
		return err
	}
	for _, a := range unfinished {
		if err := r.finish(a); err != nil {
			return err
		}
	}
	past, err := r.store.History(ctx, "gemma3")
	if err != nil {
		return err
	}
	complete := map[int]bool{}
	for _, p := range past {
		complete[p.Launch] = complete[p.Launch] || p.Status == record.Complete
	}
	for launch := 1; launch <= crashLaunches; launch++ {
		if complete[launch] {
			continue
		}
		a, err := r.store.Begin(testCell(crashRequests), testIdentity(), launch, []byte("source"))
		if err != nil {
			return err
		}
		if suspended, err := r.work(a); err != nil || suspended {
			return err
		}
	}
	return nil
}

// finish ends an unfinished attempt: launch 2 may not go on.
func (r crashRig) finish(a *Attempt) error {
	if a.Manifest().Launch == 2 {
		_, err := a.Abandon(record.Interrupted, "interrupted, and the cell has changed since")
		r.done(a)
		return err
	}
	if err := a.Resume(); err != nil {
		return err
	}
	_, err := r.work(a)
	return err
}

// work appends what is missing: every row a write of its own, every other one synced, half of them with an output.
func (r crashRig) work(a *Attempt) (suspended bool, err error) {
	run := record.Run{Planned: crashRequests, Mode: "closed"}
	if err := a.SaveRun(run); err != nil {
		return false, err
	}
	if err := os.WriteFile(a.LogPath(), []byte("log\n"), 0o644); err != nil {
		return false, err
	}
	for seq := range int64(crashRequests) {
		if a.Finished(seq) {
			continue
		}
		if r.stop(a) {
			if err := a.Append(failedRow(seq, record.StatusCanceled), nil); err != nil {
				return false, err
			}
			return true, a.Suspend(run)
		}
		if err := a.Append(okRow(seq), &record.OutputRow{Text: fmt.Sprint("answer ", seq)}); err != nil {
			return false, err
		}
		if err := a.Sample(record.SampleRow{TimeS: float64(seq), Source: "host", Metric: "x", Value: 1}); err != nil {
			return false, err
		}
		if err := r.write(a, seq%2 == 1); err != nil {
			return false, err
		}
	}
	_, err = a.Commit(record.Complete, "done", "", run)
	r.done(a)
	return false, err
}

func (r crashRig) write(a *Attempt, sync bool) error {
	a.mu.Lock()
	sp := a.spools
	a.mu.Unlock()
	if sync {
		return sp.requests.Sync() // the outputs before it
	}
	return errors.Join(sp.samples.Write(), sp.outputs.Write(), sp.requests.Write())
}

func never(*Attempt) bool { return false }
func nothing(*Attempt)    {}

// recordCrashLog runs three applies and what a person does between them.
func recordCrashLog(t *testing.T) (*diskLog, []promise) {
	t.Helper()
	log := &diskLog{Root: t.TempDir()}
	s := &Store{root: log.Root, Version: "test", fs: &disk.FS{Hook: log.Hook, NoSync: true}}
	var promises []promise
	committed := func(a *Attempt) {
		promises = append(promises, promise{after: log.Len(), attempt: a.manifest.Attempt})
	}
	halfway := func(launch int) func(*Attempt) bool {
		return func(a *Attempt) bool {
			if n := a.Done() &^ 1; n > 0 {
				promises = append(promises, promise{after: log.Len(), attempt: a.manifest.Attempt, synced: n})
			}
			return a.Manifest().Launch == launch && a.Done() == 3
		}
	}
	for _, stop := range []func(*Attempt) bool{halfway(1), halfway(2), halfway(0)} {
		if err := (crashRig{s, stop, committed}).goOn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	past, err := s.History(t.Context(), "gemma3")
	if err != nil || len(past) != 3 {
		t.Fatalf("%d attempts, %v", len(past), err)
	}
	for _, p := range past {
		if p.Status == record.Interrupted {
			if err := s.Taint("gemma3", p.Slug, p.Attempt, "a neighbour", "ada"); err != nil {
				t.Fatal(err)
			}
			promises = append(promises, promise{after: log.Len(), attempt: p.Attempt, mark: true})
		}
	}
	for range 2 { // made, and made again
		r := newRecall(s, "gemma3")
		_, err := reading{s, t.Context()}.experiment("gemma3", r.attempt)
		if err := errors.Join(err, r.write()); err != nil {
			t.Fatal(err)
		}
	}
	return log, promises
}

// crashImage is one state after a crash.
type crashImage struct {
	cut      powerCut
	image    diskImage
	promised []promise
}

// TestCrash cuts the power after every operation, with unsynced bytes kept, dropped, torn or zeroed, and names that
// arrived in another order or never, and lets the next apply go on: nothing promised is lost, nothing is there twice,
// everything can be read.
func TestCrash(t *testing.T) {
	log, promises := recordCrashLog(t)
	images := make(chan crashImage, 16)
	went := &wentOn{seen: map[[32]byte]bool{}}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for c := range images {
				if err := went.survive(t.Context(), tempDir(t), c); err != nil {
					t.Errorf("cut %+v: %v", c.cut, err)
				}
			}
		})
	}
	// Draws an operation, and of the states they make how many are tried: all with MATRIX_CRASH, which .ci/run sets.
	mixtures, sample, want := 240, 40, 10_000
	switch {
	case os.Getenv("MATRIX_CRASH") != "":
		sample = 1
	case testing.Short():
		mixtures, sample, want = 0, 40, 1_000
	}
	cuts, different := eachCrash(log, promises, mixtures, func(n int, c crashImage) {
		if n%sample == 0 && !t.Failed() {
			images <- c
		}
	})
	close(images)
	wg.Wait()
	t.Logf("%d operations, %d cuts, %d different states, one in %d tried; they recovered to %d different ones", log.Len(), cuts, different, sample, len(went.seen))
	if len(promises) < 8 || different < want {
		t.Errorf("%d promises, %d states: the workload does too little", len(promises), different)
	}
}

// eachCrash calls try for each different state.
func eachCrash(log *diskLog, promises []promise, mixtures int, try func(n int, c crashImage)) (cuts, different int) {
	// What was promised by then is part of the state: the same files may owe more later.
	type state struct {
		files    [32]byte
		promised int
	}
	seen := map[state]bool{}
	offer := func(cut powerCut, image diskImage) {
		var promised []promise
		for _, p := range promises {
			if p.after <= cut.After {
				promised = append(promised, p)
			}
		}
		cuts++
		key := state{image.Sum(), len(promised)}
		if !seen[key] {
			seen[key] = true
			try(len(seen), crashImage{cut, image, promised})
		}
	}
	for n := range log.Len() + 1 {
		for _, cut := range log.Cuts(n, mixtures) {
			image := log.After(cut)
			offer(cut, image)
			if n < log.Len() && log.Op(n).Kind == disk.Remove && cut.Seed == 0 {
				offer(cut, image.HalfRemoved(log.Op(n).Path))
			}
		}
	}
	return cuts, len(seen)
}

// wentOn remembers from which recovered states an apply has gone on: it sees of a spool what is whole, so the many ways
// to tear the same frame are one state.
type wentOn struct {
	mu   sync.Mutex
	seen map[[32]byte]bool
}

func (w *wentOn) survive(ctx context.Context, root string, c crashImage) error {
	defer os.RemoveAll(root)
	if err := c.image.Write(root); err != nil {
		return err
	}
	s := &Store{root: root, Version: "test", fs: &disk.FS{NoSync: true}}
	if err := kept(ctx, s, c.promised); err != nil {
		return fmt.Errorf("at once: %w", err)
	}
	sum, err := recovered(root, len(c.promised))
	if err != nil {
		return err
	}
	w.mu.Lock()
	known := w.seen[sum]
	w.seen[sum] = true
	w.mu.Unlock()
	if known {
		return nil
	}
	if err := (crashRig{s, never, nothing}).goOn(ctx); err != nil {
		return fmt.Errorf("go on: %w", err)
	}
	return allThere(ctx, s, c.promised)
}
