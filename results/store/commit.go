package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"matrix/results/disk"
	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/table"
)

// Commit turns the spools into Parquet and publishes the attempt by one rename. A complete attempt must
// have a row for each planned request. After an error the rows are still in work/: the next apply completes
// a commit that had begun.
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
	end := &intent{Status: status, Reason: reason, LogTail: logTail, Ended: time.Now(), Rows: a.measured, Spools: spools}
	if err := a.saveState(run, end); err != nil {
		return record.Summary{}, fmt.Errorf("commit attempt: %w", err)
	}
	return a.publish()
}

// Abandon commits an attempt from Unfinished that cannot go on, with what it saw.
func (a *Attempt) Abandon(status, reason string) (record.Summary, error) {
	run := record.Run{}
	if saved := a.SavedRun(); saved != nil {
		run = *saved
	}
	return a.Commit(status, reason, "", run)
}

// target is where the attempt is published.
func (a *Attempt) target() (string, error) {
	cell, err := a.store.cellDir(a.manifest.Experiment, a.manifest.Slug)
	return filepath.Join(cell, a.manifest.Attempt), err
}

// publish builds the folder and moves it into its place. It may be repeated: it starts from the spools.
func (a *Attempt) publish() (record.Summary, error) {
	defer beThrifty(a.measured)()
	dir := filepath.Join(a.dir, commitDir)
	m, summary, err := a.buildWhole(dir)
	if err == nil {
		err = a.move(dir)
	}
	if err != nil {
		return record.Summary{}, fmt.Errorf("commit attempt %s: %w", a.manifest.Attempt, err)
	}
	a.published, a.manifest = true, m
	return summary, nil
}

// buildWhole builds the folder and notes what it holds. Rows that make the building panic are damage, and an error: the
// next who opens the tree would panic as well.
func (a *Attempt) buildWhole(dir string) (m record.Manifest, summary record.Summary, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("nothing can be made of its rows: %v", r)
		}
	}()
	m, summary, sum, err := a.build(dir)
	if err != nil {
		return m, summary, err
	}
	var rows int64
	for _, n := range summary.Statuses {
		rows += n
	}
	end, run := *a.state.Commit, *a.state.Run
	if want := cmp.Or(end.Rows, run.Planned); end.Status == record.Complete && rows != want && (end.Rows > 0 || !run.Imported) {
		return m, summary, fmt.Errorf("%d of its %d rows can be read", rows, want)
	}
	end.Files = maps.Clone(m.Files)
	end.Files[table.ManifestFile] = sum
	return m, summary, a.saveState(run, &end)
}

// built reports that the folder lies there as the commit noted it.
func (a *Attempt) built() bool {
	dir, files := filepath.Join(a.dir, commitDir), a.state.Commit.Files
	if len(files) == 0 {
		return false
	}
	for name, sum := range files {
		if got, err := table.SumFile(filepath.Join(dir, name)); err != nil || got != sum {
			return false
		}
	}
	return true
}

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

// build writes every file of the attempt into dir, each synced, and the folder last; sum is the manifest's.
func (a *Attempt) build(dir string) (m record.Manifest, summary record.Summary, sum record.FileSum, err error) {
	run := *a.state.Run
	run.Warnings = append(append([]string{}, run.Warnings...), a.warnings...)
	m = a.ended(run)
	fail := func(err error) (record.Manifest, record.Summary, record.FileSum, error) {
		return record.Manifest{}, record.Summary{}, record.FileSum{}, err
	}
	if err := errors.Join(a.store.fs.RemoveAll(dir), a.store.fs.MkdirAll(dir)); err != nil {
		return fail(err)
	}
	if err := a.writeTables(dir, &m); err != nil {
		return fail(err)
	}
	if summary, err = metrics.Summarize(dir, run); err != nil {
		return fail(err)
	}
	m.OK, m.Summary = summary.Statuses[record.StatusOK], summaryValues(summary)
	if ok := summary.Metrics[record.RequestsEnded(record.StatusOK)]; run.Imported && ok != nil {
		m.OK = int64(*ok)
	}
	row := record.RunRow{Manifest: m, Run: run, Summary: summary}
	if m.Files[table.FileOf(record.TableRun)], err = table.WriteRun(a.store.fs, dir, &row); err != nil {
		return fail(err)
	}
	if err := a.copyLog(dir, &m); err != nil {
		return fail(err)
	}
	if sum, err = a.writeManifest(dir, m); err != nil {
		return fail(err)
	}
	return m, summary, sum, nil
}

// ended is the manifest with what the commit's intent and the run say.
func (a *Attempt) ended(run record.Run) record.Manifest {
	m, end := a.manifest, a.state.Commit
	m.Status, m.Reason, m.LogTail, m.Ended = end.Status, end.Reason, end.LogTail, end.Ended
	m.Neighbours = run.Neighbours
	if run.Server == "group" {
		m.Server = run.Server
	}
	m.Planned, m.Simulated, m.Files = run.Planned, run.Simulated, map[string]record.FileSum{}
	if run.Identity.Hash != "" {
		m.Identity = run.Identity
	}
	if run.Axes != nil {
		m.Axes = run.Axes
	}
	return m
}

func summaryValues(s record.Summary) map[string]float64 {
	out := make(map[string]float64, len(s.Metrics))
	for name, v := range s.Metrics {
		if v != nil {
			out[name] = *v
		}
	}
	return finite(out)
}

// writeTables streams the spools into Parquet.
func (a *Attempt) writeTables(dir string, m *record.Manifest) error {
	won, err := a.winners()
	if err != nil {
		return err
	}
	if err := a.findRows(); err != nil {
		return err
	}
	requests, outputs := keepRows(won), a.keepOutputs(won)
	if len(won) == 0 {
		requests = nil
	}
	if len(won) == 0 && len(a.rowsIn) == 0 {
		outputs = nil
	}
	if m.Files[table.FileOf(record.TableRequests)], err = a.writeTable(dir, record.TableRequests, m.Keys(), requests); err != nil {
		return err
	}
	if m.Files[table.FileOf(record.TableOutputs)], err = a.writeTable(dir, record.TableOutputs, m.Keys(), outputs); err != nil {
		return err
	}
	m.Files[table.FileOf(record.TableSamples)], err = a.writeTable(dir, record.TableSamples, m.Keys(), nil)
	return err
}

// eachBatch reads a table's spools, segment by segment.
func (a *Attempt) eachBatch(name string, each func(arrow.RecordBatch) error) error {
	for n := 1; n <= a.manifest.Segments; n++ {
		if _, err := table.ReadSpool(a.spoolPath(name, n), each); err != nil {
			return err
		}
	}
	return nil
}

func (a *Attempt) writeTable(dir, name string, keys record.Keys, keep func(arrow.RecordBatch, int) bool) (record.FileSum, error) {
	w, err := table.Create(a.store.fs, dir, name, keys)
	if err != nil {
		return record.FileSum{}, err
	}
	err = a.eachBatch(name, func(b arrow.RecordBatch) error {
		if keep == nil {
			return w.Write(b)
		}
		return keptRuns(b, keep, w.Write)
	})
	sum, closing := w.Close()
	if err = errors.Join(err, closing); err != nil {
		return record.FileSum{}, fmt.Errorf("write %s: %w", table.FileOf(name), err)
	}
	return sum, nil
}

// copyLog publishes the engine's log as it is now. A copy, not a link: a stray child of the engine may still
// write to the old one.
func (a *Attempt) copyLog(dir string, m *record.Manifest) error {
	in, err := disk.Open(a.LogPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := table.CreateSummed(a.store.fs, filepath.Join(dir, logFile))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	sum, closing := out.Finish()
	m.Files[logFile] = sum
	return errors.Join(err, closing)
}

func (a *Attempt) writeManifest(dir string, m record.Manifest) (record.FileSum, error) {
	doc, err := record.Seal(m)
	if err != nil {
		return record.FileSum{}, fmt.Errorf("write manifest: %w", err)
	}
	f, err := a.store.fs.Create(filepath.Join(dir, table.ManifestFile))
	if err != nil {
		return record.FileSum{}, err
	}
	_, err = f.Write(doc)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return record.FileSum{}, err
	}
	return table.Sum(doc), a.store.fs.SyncDir(dir)
}

// finite is m without what JSON cannot hold.
func finite(m map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(m))
	for k, v := range m {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[k] = v
		}
	}
	return out
}
