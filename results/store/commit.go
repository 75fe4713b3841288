package store

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"time"

	"matrix/results/record"
)

// Commit turns the spools into Parquet and publishes the attempt by one rename. A complete attempt must
// have a row for each planned request. After an error the rows are still in work/: the next apply completes
// a commit that had begun.
// run is the whole description, not a change to the saved one; logTail and reason go into the manifest as they are.
// After Commit the attempt takes no rows; it may be called again where it failed.
func (a *Attempt) Commit(status, reason, logTail string, run record.Run) (record.Summary, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.published {
		return record.Summary{}, errors.New("commit attempt: it is committed already")
	}
	if !slices.Contains(record.AttemptStatuses, status) {
		return record.Summary{}, fmt.Errorf("commit attempt: unknown status %q", status)
	}
	spools, err := a.closeMeasured()
	if err != nil {
		if status == record.Complete {
			return record.Summary{}, fmt.Errorf("commit attempt: rows are lost: %w", err)
		}
		a.warn("rows are lost: " + err.Error())
	}
	planned := run.Planned
	if planned == 0 {
		planned = a.manifest.Planned
	}
	// Another tool may have kept totals only, or a sample of its requests.
	if status == record.Complete && (a.measured > planned || a.measured != planned && !run.Imported) {
		return record.Summary{}, fmt.Errorf("commit attempt: %d of %d planned requests have a row", a.measured, planned)
	}
	run.Planned = planned
	// From here on a crash ends this launch as it ended, and does not ask it again.
	end := &intent{Status: status, Reason: reason, LogTail: logTail, Ended: time.Now(), Rows: a.measured, Spools: spools}
	if err := a.saveState(run, end); err != nil {
		return record.Summary{}, fmt.Errorf("commit attempt: %w", err)
	}
	return a.publish()
}

// Abandon commits an attempt from Unfinished that cannot go on, with what it saw.
// With nothing saved the run's description is empty.
func (a *Attempt) Abandon(status, reason string) (record.Summary, error) {
	run := record.Run{}
	if saved := a.SavedRun(); saved != nil {
		run = *saved
	}
	return a.Commit(status, reason, "", run)
}

// target is where the attempt is published.
// It fails where the attempt's own names may not be folders: they come out of a file.
func (a *Attempt) target() (string, error) {
	cell, err := a.store.cellDir(a.manifest.Experiment, a.manifest.Slug)
	return filepath.Join(cell, a.manifest.Attempt), err
}

// publish builds the folder and moves it into its place. It may be repeated: it starts from the spools.
// The caller holds mu, or is alone with the attempt.
func (a *Attempt) publish() (record.Summary, error) {
	defer beThrifty(a.measured)()
	dir := filepath.Join(a.dir, commitDir)
	m, summary, err := building{a, dir}.whole()
	if err == nil {
		err = a.move(dir)
	}
	if err != nil {
		return record.Summary{}, fmt.Errorf("commit attempt %s: %w", a.manifest.Attempt, err)
	}
	a.published, a.manifest = true, m
	return summary, nil
}

// move publishes a folder that was built, by one rename, and drops the spools that it was built from.
func (a *Attempt) move(dir string) error {
	fs := a.store.fs
	target, err := a.target()
	if err != nil {
		return err
	}
	cell := filepath.Dir(target)
	if err := fs.MkdirAll(cell); err != nil {
		return notWritable(a.store.root, err)
	}
	// right before the rename: what takes longer leaves another task time to begin
	if a.store.guard != nil {
		if err := a.store.guard(); err != nil {
			return fmt.Errorf("%w: %w", errGuard, err)
		}
	}
	if err := fs.Rename(dir, target); err != nil {
		return err
	}
	// Both parents before the spools go: were the removal durable and the rename not, all would be lost.
	if err := errors.Join(fs.SyncDir(cell), fs.SyncDir(a.dir)); err != nil {
		return err
	}
	return a.store.discard(a.dir)
}

// finite is m without what JSON cannot hold.
func finite(m map[string]float64) map[string]float64 {
	out := maps.Clone(m)
	maps.DeleteFunc(out, func(_ string, v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	return out
}
