package results

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"matrix/results/disk"
	"matrix/results/disk/disktest"
)

// promise is what the store has said of an attempt: committed, or so many measured rows synced.
type promise struct {
	after   int // operations done when it was given
	attempt string
	synced  int64 // 0: committed
}

// The workload whose every crash is tried: two launches of a cell with four requests each; the first is
// suspended and resumed.
const crashRequests = 4

// goOn runs an apply's part: finish what is unfinished, then launch until both launches are committed.
func goOn(ctx context.Context, s *Store, stop func(*Attempt) bool, done func(*Attempt)) error {
	unlock, err := s.Lock("test")
	if err != nil {
		return err
	}
	defer unlock()
	unfinished, err := s.Unfinished(ctx)
	if err != nil {
		return err
	}
	for _, a := range unfinished {
		if err := a.Resume(); err != nil {
			return err
		}
		if suspended, err := work(a, stop); err != nil || suspended {
			return err
		}
		done(a)
	}
	past, err := s.History(ctx, "gemma3")
	if err != nil {
		return err
	}
	for launch := len(past) + 1; launch <= 2; launch++ {
		a, err := s.Begin(testCell(crashRequests), testIdentity(), launch, []byte("source"))
		if err != nil {
			return err
		}
		if suspended, err := work(a, stop); err != nil || suspended {
			return err
		}
		done(a)
	}
	return nil
}

func work(a *Attempt, stop func(*Attempt) bool) (suspended bool, err error) {
	run := Run{Planned: crashRequests, Mode: "closed"}
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
		if stop(a) {
			if err := a.Append(failedRow(seq, statusCanceled), nil); err != nil {
				return false, err
			}
			return true, a.Suspend(run)
		}
		if err := a.Append(okRow(seq), &OutputRow{Text: fmt.Sprint("answer ", seq)}); err != nil {
			return false, err
		}
		a.mu.Lock()
		sp := a.spools
		a.mu.Unlock()
		if err := sp.requests.sync(); err != nil {
			return false, err
		}
	}
	_, err = a.Commit(Complete, "done", "", run)
	return false, err
}

func never(*Attempt) bool { return false }
func nothing(*Attempt)    {}

func recordCrashLog(t *testing.T) (*disktest.Log, []promise) {
	t.Helper()
	log := &disktest.Log{Root: t.TempDir()}
	s := &Store{root: log.Root, Version: "test", fs: &disk.FS{Hook: log.Hook, NoSync: true}}
	var promises []promise
	committed := func(a *Attempt) {
		promises = append(promises, promise{after: log.Len(), attempt: a.manifest.Attempt})
	}
	halfway := func(a *Attempt) bool {
		if a.Done() > 0 {
			promises = append(promises, promise{after: log.Len(), attempt: a.manifest.Attempt, synced: a.Done()})
		}
		return a.Done() == 2
	}
	if err := goOn(t.Context(), s, halfway, committed); err != nil {
		t.Fatal(err)
	}
	if err := goOn(t.Context(), s, never, committed); err != nil {
		t.Fatal(err)
	}
	return log, promises
}

// TestCrash cuts the power after every operation, with unsynced bytes and names kept, dropped, torn or zeroed,
// and lets the next apply go on: nothing promised is lost, nothing is there twice, everything can be read.
func TestCrash(t *testing.T) {
	log, promises := recordCrashLog(t)
	images := make(chan crashImage)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for c := range images {
				if err := survive(t.Context(), t.TempDir(), c.image, promises, c.cut.After); err != nil {
					t.Errorf("cut %+v: %v", c.cut, err)
				}
			}
		})
	}
	cuts, different := eachCrash(log, promises, func(n int, c crashImage) {
		if !testing.Short() || n%7 == 0 {
			images <- c
		}
	})
	close(images)
	wg.Wait()
	t.Logf("%d operations, %d cuts, %d different states", log.Len(), cuts, different)
	if len(promises) < 4 || different < 250 {
		t.Errorf("%d promises, %d states: the workload does too little", len(promises), different)
	}
}

// crashImage is one state after a crash.
type crashImage struct {
	cut   disktest.Cut
	image disktest.Image
}

// eachCrash calls try for each different state.
func eachCrash(log *disktest.Log, promises []promise, try func(n int, c crashImage)) (cuts, different int) {
	// What was promised by then is part of the state: the same files may owe more later.
	type state struct {
		files    [32]byte
		promised int
	}
	seen := map[state]bool{}
	offer := func(cut disktest.Cut, image disktest.Image) {
		promised := 0
		for _, p := range promises {
			if p.after <= cut.After {
				promised++
			}
		}
		cuts++
		key := state{image.Sum(), promised}
		if !seen[key] {
			seen[key] = true
			try(len(seen), crashImage{cut, image})
		}
	}
	for _, cut := range disktest.Cuts(0, log.Len()) {
		image := log.After(cut)
		offer(cut, image)
		if cut.After < log.Len() && log.Op(cut.After).Kind == disk.Remove {
			offer(cut, image.HalfRemoved(log.Op(cut.After).Path))
		}
	}
	return cuts, len(seen)
}

func survive(ctx context.Context, root string, image disktest.Image, promises []promise, after int) error {
	if err := image.Write(root); err != nil {
		return err
	}
	defer os.RemoveAll(root)
	s := &Store{root: root, Version: "test", fs: &disk.FS{NoSync: true}}
	if err := kept(ctx, s, promises, after); err != nil {
		return fmt.Errorf("at once: %w", err)
	}
	if err := goOn(ctx, s, never, nothing); err != nil {
		return fmt.Errorf("go on: %w", err)
	}
	return allThere(ctx, s, promises, after)
}

// kept holds the promises against what a reader sees after the crash.
func kept(ctx context.Context, s *Store, promises []promise, after int) error {
	past, err := s.History(ctx, "") // before anything is tidied: what DuckDB would see
	if err != nil {
		return err
	}
	for _, p := range promises {
		if p.after <= after && p.synced == 0 && !slices.ContainsFunc(past, func(q Past) bool { return q.Attempt == p.attempt }) {
			return fmt.Errorf("committed attempt %s is lost", p.attempt)
		}
	}
	unfinished, err := s.Unfinished(ctx)
	if err != nil {
		return err
	}
	if past, err = s.History(ctx, ""); err != nil {
		return err
	}
	committed, done := map[string]bool{}, map[string]int64{}
	for _, p := range past {
		if p.Problem != "" {
			return fmt.Errorf("%s: %s", p.Problem, p.Detail)
		}
		committed[p.Attempt] = true
	}
	for _, a := range unfinished {
		if committed[a.manifest.Attempt] {
			return fmt.Errorf("attempt %s is committed and unfinished", a.manifest.Attempt)
		}
		done[a.manifest.Attempt] = a.Done()
	}
	for _, p := range promises {
		switch {
		case p.after > after:
		case p.synced > 0 && !committed[p.attempt] && done[p.attempt] < p.synced:
			return fmt.Errorf("attempt %s has %d of %d synced rows", p.attempt, done[p.attempt], p.synced)
		}
	}
	return nil
}

// allThere demands two committed launches with each request exactly once, and no leftovers.
func allThere(ctx context.Context, s *Store, promises []promise, after int) error {
	if err := kept(ctx, s, promises, after); err != nil {
		return fmt.Errorf("afterwards: %w", err)
	}
	if bad, err := s.Verify(ctx); err != nil || len(bad) > 0 {
		return fmt.Errorf("verify: %v, %v", bad, err)
	}
	past, err := s.History(ctx, "")
	if err != nil || len(past) != 2 {
		return fmt.Errorf("%d attempts, want 2: %v", len(past), err)
	}
	for _, p := range past {
		var seqs [crashRequests]int
		if err := ReadRequests(p.Dir, func(r RequestRow) error { seqs[r.Seq]++; return nil }); err != nil {
			return err
		}
		var outputs [crashRequests]int
		if err := ReadOutputs(p.Dir, func(r OutputRow) error { outputs[r.Seq]++; return nil }); err != nil {
			return err
		}
		if want := [crashRequests]int{1, 1, 1, 1}; p.Status != Complete || seqs != want {
			return fmt.Errorf("%s attempt has rows %v, outputs %v", p.Status, seqs, outputs)
		}
	}
	left, err := filepath.Glob(filepath.Join(s.root, innerDir, "*", "*"))
	for _, name := range left {
		if !strings.HasSuffix(name, "lock") {
			return fmt.Errorf("left over: %s", name)
		}
	}
	return err
}
