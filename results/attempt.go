package results

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Files of a work folder.
const (
	attemptFile = "attempt.json" // the manifest so far, sealed
	stateFile   = "state.json"   // what SaveRun stored, sealed
	commitDir   = "commit"       // what will be published
)

// syncEvery bounds what a crash loses.
const syncEvery = time.Second

// state is what an attempt must know after a crash beside its rows.
type state struct {
	Run    *Run    `json:"run"`
	Commit *intent `json:"commit,omitempty"`
	Self   string  `json:"self"`
}

// intent is a commit that has begun: it is completed, never taken back.
type intent struct {
	Status  string    `json:"status"`
	Reason  string    `json:"reason"`
	LogTail string    `json:"log_tail"`
	Ended   time.Time `json:"ended"`
}

// Attempt is one try at one launch while it is written. Its methods are safe for concurrent use.
type Attempt struct {
	store *Store
	dir   string

	mu        sync.Mutex // guards all below
	manifest  Manifest
	state     state
	spools    *spools // nil = not being written
	done      bitmap  // measured requests with a final row
	seen      bitmap  // measured requests with any row
	twice     bitmap  // measured requests with more than one row
	finished  int64
	measured  int64
	warnings  []string
	published bool
}

// spools is the open ends of a segment's tables, and the goroutine that syncs them.
type spools struct {
	requests *rowSpool[RequestRow]
	outputs  *rowSpool[OutputRow]
	samples  *rowSpool[SampleRow]
	stop     chan struct{}
	wait     sync.WaitGroup
}

// Manifest is the attempt's manifest so far.
func (a *Attempt) Manifest() Manifest {
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
func (a *Attempt) Done() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.finished
}

// Finished reports whether a measured request already has a final row. One that we stopped, or never sent,
// has none: it is asked again.
func (a *Attempt) Finished(seq int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.done.has(seq)
}

func (a *Attempt) warn(text string) { a.warnings = append(a.warnings, text) }

// spoolPath is where a table of a segment waits. Each segment has its own file: a file that a crash may have
// torn is read, never appended to.
func (a *Attempt) spoolPath(table string, segment int) string {
	return filepath.Join(a.dir, fmt.Sprintf("%s-%03d.spool", table, segment))
}

// open creates the spools of the current segment and starts their goroutine.
func (a *Attempt) open() error {
	n, fs := a.manifest.Segments, a.store.fs
	outputs, err := createSpool(fs, a.spoolPath(tableOutputs, n), outputColumns, func(r *OutputRow) int { return len(r.Text) })
	if err != nil {
		return err
	}
	samples, err := createSpool(fs, a.spoolPath(tableSamples, n), sampleColumns, nil)
	if err != nil {
		return errors.Join(err, outputs.close())
	}
	requests, err := createSpool(fs, a.spoolPath(tableRequests, n), requestColumns, func(r *RequestRow) int { return 8 * len(r.ChunkGapsS) })
	if err != nil {
		return errors.Join(err, outputs.close(), samples.close())
	}
	// Outputs first: a crash must not leave a final row whose output was still in memory.
	requests.before = outputs.flushNow
	sp := &spools{requests: requests, outputs: outputs, samples: samples, stop: make(chan struct{})}
	if err := fs.SyncDir(a.dir); err != nil {
		return errors.Join(err, sp.closeFiles())
	}
	sp.wait.Go(sp.syncLoop)
	a.spools = sp
	return nil
}

func (sp *spools) syncLoop() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-sp.stop:
			return
		case <-tick.C:
		}
		// A failure stays in the spool and comes out of the next Append: that is who must stop.
		if errors.Join(sp.outputs.sync(), sp.requests.sync(), sp.samples.sync()) != nil {
			return
		}
	}
}

// close ends the goroutine, then syncs and closes the files.
func (sp *spools) close() error {
	close(sp.stop)
	sp.wait.Wait()
	return sp.closeFiles()
}

func (sp *spools) closeFiles() error {
	return errors.Join(sp.outputs.close(), sp.requests.close(), sp.samples.close())
}

// Append spools one request row; the output may be nil. Durations are derived, the segment is set. An error
// means that rows are lost: the attempt must end.
func (a *Attempt) Append(row RequestRow, out *OutputRow) error {
	a.mu.Lock()
	sp := a.spools
	row.Segment = int32(a.manifest.Segments)
	if sp == nil {
		a.mu.Unlock()
		return fmt.Errorf("append row %d: %w", row.Seq, errClosed)
	}
	if row.Phase == phaseMeasure {
		if err := a.note(row.Seq, row.Status); err != nil {
			a.mu.Unlock()
			return err
		}
	}
	a.mu.Unlock()
	Derive(&row)
	if out != nil && row.Phase == phaseMeasure {
		o := *out
		o.Seq, o.Segment = row.Seq, row.Segment
		if err := sp.outputs.append(o); err != nil {
			return fmt.Errorf("append output %d: %w", row.Seq, err)
		}
	}
	if err := sp.requests.append(row); err != nil {
		return fmt.Errorf("append row %d: %w", row.Seq, err)
	}
	return nil
}

// seqLimit bounds the bitmaps (512 MiB would be wrong in any case).
const seqLimit = 1 << 32

// note remembers a measured row. The caller holds mu.
func (a *Attempt) note(seq int64, status string) error {
	if seq < 0 || seq >= seqLimit {
		return fmt.Errorf("append row: seq %d is out of range", seq)
	}
	if a.seen.has(seq) {
		a.twice.set(seq)
	} else {
		a.seen.set(seq)
		a.measured++
	}
	if final(status) && !a.done.has(seq) {
		a.done.set(seq)
		a.finished++
	}
	return nil
}

// Sample spools telemetry; the segment is set.
func (a *Attempt) Sample(rows ...SampleRow) error {
	a.mu.Lock()
	sp, segment := a.spools, int32(a.manifest.Segments)
	a.mu.Unlock()
	if sp == nil {
		return fmt.Errorf("append sample: %w", errClosed)
	}
	for i := range rows {
		rows[i].Segment = segment
	}
	if err := sp.samples.append(rows...); err != nil {
		return fmt.Errorf("append sample: %w", err)
	}
	return nil
}

// SaveRun stores what is known of the run so far, so that an interrupted attempt can be resumed or committed later.
func (a *Attempt) SaveRun(run Run) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.saveState(run, nil)
}

func (a *Attempt) saveState(run Run, commit *intent) error {
	run.EngineMetrics, run.Phases = finite(run.EngineMetrics), finite(run.Phases)
	next := state{Run: &run, Commit: commit}
	doc, err := seal(next)
	if err == nil {
		err = a.store.fs.WriteFile(filepath.Join(a.dir, stateFile), doc)
	}
	if err != nil {
		return fmt.Errorf("save run: %w", err)
	}
	a.state = next
	return nil
}

func (a *Attempt) saveManifest() error {
	doc, err := seal(a.manifest)
	if err != nil {
		return fmt.Errorf("save manifest: %w", err)
	}
	return a.store.fs.WriteFile(filepath.Join(a.dir, attemptFile), doc)
}

// SavedRun is what SaveRun stored last, nil when nothing was.
func (a *Attempt) SavedRun() *Run {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state.Run
}

// Resume reopens an attempt from Unfinished for its next segment. One that had measured nothing yet begins
// anew as its first segment.
func (a *Attempt) Resume() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spools != nil || a.published {
		return errors.New("resume attempt: it is open or committed")
	}
	fs := a.store.fs
	if a.measured > 0 {
		a.manifest.Segments++
	} else {
		for n := range a.manifest.Segments {
			for _, table := range []string{tableRequests, tableOutputs, tableSamples} {
				if err := fs.RemoveAll(a.spoolPath(table, n+1)); err != nil {
					return fmt.Errorf("resume attempt: %w", err)
				}
			}
		}
		a.manifest.Segments = 1
	}
	if err := errors.Join(fs.RemoveAll(filepath.Join(a.dir, commitDir)), a.saveManifest()); err != nil {
		return fmt.Errorf("resume attempt: %w", err)
	}
	if err := a.open(); err != nil {
		return fmt.Errorf("resume attempt: %w", err)
	}
	return nil
}

// Suspend syncs and closes the spools and leaves the attempt in work/ to be resumed.
func (a *Attempt) Suspend(run Run) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := errors.Join(a.saveState(run, nil), a.closeSpools()); err != nil {
		return fmt.Errorf("suspend attempt: %w", err)
	}
	return nil
}

func (a *Attempt) closeSpools() error {
	if a.spools == nil {
		return nil
	}
	sp := a.spools
	a.spools = nil
	return sp.close()
}

// recount reads back which measured requests have rows.
func (a *Attempt) recount() error {
	for n := 1; n <= a.manifest.Segments; n++ {
		cut, err := readSpool(a.spoolPath(tableRequests, n), func(b arrow.RecordBatch) error {
			seq, phase, status := named[*array.Int64](b, colSeq), named[*array.String](b, colPhase), named[*array.String](b, colStatus)
			for i := range int(b.NumRows()) {
				if phase.Value(i) != phaseMeasure {
					continue
				}
				if err := a.note(seq.Value(i), status.Value(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if cut {
			a.warn(fmt.Sprintf("segment %d ended in a crash: its last second of requests was asked again", n))
		}
	}
	return nil
}

// bitmap is a growing set of small numbers, a bit each.
type bitmap []uint64

func (b bitmap) has(i int64) bool {
	return i >= 0 && i>>6 < int64(len(b)) && b[i>>6]&(1<<(i&63)) != 0
}

func (b *bitmap) set(i int64) {
	for int64(len(*b)) <= i>>6 {
		*b = append(*b, 0)
	}
	(*b)[i>>6] |= 1 << (i & 63)
}

func (b bitmap) empty() bool { return len(b) == 0 }
