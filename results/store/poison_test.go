package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/results/disk"
	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/table"
)

// committing leaves an attempt of three requests as a crash within its commit does: noted, spools closed, nothing moved.
func committing(t *testing.T, s *Store, run record.Run) *Attempt {
	t.Helper()
	a := begin(t, s, 3)
	for seq := range int64(3) {
		mustAppend(t, a, okRow(seq), "answer")
	}
	if err := a.Sample(record.SampleRow{Source: "host", Metric: "x"}); err != nil {
		t.Fatal(err)
	}
	spools, err := a.closeMeasured()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.saveState(run, &intent{Status: record.Complete, Ended: time.Now(), Rows: a.measured, Spools: spools}); err != nil {
		t.Fatal(err)
	}
	return a
}

// poisons are the ways in which work that a crash left can be past saving; each must be set aside, and stop nobody.
var poisons = map[string]func(t *testing.T, a *Attempt){
	"a spool cut before its first row": func(t *testing.T, a *Attempt) {
		must(t, os.Truncate(a.spoolPath(record.TableRequests, 1), 40))
	},
	"a spool cut before its last row": func(t *testing.T, a *Attempt) {
		path := a.spoolPath(record.TableRequests, 1)
		info, err := os.Stat(path)
		must(t, errors.Join(err, os.Truncate(path, info.Size()-1)))
	},
	"a spool that is gone": func(t *testing.T, a *Attempt) { must(t, os.Remove(a.spoolPath(record.TableRequests, 1))) },
	"a FIFO for a spool": func(t *testing.T, a *Attempt) {
		must(t, errors.Join(os.Remove(a.spoolPath(record.TableRequests, 1)), syscall.Mkfifo(a.spoolPath(record.TableRequests, 1), 0o644)))
	},
	"a spool of another table": func(t *testing.T, a *Attempt) {
		doc, err := os.ReadFile(a.spoolPath(record.TableSamples, 1))
		must(t, errors.Join(err, os.WriteFile(a.spoolPath(record.TableRequests, 1), doc, 0o644)))
	},
	"a description of another attempt": func(t *testing.T, a *Attempt) {
		a.manifest.Attempt = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
		must(t, a.saveManifest())
	},
	"a description with a million segments": func(t *testing.T, a *Attempt) {
		a.manifest.Segments = 1_000_000_000
		must(t, a.saveManifest())
	},
	"a description with no segment": func(t *testing.T, a *Attempt) {
		a.manifest.Segments = -1
		must(t, a.saveManifest())
	},
	"a description that names a folder outside": func(t *testing.T, a *Attempt) {
		a.manifest.Slug = "../../escaped"
		must(t, a.saveManifest())
	},
	"a torn description": func(t *testing.T, a *Attempt) { must(t, os.Truncate(filepath.Join(a.dir, attemptFile), 100)) },
	"a FIFO for a description": func(t *testing.T, a *Attempt) {
		path := filepath.Join(a.dir, attemptFile)
		must(t, errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)))
	},
	"its place taken by another folder": func(t *testing.T, a *Attempt) {
		target, err := a.target()
		must(t, errors.Join(err, os.MkdirAll(filepath.Join(target, "in the way"), 0o755)))
	},
	"its cell's place taken by a file": func(t *testing.T, a *Attempt) {
		a.manifest.Slug = "taken"
		target, err := a.target()
		must(t, errors.Join(err, a.saveManifest(), os.WriteFile(filepath.Dir(target), nil, 0o644)))
	},
	"more requests noted than there are": func(t *testing.T, a *Attempt) {
		a.state.Commit.Rows = 4
		must(t, a.saveState(*a.state.Run, a.state.Commit))
	},
	"an engine's log that is a link": func(t *testing.T, a *Attempt) { must(t, os.Symlink("/etc/passwd", a.LogPath())) },
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever a crash or a fault left of one attempt, the others go on: it is in lost/ with its reason, said once, and the
// tree can be locked, read, verified and written.
func TestPoisonedWorkIsSetAside(t *testing.T) {
	for name, poison := range poisons {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			var said []string
			s.Notice = func(text string) { said = append(said, text) }
			good := keptAttempt(t, s)
			bad := committing(t, s, record.Run{Planned: 3})
			poison(t, bad)
			for range 2 {
				left, err := s.Unfinished(t.Context())
				if err != nil || len(left) != 0 {
					t.Fatalf("unfinished: %v, %v", left, err)
				}
				unlock, err := s.Lock("an apply")
				if err != nil {
					t.Fatal(err)
				}
				unlock()
			}
			past, err := s.History(t.Context(), "")
			if err != nil || len(past) == 0 || past[0].Attempt != good.Attempt || past[0].Problem != "" {
				t.Fatalf("history: %v, %v", past, err)
			}
			if _, err := s.Verify(t.Context()); err != nil {
				t.Error(err)
			}
			why, _ := filepath.Glob(filepath.Join(s.root, innerDir, lostDir, "*", "why.txt"))
			if len(why) != 1 || len(said) != 1 || !strings.Contains(said[0], "set aside") {
				t.Errorf("lost: %v, said %q", why, said)
			}
			if work, _ := os.ReadDir(s.inner(workDir)); len(work) > 0 {
				t.Errorf("left in work: %v", work)
			}
			keptAttempt(t, s)
		})
	}
}

// An attempt that was never committed and cannot be read back is set aside as well, not an error of every plan.
func TestUnreadableUnfinished(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 3)
	mustAppend(t, a, okRow(0), "")
	must(t, a.Sample(record.SampleRow{Source: "host", Metric: "x"}))
	must(t, a.Suspend(record.Run{Planned: 3}))
	samples, err := os.ReadFile(a.spoolPath(record.TableSamples, 1)) // another table's rows, every frame whole
	must(t, err)
	must(t, os.WriteFile(a.spoolPath(record.TableRequests, 1), samples, 0o644))
	other := begin(t, s, 3)
	mustAppend(t, other, okRow(0), "")
	must(t, other.Suspend(record.Run{Planned: 3}))
	left, err := s.Unfinished(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range left {
		if one.manifest.Attempt == a.manifest.Attempt {
			t.Errorf("the unreadable attempt is taken for one to be resumed with %d rows", one.Done())
		}
	}
	if len(left) != 1 {
		t.Errorf("%d attempts to go on with, want the other one", len(left))
	}
}

// A full disk is no poison: nothing is set aside, and when there is room the commit is ended.
func TestFullDiskIsWaitedFor(t *testing.T) {
	s := testStore(t)
	committing(t, s, record.Run{Planned: 3})
	s.fs.Hook = failingFrom(20, syscall.ENOSPC)
	if _, err := s.Lock("an apply"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("lock on a full disk: %v", err)
	}
	if left, err := s.Unfinished(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("a reader on a full disk: %v, %v", left, err)
	}
	s.fs.Hook = nil
	unlock, err := s.Lock("an apply")
	must(t, err)
	unlock()
	if p := onlyPast(t, s); p.Status != record.Complete || p.OK != 3 {
		t.Errorf("past: %+v", p)
	}
}

// Outputs and samples that a damaged spool lost do not void the requests, and are said.
func TestLostOutputsAreSaid(t *testing.T) {
	s := testStore(t)
	a := committing(t, s, record.Run{Planned: 3})
	for _, name := range []string{record.TableOutputs, record.TableSamples} {
		must(t, os.Truncate(a.spoolPath(name, 1), 60))
	}
	unlock, err := s.Lock("an apply")
	must(t, err)
	unlock()
	p := onlyPast(t, s)
	row, err := table.ReadRun(p.Dir)
	must(t, err)
	text := fmt.Sprint(row.Warnings())
	if p.OK != 3 || !strings.Contains(text, "some of its outputs are lost") || !strings.Contains(text, "some of its samples are lost") {
		t.Errorf("%d ok, warnings %s", p.OK, text)
	}
}

// A folder that was built whole is published as it is, though its spools were damaged since; one that was damaged is not.
func TestBuiltFolderIsHeldAgainstItsSums(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		s := testStore(t)
		a := committing(t, s, record.Run{Planned: 3})
		dir := filepath.Join(a.dir, commitDir)
		_, _, err := building{a, dir}.whole()
		must(t, err)
		must(t, os.Truncate(a.spoolPath(record.TableRequests, 1), 40))
		if damaged {
			must(t, os.WriteFile(filepath.Join(dir, record.TableRun+".parquet"), []byte("PAR1"), 0o644))
		}
		unlock, err := s.Lock("an apply")
		must(t, err)
		unlock()
		past, err := s.History(t.Context(), "")
		must(t, err)
		bad, err := s.Verify(t.Context())
		if (len(past) == 1) == damaged || len(bad) > 0 || err != nil {
			t.Errorf("damaged %t: %d published, %v, %v", damaged, len(past), bad, err)
		}
	}
}

// More requests than were planned are refused at the door, and no statistic panics on them.
func TestMoreThanPlanned(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 3)
	for seq := range int64(5) {
		mustAppend(t, a, okRow(seq), "")
	}
	if _, err := a.Commit(record.Complete, "imported", "", record.Run{Planned: 3, Imported: true}); err == nil {
		t.Error("5 requests of 3 were committed")
	}
	if past, err := s.History(t.Context(), ""); err != nil || len(past) != 0 {
		t.Errorf("history: %v, %v", past, err)
	}
	for _, c := range [][2]int64{{5, 3}, {1, 0}, {-1, 3}, {3, -1}, {3, 3}, {0, 0}} {
		if low := metrics.SuccessBound(c[0], c[1]); !(low >= 0 && low <= 1) {
			t.Errorf("bound of %d of %d: %v", c[0], c[1], low)
		}
	}
}

// failingFrom refuses every operation from the nth on.
func failingFrom(nth int, why error) disk.Hook {
	return func(disk.Op) error {
		if nth--; nth < 0 {
			return why
		}
		return nil
	}
}

// An import that was killed goes: its file is still there, and no apply would go on with it.
func TestHalfAnImportIsRemoved(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 3)
	mustAppend(t, a, okRow(0), "")
	must(t, a.Suspend(record.Run{Planned: 3, Imported: true}))
	unlock, err := s.Lock("an apply")
	must(t, err)
	unlock()
	if work, _ := os.ReadDir(s.inner(workDir)); len(work) > 0 {
		t.Errorf("left in work: %v", work)
	}
	if lost, _ := os.ReadDir(filepath.Join(s.root, innerDir, lostDir)); len(lost) > 0 {
		t.Errorf("set aside: %v", lost)
	}
}
