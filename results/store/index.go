package store

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
	slugs, err := foldersRead(s, filepath.Join(s.root, experiment))
	if err != nil {
		return nil, err
	}
	// not there, damaged, of another version: then everything is read anew
	file := readIndex(s.inner(indexDir, experiment))
	known := make(map[string]*indexEntry, len(file.Entries))
	for i := range file.Entries {
		known[file.Entries[i].Attempt] = &file.Entries[i]
	}
	l := lookup{reading{s, ctx}, experiment, file, known}
	found, err := l.look(slugs)
	if err != nil {
		return nil, err
	}
	fresh := 0
	for i := range found {
		if found[i].entry == nil {
			fresh++
		}
	}
	past := remember(file, found)
	if fresh >= worthIndexing && !s.ReadOnly {
		// A tree that we may only read is planned all the same.
		// an index that cannot be written costs time, and nothing else
		_ = l.write(found)
	}
	return past, ctx.Err()
}

// attemptFolder is one attempt's folder as it lies there.
type attemptFolder struct {
	cell  *cellFolder
	name  string
	mtime int64       // of the folder, Unix nanoseconds
	entry *indexEntry // nil: past is what its manifest says, and files what it lists
	past  *Past
	files map[string]record.FileSum
}

// cellFolder is what the folders of a cell's attempts share.
type cellFolder struct {
	slug, dir string
	marks     []record.Mark
}

// lookup is a history by way of the index.
type lookup struct {
	reading
	experiment string
	file       indexFile
	known      map[string]*indexEntry // by attempt
}

// look goes over the folders, on all processors: the system's calls are most of the work.
// The first error ends it when all have ended; what was found by then comes with it.
func (l lookup) look(slugs []string) ([]attemptFolder, error) {
	found := make([][]attemptFolder, len(slugs))
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, slug := range slugs {
		work.Go(func() (err error) {
			found[i], err = l.lookAt(slug)
			return err
		})
	}
	err := work.Wait()
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b attemptFolder) int { return strings.Compare(a.name, b.name) })
	return all, err
}

// lookAt is look at one cell.
func (l lookup) lookAt(slug string) ([]attemptFolder, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	cell := &cellFolder{slug: slug, dir: filepath.Join(l.s.root, l.experiment, slug)}
	names, err := foldersRead(l.s, cell.dir)
	if err != nil && !l.unreadable(err) {
		return nil, err
	}
	found := make([]attemptFolder, 0, len(names))
	for _, name := range names {
		if slug != launchesDir && attemptName(name) {
			at, err := lookAtAttempt(l.experiment, cell, name, l.file, l.known[name], len(l.known) <= mostChecked)
			if err != nil {
				return nil, err
			}
			found = append(found, at)
		}
	}
	err = nil // what could not be looked into was said
	if len(found) > 0 {
		cell.marks, err = readMarks(cell.dir)
	}
	return found, err
}

// lookAtAttempt takes an attempt from the index where its folder is as old as it was then, else from its manifest.
func lookAtAttempt(experiment string, cell *cellFolder, name string, file indexFile, entry *indexEntry, checked bool) (attemptFolder, error) {
	dir := cell.dir + string(filepath.Separator) + name
	at := attemptFolder{cell: cell, name: name}
	if info, err := os.Lstat(dir); err == nil {
		at.mtime = info.ModTime().UnixNano()
	}
	// A folder that was moved to another cell is not the entry's.
	if entry != nil && entry.MTime == at.mtime && file.Cells[entry.Cell].Slug == cell.slug && (!checked || entry.intact(dir)) {
		at.entry = entry
		return at, nil
	}
	p, err := readPast(experiment, cell.slug, dir)
	if err != nil {
		return at, err
	}
	if p.Problem == "" && (p.Lacks(record.TableRequests) || p.Lacks(record.TableSamples)) {
		p.Problem, p.Detail = ResultMissing, gone(p.Absent) // enough for a report, not for a result that stands
	}
	at.files = p.Files
	p.Files, p.LogTail, p.Summary = nil, "", forEstimates(p.Summary) // what stays in memory for each of many
	at.past = &p
	return at, nil
}

// remember turns what was seen into the history.
// Marks are read each time: a mark may be added at any moment, and the index knows none.
func remember(file indexFile, found []attemptFolder) []Past {
	past := make([]Past, len(found))
	for i := range found {
		at, p := &found[i], &past[i]
		if at.entry != nil {
			p.Manifest = at.entry.manifest(file.Cells[at.entry.Cell])
			p.Dir = at.cell.dir + string(filepath.Separator) + at.name
		} else {
			*p = *at.past
		}
		p.Tainted = taintOf(at.cell.marks, &p.Manifest)
	}
	return past
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

// write replaces the index by what is known now; attempts with a problem are read anew each time.
func (l lookup) write(found []attemptFolder) error {
	s := l.s
	if err := s.fs.MkdirAll(s.inner(indexDir)); err != nil {
		return err
	}
	w := indexWriter{cells: map[string]int{}}
	old := time.Now().Add(-settled).UnixNano()
	for i := range found {
		switch at := &found[i]; {
		case at.entry != nil:
			w.add(*at.entry, l.file.Cells[at.entry.Cell])
		case at.past.Problem == "" && at.mtime < old:
			w.add(entryOf(at.past.Manifest, at.mtime, at.files))
		}
	}
	doc, err := w.bytes()
	if err != nil {
		return err
	}
	return s.fs.WriteFile(s.inner(indexDir, l.experiment), doc)
}
