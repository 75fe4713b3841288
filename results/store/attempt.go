package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"matrix/results/record"
	"matrix/results/table"
)

// Files of a work folder.
const (
	attemptFile = "attempt.json" // the manifest so far, sealed
	stateFile   = "state.json"   // what SaveRun stored, sealed
	commitDir   = "commit"       // what will be published
)

// syncEvery bounds what a crash loses, with what an fsync takes: rows go to the file behind their outputs' fsync, or a power cut
// could leave a row whose answer never reached the disk. They wait for up to four (the round before, and their own).
const syncEvery = time.Second

// state is what an attempt must know after a crash beside its rows.
// It is replaced whole, so a crash leaves the one before.
type state struct {
	Run    *record.Run `json:"run"`              // nil = SaveRun was never called
	Commit *intent     `json:"commit,omitempty"` // nil = it has not ended
	Self   string      `json:"self"`             // its own checksum; "" in memory
}

// intent is how the attempt ended. Noted before the folder is built, it saves a launch from being run again after a
// crash; Files, noted after, is the commit: only the rename is left. Whoever ends it holds it against what it says, and
// sets the attempt aside when that is not there.
type intent struct {
	Status  string    `json:"status"` // one of record.AttemptStatuses
	Reason  string    `json:"reason"`
	LogTail string    `json:"log_tail"`
	Ended   time.Time `json:"ended"`

	Rows   int64                     `json:"rows,omitempty"`   // measured requests that have a row; 0 = not told
	Spools map[string]int64          `json:"spools,omitempty"` // bytes of each spool that was closed whole
	Files  map[string]record.FileSum `json:"files,omitempty"`  // of the folder that was built, its manifest too
}

// Attempt is one try at one launch while it is written. Its methods are safe for concurrent use.
// It comes from Begin or Unfinished and ends with Commit, Suspend, Abandon or Discard; without one of these its files
// stay open.
type Attempt struct {
	store *Store
	dir   string

	mu       sync.Mutex // guards all below
	manifest record.Manifest
	state    state
	place    os.FileInfo // of dir when it was opened
	spools   *spools     // nil = not being written
	tally
	rowsIn    []bitmap // of each segment that was read back: measured requests with a row in it
	warnings  []string // beside the run's own
	published bool     // in its place; nothing may be written any more
}

// tally counts the rows of measured requests.
type tally struct {
	done     bitmap // requests with a final row
	seen     bitmap // with any row
	twice    bitmap // with more than one row
	finished int64
	answered int64 // of them, ok
	measured int64
}

// Manifest is the attempt's manifest so far; after Commit the one that was published (but for its checksum).
// A copy, but its maps are the attempt's: they are not to be changed.
func (a *Attempt) Manifest() record.Manifest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.manifest
}

// Dir is the attempt's work folder. Only the tables, server.log and the manifest are published from it.
func (a *Attempt) Dir() string { return a.dir }

// LogPath is where the engine's output goes; it is published as server.log.
func (a *Attempt) LogPath() string { return filepath.Join(a.dir, logFile) }

// Segment is the number of the segment being written, 1 at first. Resume starts the next one.
func (a *Attempt) Segment() int32 { return int32(a.Manifest().Segments) }

// Done is the number of measured requests that have a final row.
// After Resume it counts those of the segments before, too.
func (a *Attempt) Done() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.finished
}

// Answered is the number of measured requests that an answer came to.
// A failed request is done and not answered.
func (a *Attempt) Answered() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answered
}

// Finished reports whether a measured request already has a final row. One that we stopped, or never sent,
// has none: it is asked again.
// seq is the request's index in the measured phase.
func (a *Attempt) Finished(seq int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.done.has(seq)
}

// Present is an error when the attempt's folder is no longer where it was opened: somebody moved or removed the results.
// Its files are open and take what is written, so that nothing else tells before the commit.
// It costs one stat, so it may be asked often.
func (a *Attempt) Present() error {
	a.mu.Lock()
	before, published := a.place, a.published
	a.mu.Unlock()
	now, err := os.Stat(a.dir)
	if before == nil || published || err == nil && os.SameFile(before, now) || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil // there, or a disk that does not answer just now
	}
	return fmt.Errorf("the results in %s were moved or removed while they were written: put them back, then run matrix apply again", a.store.root)
}

// warn notes what a reader of the attempt should know; it stands among the run's warnings.
func (a *Attempt) warn(text string) { a.warnings = append(a.warnings, text) }

// Append spools one request row; the output may be nil. Durations are derived, the segment is set. An error
// means that rows are lost: the attempt must end.
// It may block for the disk when batches pile up. Warm-up rows are kept and count for nothing; their outputs are not
// kept.
func (a *Attempt) Append(row record.RequestRow, out *record.OutputRow) error {
	a.mu.Lock()
	sp := a.spools
	row.Segment = int32(a.manifest.Segments)
	if sp == nil {
		a.mu.Unlock()
		return fmt.Errorf("append row %d: %w", row.Seq, table.ErrClosed)
	}
	if row.Phase == record.PhaseMeasure {
		if err := a.note(row.Seq, row.Status); err != nil {
			a.mu.Unlock()
			return err
		}
	}
	a.mu.Unlock()
	record.Derive(&row)
	// The output first: a row whose output is lost would be taken for answered.
	if out != nil && row.Phase == record.PhaseMeasure {
		o := *out
		o.Seq, o.Segment = row.Seq, row.Segment
		if err := sp.outputs.Append(o); err != nil {
			return fmt.Errorf("append output %d: %w", row.Seq, err)
		}
	}
	if err := sp.requests.Append(row); err != nil {
		return fmt.Errorf("append row %d: %w", row.Seq, err)
	}
	return nil
}

// seqLimit bounds the bitmaps (512 MiB would be wrong in any case).
const seqLimit = 1 << 32

// note remembers a measured row. The caller holds the attempt's mu.
// Only a final status counts as done, and the first one alone: a request that was asked again must not count twice.
func (a *tally) note(seq int64, status string) error {
	if seq < 0 || seq >= seqLimit {
		return fmt.Errorf("append row: seq %d is out of range", seq)
	}
	if a.seen.has(seq) {
		a.twice.set(seq)
	} else {
		a.seen.set(seq)
		a.measured++
	}
	if record.Final(status) && !a.done.has(seq) {
		a.done.set(seq)
		a.finished++
		if record.Answered(status) {
			a.answered++
		}
	}
	return nil
}

// Sample spools telemetry; the segment is set.
// An error means that telemetry is lost, and is the disk's.
func (a *Attempt) Sample(rows ...record.SampleRow) error {
	a.mu.Lock()
	sp, segment := a.spools, int32(a.manifest.Segments)
	a.mu.Unlock()
	if sp == nil {
		return fmt.Errorf("append sample: %w", table.ErrClosed)
	}
	for i := range rows {
		rows[i].Segment = segment
	}
	if err := sp.samples.Append(rows...); err != nil {
		return fmt.Errorf("append sample: %w", err)
	}
	return nil
}

// SaveRun stores what is known of the run so far, so that an interrupted attempt can be resumed or committed later.
// It is synced: callers call it at the ends of phases, not for each request.
func (a *Attempt) SaveRun(run record.Run) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.saveState(run, nil)
}

// saveState replaces state.json, whole or not at all. What JSON cannot hold is left out. The caller holds mu.
func (a *Attempt) saveState(run record.Run, commit *intent) error {
	run.EngineMetrics, run.Phases = finite(run.EngineMetrics), finite(run.Phases)
	next := state{Run: &run, Commit: commit}
	doc, err := record.Seal(next)
	if err == nil {
		err = a.store.fs.WriteFile(filepath.Join(a.dir, stateFile), doc)
	}
	if err != nil {
		return fmt.Errorf("save run: %w", err)
	}
	a.state = next
	return nil
}

// saveManifest replaces attempt.json, which a resumed attempt begins with.
func (a *Attempt) saveManifest() error {
	doc, err := record.Seal(a.manifest)
	if err != nil {
		return fmt.Errorf("save manifest: %w", err)
	}
	return a.store.fs.WriteFile(filepath.Join(a.dir, attemptFile), doc)
}

// SavedRun is what SaveRun stored last, nil when nothing was.
// The pointer is the attempt's own state: read it, and write by SaveRun.
func (a *Attempt) SavedRun() *record.Run {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state.Run
}
