package store

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"matrix/results/record"
)

// The index is a cache of manifests, one file an experiment under .matrix/index, for histories that take seconds to
// read. Whoever deletes it loses nothing. An attempt's folder appears whole and is never changed, so its entry holds
// for as long as the folder has the modification time that it had.
const indexDir = "index"

// Bounds of the index.
const (
	worthIndexing = 200    // manifests that had to be read: fewer are read faster than an index is kept
	mostChecked   = 20_000 // attempts whose file sizes are looked at each time; of more, only the folders
)

// Recall is History for a plan: oldest first, of the manifests only what decides whether and how long a cell runs.
// Summary has what estimates are made from, Files and LogTail are empty. It reads .matrix/index and the manifests of what is
// not in it, and writes the index again when that was much. Beyond 20,000 attempts a file that was cut short in place
// is found by Verify alone.
// A manifest from the index has Axes, Identity and figures, and no Self; whoever copies attempts takes History.
func (s *Store) Recall(ctx context.Context, experiment string) ([]Past, error) {
	if err := checkName(experiment); err != nil {
		return nil, err
	}
	r := newRecall(s, experiment)
	past, err := reading{s, ctx}.experiment(experiment, r.attempt)
	if err != nil {
		return nil, err
	}
	if r.fresh >= worthIndexing && !s.ReadOnly {
		// A tree that we may only read is planned all the same.
		// an index that cannot be written costs time, and nothing else
		_ = r.write()
	}
	return past, ctx.Err()
}

// recall is a history by way of the index.
type recall struct {
	s     *Store
	path  string // of the index
	file  indexFile
	known map[string]*indexEntry // by attempt
	old   int64                  // what was changed since is not indexed; Unix nanoseconds

	mu    sync.Mutex    // guards all below
	kept  []*indexEntry // that still hold
	next  indexWriter   // of those that were read, and have no problem
	fresh int           // attempts of which the manifest was read
}

// newRecall reads the index. One that is not there, is damaged or of another version is empty: then everything is read anew.
func newRecall(s *Store, experiment string) *recall {
	path := s.inner(indexDir, experiment)
	r := &recall{s: s, path: path, file: readIndex(path), known: map[string]*indexEntry{}, old: time.Now().Add(-settled).UnixNano(),
		next: indexWriter{cells: map[string]int{}}}
	for i := range r.file.Entries {
		r.known[r.file.Entries[i].Attempt] = &r.file.Entries[i]
	}
	return r
}

// attempt takes an attempt from the index where its folder is as old as it was then, else from its manifest.
// Attempts with a problem are not indexed: they are read anew each time.
func (r *recall) attempt(experiment, slug, dir string) (Past, error) {
	var mtime int64
	if info, err := os.Lstat(dir); err == nil {
		mtime = info.ModTime().UnixNano()
	}
	// A folder that was moved to another cell is not the entry's.
	if e := r.known[filepath.Base(dir)]; e != nil && e.MTime == mtime && r.file.Cells[e.Cell].Slug == slug && (len(r.known) > mostChecked || e.intact(dir)) {
		r.mu.Lock()
		r.kept = append(r.kept, e)
		r.mu.Unlock()
		return Past{Manifest: e.manifest(r.file.Cells[e.Cell]), Dir: dir}, nil
	}
	p, err := readPast(experiment, slug, dir)
	if err != nil {
		return p, err
	}
	if p.Problem == "" && (p.Lacks(record.TableRequests) || p.Lacks(record.TableSamples)) {
		p.Problem, p.Detail = ResultMissing, gone(p.Absent) // enough for a report, not for a result that stands
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fresh++; p.Problem == "" && mtime < r.old {
		r.next.add(entryOf(p.Manifest, mtime))
	}
	p.Files, p.LogTail, p.Summary = nil, "", forEstimates(p.Summary) // what stays in memory for each of many
	return p, nil
}

// write replaces the index by what is known now.
func (r *recall) write() error {
	for _, e := range r.kept {
		r.next.add(*e, r.file.Cells[e.Cell])
	}
	doc, err := r.next.bytes()
	if err != nil {
		return err
	}
	if err := r.s.fs.MkdirAll(filepath.Dir(r.path)); err != nil {
		return err
	}
	return r.s.fs.WriteFile(r.path, doc)
}

// forEstimates is the part of a summary that estimates are made from.
// A tree of 50,000 attempts would else hold 200 figures of each.
func forEstimates(summary map[string]float64) map[string]float64 {
	kept := make(map[string]float64, len(estimated))
	for _, name := range estimated {
		if v, ok := summary[name]; ok {
			kept[name] = v
		}
	}
	return kept
}

// settled is how old a folder must be to be indexed: a file system's clock may tick only every so often, and a change
// within the same tick would not show.
const settled = 2 * time.Second
