package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/spool"
	"matrix/results/table"
)

// kept holds the promises against what a reader sees after the crash.
func kept(ctx context.Context, s *Store, promises []promise) error {
	before, err := s.History(ctx, "") // before anything is tidied: what DuckDB would see
	if err != nil {
		return err
	}
	if err := keptCommitted(before, promises); err != nil {
		return err
	}
	unfinished, err := s.Unfinished(ctx)
	if err != nil {
		return err
	}
	past, err := s.History(ctx, "")
	if err != nil {
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
		if p.synced > 0 && !committed[p.attempt] && done[p.attempt] < p.synced {
			return fmt.Errorf("attempt %s has %d of %d synced rows", p.attempt, done[p.attempt], p.synced)
		}
	}
	_, err = s.Recall(ctx, "gemma3") // with the index as it is
	return err
}

func keptCommitted(past []Past, promises []promise) error {
	tainted := map[string]bool{}
	for _, p := range past {
		tainted[p.Attempt] = p.Tainted != ""
	}
	for _, p := range promises {
		mark, there := tainted[p.attempt]
		switch {
		case p.synced > 0:
		case !there:
			return fmt.Errorf("committed attempt %s is lost", p.attempt)
		case p.mark && !mark:
			return fmt.Errorf("the taint of attempt %s is lost", p.attempt)
		}
	}
	return nil
}

// allThere demands one complete attempt a launch with each request exactly once, none twice in any other, and no
// leftovers.
func allThere(ctx context.Context, s *Store, promises []promise) error {
	if err := kept(ctx, s, promises); err != nil {
		return fmt.Errorf("afterwards: %w", err)
	}
	if bad, err := s.Verify(ctx); err != nil || len(bad) > 0 {
		return fmt.Errorf("verify: %v, %v", bad, err)
	}
	past, err := s.History(ctx, "")
	if err != nil {
		return err
	}
	complete := map[int]int{}
	for _, p := range past {
		if err := eachOnce(p); err != nil {
			return fmt.Errorf("%s attempt %s: %w", p.Status, p.Attempt, err)
		}
		if p.Status == record.Complete {
			complete[p.Launch]++
		}
	}
	for launch := 1; launch <= crashLaunches; launch++ {
		if complete[launch] != 1 {
			return fmt.Errorf("launch %d has %d complete attempts", launch, complete[launch])
		}
	}
	left, err := filepath.Glob(filepath.Join(s.root, innerDir, workDir, "*"))
	if len(left) > 0 {
		return fmt.Errorf("left over: %s", left)
	}
	return err
}

// eachOnce: every request has at most one row and one output; of a complete attempt exactly one.
func eachOnce(p Past) error {
	var rows, outputs [crashRequests]int
	if err := table.ReadRequests(p.Dir, func(r record.RequestRow) error { rows[r.Seq]++; return nil }); err != nil {
		return err
	}
	if err := table.ReadOutputs(p.Dir, func(r record.OutputRow) error { outputs[r.Seq]++; return nil }); err != nil {
		return err
	}
	if _, err := table.ReadRun(p.Dir); err != nil {
		return err
	}
	for seq := range crashRequests {
		if rows[seq] > 1 || outputs[seq] > rows[seq] || p.Status == record.Complete && (rows[seq] != 1 || outputs[seq] != 1) {
			return fmt.Errorf("rows %v, outputs %v", rows, outputs)
		}
	}
	return nil
}

// recovered is the sum of all that the next apply can see: every file, of a spool the frames that are whole.
func recovered(root string, promised int) ([32]byte, error) {
	image := diskImage{fmt.Sprint(promised): nil}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() == "lock" {
			return err
		}
		if entry.IsDir() {
			image[path[len(root):]+"/"] = nil
			return nil
		}
		doc, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(path, ".spool") {
			doc = doc[:wholeFrames(doc)]
		}
		image[path[len(root):]] = doc
		return err
	})
	return image.Sum(), err
}

func wholeFrames(doc []byte) int64 {
	r := spool.NewReader(bytes.NewReader(doc))
	for {
		if _, err := r.Next(); err != nil {
			return r.Good()
		}
	}
}

// tempDir is a folder in memory where there is one: the test is of operations, not of a disk.
func tempDir(t *testing.T) string {
	t.Helper()
	if dir, err := os.MkdirTemp("/dev/shm", "matrix-crash-"); err == nil {
		return dir
	}
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Error(err)
	}
	return dir
}
