package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/table"
)

// copyTree copies a store, so that each crash starts from the same files.
func copyTree(t testing.TB, from string) *Store {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return &Store{root: to, fs: &disk.FS{NoSync: true}}
}

// A request spool cut at any byte gives back the whole batches before; the attempt goes on from there.
func TestRecoveryAtEveryCut(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 3)
	var ends []int64 // of the spool after each row
	path := a.spoolPath(record.TableRequests, 1)
	for seq := range int64(3) {
		mustAppend(t, a, okRow(seq), "")
		if err := a.spools.requests.Sync(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, info.Size())
	}
	if err := a.Suspend(record.Run{Planned: 3, Mode: "closed"}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 37
	}
	for n := 0; n <= len(whole); n += step {
		want := int64(0)
		for _, end := range ends {
			if end <= int64(n) {
				want++
			}
		}
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		unfinished, err := s.Unfinished(t.Context())
		if err != nil || len(unfinished) != 1 || unfinished[0].Done() != want {
			t.Fatalf("cut at %d: %v, %v; want %d rows", n, unfinished, err, want)
		}
	}
	for _, end := range append(ends, ends[2]-1) { // and to the end, on some of them
		if err := os.WriteFile(path, whole[:end], 0o644); err != nil {
			t.Fatal(err)
		}
		resumed(t, copyTree(t, s.root))
	}
}

func resumed(t *testing.T, s *Store) {
	t.Helper()
	unfinished, err := s.Unfinished(t.Context())
	if err != nil || len(unfinished) != 1 {
		t.Fatalf("unfinished = %v, %v", unfinished, err)
	}
	a := unfinished[0]
	if err := a.Resume(); err != nil {
		t.Fatal(err)
	}
	for seq := range int64(3) {
		if !a.Finished(seq) {
			mustAppend(t, a, okRow(seq), "")
		}
	}
	if _, err := a.Commit(record.Complete, "", "", record.Run{Planned: 3, Mode: "closed"}); err != nil {
		t.Fatal(err)
	}
	seen := map[int64]int{}
	for _, row := range readAll(t, onlyPast(t, s).Dir, table.ReadRequests) {
		seen[row.Seq]++
	}
	if len(seen) != 3 || seen[0] != 1 || seen[1] != 1 || seen[2] != 1 {
		t.Errorf("rows by seq = %v", seen)
	}
}

// What was appended is durable a second later, without anybody asking; nobody is left running.
func TestSyncEverySecond(t *testing.T) {
	s := testStore(t) // outside the bubble: the temporary folder is the test's own
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var synced []string
		s.fs.Hook = func(op disk.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind == disk.Sync && filepath.Ext(op.Path) == ".spool" {
				synced = append(synced, fmt.Sprint(time.Now().Second(), " ", filepath.Base(op.Path)))
			}
			return nil
		}
		a := begin(t, s, 2)
		time.Sleep(2500 * time.Millisecond) // the first sync covers the empty files, the second has nothing to do
		mustAppend(t, a, okRow(0), "")
		time.Sleep(time.Second)
		mu.Lock()
		got := fmt.Sprint(synced)
		mu.Unlock()
		want := "[1 outputs-001.spool 1 requests-001.spool 1 samples-001.spool 3 requests-001.spool]"
		if got != want {
			t.Errorf("synced %s, want %s", got, want)
		}
		if err := a.Suspend(record.Run{}); err != nil {
			t.Fatal(err)
		}
	})
}

// A disk that fails is said by the next Append, not swallowed; what was there before is kept.
func TestSpoolFailure(t *testing.T) {
	for _, kind := range []disk.Kind{disk.Write, disk.Sync} {
		s := testStore(t)
		a := begin(t, s, 9)
		mustAppend(t, a, okRow(0), "")
		if err := a.spools.requests.Sync(); err != nil {
			t.Fatal(err)
		}
		s.fs.Hook = func(op disk.Op) error {
			if op.Kind == kind && filepath.Ext(op.Path) == ".spool" {
				return syscall.ENOSPC
			}
			return nil
		}
		mustAppend(t, a, okRow(1), "")
		if err := a.spools.requests.Sync(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: sync = %v", kind, err)
		}
		if err := a.Append(okRow(2), nil); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: append = %v", kind, err)
		}
		s.fs.Hook = nil
		if _, err := a.Commit(record.Complete, "", "", record.Run{Planned: 3}); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: commit = %v", kind, err)
		}
		if _, err := a.Commit(record.EnvironmentFailed, "disk full", "", record.Run{Planned: 3}); err != nil {
			t.Errorf("%s: commit of what is left = %v", kind, err)
		}
		if p := onlyPast(t, s); p.OK < 1 || p.Status != record.EnvironmentFailed {
			t.Errorf("%s: %d ok rows, %s", kind, p.OK, p.Status)
		}
	}
}

// Whichever operation of a commit fails, the rows stay, and the next apply publishes them once.
func TestCommitFailure(t *testing.T) {
	ready := testStore(t)
	a := begin(t, ready, 2)
	mustAppend(t, a, okRow(0), "x")
	mustAppend(t, a, okRow(1), "")
	if err := a.Suspend(record.Run{Planned: 2, Mode: "closed"}); err != nil {
		t.Fatal(err)
	}
	for nth := 1; ; nth++ {
		s := copyTree(t, ready.root)
		unfinished, err := s.Unfinished(t.Context())
		if err != nil || len(unfinished) != 1 {
			t.Fatalf("unfinished = %v, %v", unfinished, err)
		}
		left := nth
		s.fs.Hook = func(disk.Op) error {
			if left--; left == 0 {
				return syscall.EIO
			}
			return nil
		}
		_, err = unfinished[0].Abandon(record.Complete, "done")
		if left > 0 { // the commit has fewer operations: all were tried
			if err != nil || nth < 20 {
				t.Errorf("after %d operations: %v", nth-1, err)
			}
			return
		}
		s.fs.Hook = nil
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("operation %d fails: err = %v", nth, err)
		}
		again, err := s.Unfinished(t.Context())
		if err != nil {
			t.Fatalf("operation %d: unfinished: %v", nth, err)
		}
		for _, a := range again { // it had failed before the commit began
			if _, err := a.Abandon(record.Complete, "done"); err != nil {
				t.Fatal(err)
			}
		}
		if p := onlyPast(t, s); p.Problem != "" || p.Status != record.Complete || p.OK != 2 {
			t.Errorf("operation %d fails: %q %s, %d ok", nth, p.Problem, p.Status, p.OK)
		}
	}
}

// Many requests end at once, while telemetry comes in.
func TestConcurrentAppend(t *testing.T) {
	const workers, each = 8, 2500
	s := testStore(t)
	a := begin(t, s, workers*each)
	var wg sync.WaitGroup
	for w := range int64(workers) {
		wg.Go(func() {
			for i := range int64(each) {
				if err := a.Append(okRow(w*each+i), &record.OutputRow{Text: "text"}); err != nil {
					t.Error(err)
					return
				}
				if i%100 == 0 {
					if err := a.Sample(record.SampleRow{TimeS: float64(i), Source: "host", Metric: "x", Value: 1}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	summary, err := a.Commit(record.Complete, "", "", record.Run{Planned: workers * each, Mode: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	check(t, summary, map[string]float64{"requests_ok": workers * each})
	rows, outputs := 0, 0
	p := onlyPast(t, s)
	seen := bitmap{}
	if err := table.ReadRequests(p.Dir, func(r record.RequestRow) error { rows++; seen.set(r.Seq); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := table.ReadOutputs(p.Dir, func(record.OutputRow) error { outputs++; return nil }); err != nil {
		t.Fatal(err)
	}
	if rows != workers*each || outputs != rows || !seen.has(workers*each-1) {
		t.Errorf("%d rows, %d outputs", rows, outputs)
	}
}
