package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"matrix/results/disk"
	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/table"
)

// building makes the folder that is published of an attempt, out of its spools. The caller holds the attempt's mu.
// It only reads the spools, so it may be begun again as often as it fails.
type building struct {
	a   *Attempt
	dir string
}

// whole builds the folder and notes what it holds. Rows that make the building panic are damage, and an error: the
// next who opens the tree would panic as well.
// Lost rows of a complete attempt are an error: it must not count for what it was not.
func (b building) whole() (m record.Manifest, summary record.Summary, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("nothing can be made of its rows: %v", r)
		}
	}()
	m, summary, sum, err := b.build()
	if err != nil {
		return m, summary, err
	}
	var rows int64
	for _, n := range summary.Statuses {
		rows += n
	}
	end, run := *b.a.state.Commit, *b.a.state.Run
	if want := cmp.Or(end.Rows, run.Planned); end.Status == record.Complete && rows != want && (end.Rows > 0 || !run.Imported) {
		return m, summary, fmt.Errorf("%d of its %d rows can be read", rows, want)
	}
	end.Files = maps.Clone(m.Files)
	end.Files[table.ManifestFile] = sum
	return m, summary, b.a.saveState(run, &end)
}

// stands reports that the folder lies there as the commit noted it.
// All bytes are read: a crash may have torn what was not synced.
func (b building) stands() bool {
	files := b.a.state.Commit.Files
	if len(files) == 0 {
		return false
	}
	for name, sum := range files {
		if got, err := table.SumFile(filepath.Join(b.dir, name)); err != nil || got != sum {
			return false
		}
	}
	return true
}

// build writes every file of the attempt into dir, each synced, and the folder last; sum is the manifest's.
// The order matters: tables, then the summary of them, then run.parquet with the summary, then the manifest with all
// checksums.
func (b building) build() (m record.Manifest, summary record.Summary, sum record.FileSum, err error) {
	a, dir := b.a, b.dir
	run := *a.state.Run
	run.Warnings = append(append([]string{}, run.Warnings...), a.warnings...)
	m = b.ended(run)
	if err = errors.Join(a.store.fs.RemoveAll(dir), a.store.fs.MkdirAll(dir)); err == nil {
		err = b.tables(&m)
	}
	if err == nil {
		summary, err = metrics.Summarize(dir, run)
	}
	if err != nil {
		return m, summary, sum, err
	}
	// An import may have totals and no rows.
	m.OK, m.Summary = summary.Statuses[record.StatusOK], summaryValues(summary)
	if ok := summary.Metrics[record.RequestsEnded(record.StatusOK)]; run.Imported && ok != nil {
		m.OK = int64(*ok)
	}
	left, err := b.copyLog(&m)
	if left > 0 {
		run.Warnings = append(run.Warnings, longLog(left))
	}
	row := record.RunRow{Manifest: m, Run: run, Summary: summary}
	if err == nil {
		m.Files[table.FileOf(record.TableRun)], err = table.WriteRun(a.store.fs, dir, &row)
	}
	if err == nil {
		sum, err = b.manifest(m)
	}
	return m, summary, sum, err
}

// ended is the manifest with what the commit's intent and the run say.
// The spools' own manifest is not changed by it: another try begins from that.
func (b building) ended(run record.Run) record.Manifest {
	m, end := b.a.manifest, b.a.state.Commit
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

// summaryValues are the metrics that the manifest repeats, so that a plan's estimates open no Parquet.
func summaryValues(s record.Summary) map[string]float64 {
	out := make(map[string]float64, len(s.Metrics))
	for name, v := range s.Metrics {
		if v != nil {
			out[name] = *v
		}
	}
	return finite(out)
}

// tables streams the spools into Parquet.
// Without doubles all rows are kept, which needs no look at any.
func (b building) tables(m *record.Manifest) error {
	won, err := b.winners()
	if err != nil {
		return err
	}
	if err := b.findRows(); err != nil {
		return err
	}
	requests, outputs := keepRows(won), b.keepOutputs(won)
	if len(won) == 0 {
		requests = nil
	}
	if len(won) == 0 && len(b.a.rowsIn) == 0 {
		outputs = nil
	}
	if m.Files[table.FileOf(record.TableRequests)], err = b.table(record.TableRequests, m.Keys(), requests); err != nil {
		return err
	}
	if m.Files[table.FileOf(record.TableOutputs)], err = b.table(record.TableOutputs, m.Keys(), outputs); err != nil {
		return err
	}
	m.Files[table.FileOf(record.TableSamples)], err = b.table(record.TableSamples, m.Keys(), nil)
	return err
}

// eachBatch reads a table's spools, segment by segment.
// A spool that a crash cut is read up to there, without an error.
func (b building) eachBatch(name string, each func(arrow.RecordBatch) error) error {
	for n := 1; n <= b.a.manifest.Segments; n++ {
		if _, err := table.ReadSpool(b.a.spoolPath(name, n), each); err != nil {
			return err
		}
	}
	return nil
}

// table streams one table's spools into its Parquet file; keep says which rows, nil = all. Memory is a row group, whatever their
// number.
func (b building) table(name string, keys record.Keys, keep func(arrow.RecordBatch, int) bool) (record.FileSum, error) {
	w, err := table.Create(b.a.store.fs, b.dir, name, keys)
	if err != nil {
		return record.FileSum{}, err
	}
	err = b.eachBatch(name, func(rows arrow.RecordBatch) error {
		if keep == nil {
			return w.Write(rows)
		}
		return keptRuns(rows, keep, w.Write)
	})
	sum, closing := w.Close()
	if err = errors.Join(err, closing); err != nil {
		return record.FileSum{}, fmt.Errorf("write %s: %w", table.FileOf(name), err)
	}
	return sum, nil
}

// copyLog publishes the engine's log as it is now; left is how many bytes of a long one it leaves out. A copy, not a link: a
// stray child of the engine may still write to the old one.
func (b building) copyLog(m *record.Manifest) (left int64, err error) {
	in, log, left, err := openLog(b.a.LogPath())
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := table.CreateSummed(b.a.store.fs, filepath.Join(b.dir, logFile))
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(out, log)
	sum, closing := out.Finish()
	m.Files[logFile] = sum
	return left, errors.Join(err, closing)
}

// Of a log of more than mostLog bytes, logEnd of either end are kept: an engine says first what it is, and last why it died.
const (
	mostLog = 64 << 20
	logEnd  = 8 << 20
)

// openLog is what is kept of an engine's log, and how many bytes are not. The caller closes the file. The log may grow meanwhile,
// perhaps faster than it is read.
func openLog(path string) (in *os.File, kept io.Reader, left int64, err error) {
	if in, err = disk.Open(path); err != nil {
		return nil, nil, 0, err
	}
	info, err := in.Stat()
	if err != nil {
		return nil, nil, 0, errors.Join(err, in.Close())
	}
	if info.Size() <= mostLog {
		return in, io.LimitReader(in, info.Size()), 0, nil
	}
	left = info.Size() - 2*logEnd
	return in, io.MultiReader(io.LimitReader(in, logEnd), strings.NewReader(fmt.Sprintf("\n… %d bytes are left out …\n", left)),
		io.NewSectionReader(in, logEnd+left, logEnd)), left, nil
}

// longLog is a warning.
func longLog(left int64) string {
	return fmt.Sprintf("the engine wrote a log of %d MB: of %s the first and last %d MiB are kept", (left+2*logEnd)/1e6, logFile, logEnd>>20)
}

// manifest writes the folder's last file, and syncs the folder: what it lists is there from then on.
func (b building) manifest(m record.Manifest) (record.FileSum, error) {
	doc, err := record.Seal(m)
	if err != nil {
		return record.FileSum{}, fmt.Errorf("write manifest: %w", err)
	}
	f, err := b.a.store.fs.Create(filepath.Join(b.dir, table.ManifestFile))
	if err != nil {
		return record.FileSum{}, err
	}
	_, err = f.Write(doc)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return record.FileSum{}, err
	}
	return table.Sum(doc), b.a.store.fs.SyncDir(b.dir)
}
