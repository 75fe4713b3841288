package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matrix/results/record"
)

// TestLockHelper is the other process of TestLock: it takes the lock and holds it until its stdin ends.
func TestLockHelper(t *testing.T) {
	root := os.Getenv("MATRIX_TEST_LOCK")
	if root == "" {
		t.Skip("runs only as TestLock's other process")
	}
	s, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := s.Lock("matrix apply other.hcl")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	fmt.Println("held")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Fatal(err)
	}
}

func TestLock(t *testing.T) {
	s := testStore(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockHelper$")
	cmd.Env = append(os.Environ(), "MATRIX_TEST_LOCK="+s.Root())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("helper said %q, %v", line, err)
	}
	_, err = s.Lock("matrix apply mine.hcl")
	held := new(ErrLocked)
	if !errors.As(err, &held) {
		t.Fatalf("lock = %v, want ErrLocked", err)
	}
	for _, want := range []string{"matrix apply other.hcl", fmt.Sprintf("pid %d", cmd.Process.Pid)} {
		if !strings.Contains(held.Holder, want) {
			t.Errorf("holder %q does not name %q", held.Holder, want)
		}
	}
	// The holder dies without cleaning up: the kernel frees the lock, its name stays in the file.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed: the status says so
	_ = in.Close()
	unlock, err := s.Lock("matrix apply mine.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if got := readHolder(s.inner("lock")); !strings.Contains(got, "mine.hcl") {
		t.Errorf("holder = %q", got)
	}
	unlock()
	if again, err := s.Lock("again"); err != nil {
		t.Errorf("lock after unlock: %v", err)
	} else {
		again()
	}
}

func TestNotWritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Open(filepath.Join(file, "results"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock("x"); err == nil || !strings.Contains(err.Error(), "cannot be written (choose another with --results)") {
		t.Errorf("lock = %v", err)
	}
	if _, err := s.Begin(testCell(1), testIdentity(), 1, nil); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("begin = %v", err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("open = %v", err)
	}
}

func TestNamesCannotEscape(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/abs", ".hidden", "-flag", "a\x00b", "a b", "a\nb", strings.Repeat("x", 256)} {
		s := testStore(t)
		for _, asSlug := range []bool{true, false} {
			cell := testCell(1)
			if cell.Slug = name; !asSlug {
				cell.Slug, cell.Experiment = "fine", name
			}
			if _, err := s.Begin(cell, testIdentity(), 1, nil); err == nil {
				t.Errorf("begin took %q (slug %v)", name, asSlug)
			}
		}
		if entries, err := os.ReadDir(s.Root()); err != nil || len(entries) != 0 {
			t.Errorf("%q left %v behind, %v", name, entries, err)
		}
	}
	for _, name := range []string{"gemma3", "vllm_offline-gemma3_4b-1000-a81f3c0e00112233", "größe", "a.b", "t=0.8"} {
		if err := checkName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// The holder of the lock finishes what a crash cut short; a reader beside it only reads.
func TestUnfinishedBesideALock(t *testing.T) {
	s := testStore(t)
	unlock, err := s.Lock("an apply")
	if err != nil {
		t.Fatal(err)
	}
	a := begin(t, s, 1)
	mustAppend(t, a, okRow(0), "")
	if err := a.closeSpools(); err != nil {
		t.Fatal(err)
	}
	if err := a.saveState(record.Run{Planned: 1}, &intent{Status: record.Complete, Ended: time.Now()}); err != nil {
		t.Fatal(err)
	}
	reader, err := Open(s.Root())
	if err != nil {
		t.Fatal(err)
	}
	unfinished, err := reader.Unfinished(t.Context())
	if past, herr := reader.History(t.Context(), ""); err != nil || herr != nil || len(unfinished) != 0 || len(past) != 0 {
		t.Fatalf("beside a lock: %v, %v, %v, %v", unfinished, err, past, herr)
	}
	unlock() // as if it had died here
	unfinished, err = reader.Unfinished(t.Context())
	if err != nil || len(unfinished) != 0 {
		t.Fatalf("unfinished = %v, %v", unfinished, err)
	}
	if p := onlyPast(t, reader); p.Status != record.Complete || p.OK != 1 {
		t.Errorf("past = %+v", p.Manifest)
	}
}

// The tree may lie in a folder whose name would be a pattern, or a broken one: what is left half removed goes all the same.
func TestTidyInAnOddFolder(t *testing.T) {
	for _, name := range []string{"[v1]", "[v1"} {
		s, err := Open(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		left := s.inner(workDir, trashPrefix+"x")
		if err := os.MkdirAll(left, 0o755); err != nil {
			t.Fatal(err)
		}
		unlock, err := s.Lock("matrix apply mine.hcl")
		if err != nil {
			t.Errorf("in %s: %v", name, err)
			continue
		}
		unlock()
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("in %s: %s is left, %v", name, left, err)
		}
	}
}
