package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/results/disk"
	"matrix/results/record"
)

// keptAttempt commits one attempt with three requests and returns it as the history shows it.
func keptAttempt(t *testing.T, s *Store) Past {
	t.Helper()
	a := begin(t, s, 3)
	for seq := range int64(3) {
		mustAppend(t, a, okRow(seq), "answer")
	}
	if _, err := a.Commit(record.Complete, "done", "", record.Run{Planned: 3}); err != nil {
		t.Fatal(err)
	}
	past, err := s.History(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return past[len(past)-1]
}

func mustMerge(t *testing.T, into, from *Store) MergeReport {
	t.Helper()
	m, err := into.Merge(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMerge(t *testing.T) {
	into, from := testStore(t), testStore(t)
	keptAttempt(t, into)
	theirs := keptAttempt(t, from)
	if err := from.Taint(theirs.Experiment, theirs.Slug, theirs.Attempt, "fan broken", "me"); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(theirs.Experiment, launchesDir, theirs.Attempt, "server.log")
	if err := os.MkdirAll(filepath.Dir(filepath.Join(from.root, shared)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from.root, shared), []byte("ready\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := mustMerge(t, into, from)
	if len(m.Taken) != 1 || m.Marks != 1 || m.Launches != 1 || len(m.Damaged) != 0 {
		t.Fatalf("got %+v, want one attempt, one mark, one launch", m)
	}
	if len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "complete in both trees") {
		t.Errorf("notes %q", m.Notes)
	}
	past, err := into.History(t.Context(), "")
	if err != nil || len(past) != 2 || past[1].Tainted != "fan broken" {
		t.Fatalf("history %+v (%v), want two attempts, the second tainted", past, err)
	}
	if bad, err := into.Verify(context.Background()); err != nil || len(bad) != 0 {
		t.Errorf("verify: %v, %v", bad, err)
	}
	again := mustMerge(t, into, from)
	if len(again.Taken) != 0 || len(again.Already) != 1 || again.Marks+again.Sources+again.Launches != 0 {
		t.Errorf("a second merge did something: %+v", again)
	}
	if left, _ := filepath.Glob(into.inner(workDir, ".trash*")); len(left) > 0 {
		t.Errorf("left in work: %v", left)
	}
	// The same launch of an equal cell in another experiment is another's.
	other := &merger{todo: []Past{past[0]}}
	other.todo[0].Experiment += "2"
	if other.note(past[:1]); len(other.out.Notes) > 0 {
		t.Errorf("of another experiment: %q", other.out.Notes)
	}
}

// The same ULID with other contents: nothing at all is taken.
func TestMergeConflict(t *testing.T) {
	into, from := testStore(t), testStore(t)
	mine := keptAttempt(t, into)
	keptAttempt(t, from)
	theirs := keptAttempt(t, from)
	clash := filepath.Join(filepath.Dir(theirs.Dir), mine.Attempt)
	if err := os.Rename(theirs.Dir, clash); err != nil {
		t.Fatal(err)
	}
	m := theirs.Manifest
	m.Attempt, m.Launch, m.Self = mine.Attempt, 2, ""
	if _, err := (building{&Attempt{store: from}, clash}).manifest(m); err != nil {
		t.Fatal(err)
	}
	_, err := into.Merge(t.Context(), from)
	var conflict *ErrConflict
	if !errors.As(err, &conflict) || len(conflict.Conflicts) != 1 || !strings.Contains(err.Error(), mine.Attempt) {
		t.Fatalf("got %v, want a conflict over %s", err, mine.Attempt)
	}
	if !strings.Contains(err.Error(), mine.Dir) || !strings.Contains(err.Error(), clash) {
		t.Errorf("no path of both trees in: %v", err)
	}
	if past, _ := into.History(t.Context(), ""); len(past) != 1 {
		t.Errorf("%d attempts after a refused merge, want 1", len(past))
	}
}

// A flipped byte in the other tree is found before the attempt appears in ours; the rest is taken.
func TestMergeDamaged(t *testing.T) {
	into, from := testStore(t), testStore(t)
	keptAttempt(t, from)
	bad := keptAttempt(t, from)
	path := filepath.Join(bad.Dir, "requests.parquet")
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc[len(doc)/2] ^= 1
	if err := os.WriteFile(path, doc, 0o644); err != nil {
		t.Fatal(err)
	}
	m := mustMerge(t, into, from)
	if len(m.Taken) != 1 || len(m.Damaged) != 1 || m.Damaged[0].Attempt != bad.Attempt || m.Damaged[0].Problem != ResultCorrupt {
		t.Errorf("got %+v, want one taken and one damaged", m)
	}
	if past, _ := into.History(t.Context(), ""); len(past) != 1 {
		t.Errorf("%d attempts, want 1", len(past))
	}
}

// Wherever a merge is cut short, the tree holds whole attempts only, and the next merge ends what is missing.
func TestMergeCutShort(t *testing.T) {
	from := testStore(t)
	keptAttempt(t, from)
	keptAttempt(t, from)
	cut := errors.New("power cut")
	for limit := 0; ; limit++ {
		into := testStore(t)
		ops := 0
		into.fs.Hook = func(disk.Op) error {
			if ops++; ops > limit {
				return cut
			}
			return nil
		}
		_, err := into.Merge(t.Context(), from)
		into.fs.Hook = nil
		if bad, verr := into.Verify(t.Context()); verr != nil || len(bad) > 0 {
			t.Fatalf("after %d operations: %v, %v", limit, bad, verr)
		}
		if m := mustMerge(t, into, from); len(m.Taken)+len(m.Already) != 2 {
			t.Fatalf("after %d operations the next merge has %d + %d attempts", limit, len(m.Taken), len(m.Already))
		}
		if err == nil {
			return
		}
	}
}
