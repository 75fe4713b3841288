package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// spools is the open ends of a segment's tables, and the goroutine that syncs them.
// They belong to one segment: the next has its own.
type spools struct {
	requests *table.Spool[record.RequestRow]
	outputs  *table.Spool[record.OutputRow]
	samples  *table.Spool[record.SampleRow]
	stop     chan struct{}
	wait     sync.WaitGroup
}

// spoolPath is where a table of a segment waits. Each segment has its own file: a file that a crash may have
// torn is read, never appended to.
// Three digits keep their order; more segments than that still have names of their own.
func (a *Attempt) spoolPath(name string, segment int) string {
	return filepath.Join(a.dir, fmt.Sprintf("%s-%03d.spool", name, segment))
}

// open creates the spools of the current segment and starts their goroutine.
// The caller holds mu, or is alone with the attempt. It fails with all of them closed.
func (a *Attempt) open() error {
	n, fs := a.manifest.Segments, a.store.fs
	outputs, err := table.SpoolOutputs(fs, a.spoolPath(record.TableOutputs, n))
	if err != nil {
		return err
	}
	samples, err := table.SpoolSamples(fs, a.spoolPath(record.TableSamples, n))
	if err != nil {
		return errors.Join(err, outputs.Close())
	}
	// Outputs first, and durable: a crash must not leave a final row whose output was still in memory, or in a page
	// that was never written while the row's was.
	requests, err := table.SpoolRequests(fs, a.spoolPath(record.TableRequests, n), outputs.Sync)
	if err != nil {
		return errors.Join(err, outputs.Close(), samples.Close())
	}
	sp := &spools{requests: requests, outputs: outputs, samples: samples, stop: make(chan struct{})}
	if err := fs.SyncDir(a.dir); err != nil {
		return errors.Join(err, sp.closeFiles())
	}
	if a.place, err = os.Stat(a.dir); err != nil {
		return errors.Join(err, sp.closeFiles())
	}
	sp.wait.Go(sp.syncLoop)
	a.spools = sp
	return nil
}

// syncLoop syncs once a second, and whenever a batch is full, until stop: what a crash loses is bounded by time, not by rows.
func (sp *spools) syncLoop() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-sp.stop:
			return
		case <-tick.C:
		case <-sp.requests.Kick:
		case <-sp.outputs.Kick:
		case <-sp.samples.Kick:
		}
		// A failure stays in the spool and comes out of the next Append: that is who must stop.
		if errors.Join(sp.outputs.Sync(), sp.requests.Sync(), sp.samples.Sync()) != nil {
			return
		}
	}
}

// close ends the goroutine, then syncs and closes the files.
// Only once; closeSpools sees to that.
func (sp *spools) close() error {
	close(sp.stop)
	sp.wait.Wait()
	return sp.closeFiles()
}

func (sp *spools) closeFiles() error {
	return errors.Join(sp.requests.Close(), sp.outputs.Close(), sp.samples.Close()) // the requests sync the outputs first
}

// Resume reopens an attempt from Unfinished for its next segment. One that had measured nothing yet begins
// anew as its first segment.
// The caller holds the lock. Requests that are Finished need not be asked again.
func (a *Attempt) Resume() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spools != nil || a.published {
		return errors.New("resume attempt: it is open or committed")
	}
	fs := a.store.fs
	// Rows of warm-up alone are worth nothing: the next start warms up by itself.
	if a.measured > 0 {
		a.manifest.Segments++
	} else {
		for n := range a.manifest.Segments {
			for _, name := range spooled {
				if err := fs.RemoveAll(a.spoolPath(name, n+1)); err != nil {
					return fmt.Errorf("resume attempt: %w", err)
				}
			}
		}
		a.manifest.Segments, a.rowsIn = 1, nil
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
// run is what is known so far; the attempt itself can be resumed in this process or the next.
func (a *Attempt) Suspend(run record.Run) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := errors.Join(a.saveState(run, nil), a.closeSpools()); err != nil {
		return fmt.Errorf("suspend attempt: %w", err)
	}
	return nil
}

// Discard ends an attempt of which nothing is to be kept: what it holds can be had again.
// After a commit it does nothing.
func (a *Attempt) Discard() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.published {
		return nil
	}
	closing := a.closeSpools()
	if err := a.store.discard(a.dir); err != nil {
		return fmt.Errorf("discard attempt: %w", errors.Join(err, closing))
	}
	return nil
}

// closeSpools ends writing; an attempt that was not being written has nothing to close.
func (a *Attempt) closeSpools() error {
	if a.spools == nil {
		return nil
	}
	sp := a.spools
	a.spools = nil
	return sp.close()
}

// closeMeasured closes the spools of the segment that was measured here, and tells how long each is.
// The lengths tell a later commit whether a file has lost its end since.
func (a *Attempt) closeMeasured() (map[string]int64, error) {
	if a.spools == nil {
		return nil, nil
	}
	if err := a.closeSpools(); err != nil {
		return nil, err
	}
	bytes := map[string]int64{}
	for _, name := range spooled {
		path := a.spoolPath(name, a.manifest.Segments)
		info, err := os.Lstat(path)
		if err != nil {
			return nil, err
		}
		bytes[filepath.Base(path)] = info.Size()
	}
	return bytes, nil
}

// spooled are the tables that wait in spools.
var spooled = []string{record.TableRequests, record.TableOutputs, record.TableSamples}

// missSpools says of which tables a commit that is ended here has lost something since they were closed whole. Lost rows
// of requests are more than a warning: see buildWhole.
// Of an intent that tells no lengths nothing is missed.
func (a *Attempt) missSpools() {
	for _, name := range spooled {
		path := a.spoolPath(name, a.manifest.Segments)
		want, told := a.state.Commit.Spools[filepath.Base(path)]
		if told && table.WholeBytes(path) < want {
			a.warn(fmt.Sprintf("some of its %s are lost: the file that they waited in was damaged", name))
		}
	}
}

// recount reads back which measured requests have rows.
func (a *Attempt) recount() error {
	a.rowsIn = make([]bitmap, a.manifest.Segments)
	a.tally = tally{}
	for n := 1; n <= a.manifest.Segments; n++ {
		cut, err := table.ReadSpool(a.spoolPath(record.TableRequests, n), func(b arrow.RecordBatch) error {
			seq, phase, status := table.In[*array.Int64](b, record.ColSeq), table.In[*array.String](b, record.ColPhase), table.In[*array.String](b, record.ColStatus)
			for i := range int(b.NumRows()) {
				if phase.Value(i) != record.PhaseMeasure {
					continue
				}
				if err := a.note(seq.Value(i), status.Value(i)); err != nil {
					return err
				}
				a.rowsIn[n-1].set(seq.Value(i))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if cut {
			a.warn(fmt.Sprintf("segment %d ended in a crash: the requests that the disk had not written were asked again", n))
		}
	}
	return nil
}
