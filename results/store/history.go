package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/table"
)

// Problems of a committed attempt; the words are the plan's reasons.
const (
	ResultMissing = "result_missing" // the manifest or a file that it lists is gone
	ResultCorrupt = "result_corrupt" // a checksum or size does not match
	Unverified    = "unverified"     // written by a newer matrix: cannot be judged here
)

// Past is one attempt in the history.
// Whatever is wrong with it is a finding here, not an error: others' results are read all the same.
type Past struct {
	record.Manifest          // what is known from the path alone when Problem says so
	Dir             string   // absolute
	Problem         string   // "" or result_corrupt, result_missing, unverified
	Detail          string   // what exactly is wrong, one line; "" = nothing
	Tainted         string   // the reason, "" = not
	Absent          []string // files that were left behind when the tree was copied, of those that the answer does without
}

// Lacks reports that a table of the attempt (requests, outputs, samples) was left behind when the tree was copied.
// A table that the attempt never had is not lacking.
func (p *Past) Lacks(table string) bool { return slices.Contains(p.Absent, table+".parquet") }

// History returns the committed attempts of an experiment (all experiments when ""), oldest first. It reads
// manifests and file sizes; Verify reads the files.
// Folders that cannot be looked into are told by Notice and left out. It needs no lock: what is there is whole.
func (s *Store) History(ctx context.Context, experiment string) ([]Past, error) {
	if experiment != "" {
		if err := checkName(experiment); err != nil {
			return nil, fmt.Errorf("read the history of %q: %w", experiment, err)
		}
		return reading{s, ctx}.experiment(experiment, readPast)
	}
	names, err := foldersRead(s, s.root)
	if err != nil {
		return nil, err
	}
	var all [][]Past
	for _, name := range names {
		past, err := reading{s, ctx}.experiment(name, readPast)
		if err != nil && !(reading{s, ctx}).unreadable(err) {
			return nil, err
		}
		all = append(all, past)
	}
	return byAge(all), nil
}

// reading is one look through the committed attempts.
// It exists to carry both through; it keeps nothing.
type reading struct {
	s   *Store
	ctx context.Context
}

// unreadable says, once, that a folder cannot be looked into, such as lost+found of a file system: whatever is in it, the
// results beside it are still there. Not so when the whole search is to end.
func (r reading) unreadable(err error) bool {
	if r.ctx.Err() != nil || passing(err) {
		return false
	}
	r.s.notice("%v; what is in it is not counted", err)
	return true
}

// byAge joins histories by age: a ULID begins with its time. What is sorted is where they lie: to move each of many about took as
// long as to find them.
func byAge(histories [][]Past) []Past {
	var all []*Past
	for _, past := range histories {
		for i := range past {
			all = append(all, &past[i])
		}
	}
	slices.SortFunc(all, func(a, b *Past) int { return strings.Compare(a.Attempt, b.Attempt) })
	out := slices.Grow([]Past(nil), len(all))
	for _, p := range all {
		out = append(out, *p)
	}
	return out
}

// attemptReader reads what an attempt's folder tells.
// It is called for several cells at once.
type attemptReader func(experiment, slug, dir string) (Past, error)

// experiment reads the attempts of one experiment, oldest first, on all processors: the system's calls are most of the work.
func (r reading) experiment(experiment string, read attemptReader) ([]Past, error) {
	slugs, err := foldersRead(r.s, filepath.Join(r.s.root, experiment))
	if err != nil {
		return nil, err
	}
	found := make([][]Past, len(slugs))
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, slug := range slugs {
		work.Go(func() (err error) {
			if found[i], err = r.cell(experiment, slug, read); err != nil && r.unreadable(err) {
				return nil
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	return byAge(found), nil
}

// cell reads the attempts in a cell's folder, and the marks on them. Other folders there are nobody's business.
func (r reading) cell(experiment, slug string, read attemptReader) ([]Past, error) {
	cell := filepath.Join(r.s.root, experiment, slug)
	names, err := foldersRead(r.s, cell)
	if err != nil {
		return nil, err
	}
	var out []Past
	for _, name := range names {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		if slug != launchesDir && attemptName(name) {
			p, err := read(experiment, slug, filepath.Join(cell, name))
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, nil // not a cell, or one without results: its marks say nothing
	}
	// once a cell, however many attempts it has, and each time anew: one may be added at any moment
	marks, err := readMarks(cell)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Tainted = taintOf(marks, &out[i].Manifest)
	}
	return out, nil
}

// readPast fails for a want of ours alone (too few descriptors): what is wrong with an attempt is a finding about it.
func readPast(experiment, slug, dir string) (Past, error) {
	p := Past{Dir: dir}
	m, err := table.ReadManifest(dir)
	switch {
	case passing(err):
		return p, fmt.Errorf("read the attempt in %s: %w", dir, err)
	case errors.Is(err, os.ErrNotExist):
		p.Problem, p.Detail = ResultMissing, "no "+table.ManifestFile
	case err != nil:
		p.Problem, p.Detail = ResultCorrupt, err.Error()
	case m.Experiment != experiment || m.Slug != slug || m.Attempt != filepath.Base(dir):
		p.Problem, p.Detail = ResultCorrupt, "the manifest is another attempt's: "+m.Experiment+"/"+m.Slug+"/"+m.Attempt
	case m.Schema > record.ManifestSchema:
		p.Problem, p.Detail = Unverified, fmt.Sprintf("manifest schema %d is newer than %d", m.Schema, record.ManifestSchema)
	default:
		p.Problem, p.Detail = checkSizes(dir, m.Files)
		p.Absent = absent(dir, m.Files)
	}
	p.Manifest = m
	if m.Attempt == "" {
		p.Experiment, p.Slug, p.Attempt = experiment, slug, filepath.Base(dir)
	}
	return p, nil
}

// published are the files that an attempt's folder may have beside its manifest. A name from a file is a path: no other is
// ever looked at.
// The order is that of the index's sizes: an index of another order would be read wrong.
var published = []string{table.FileOf(record.TableRequests), table.FileOf(record.TableOutputs), table.FileOf(record.TableSamples), table.FileOf(record.TableRun), logFile}

// leavable are the files without which an attempt still says what it measured: run.parquet has all metrics. Trees are
// copied without the answers, which may be large or nobody else's business, without the rows of each request, and without
// logs.
var leavable = []string{table.FileOf(record.TableOutputs), table.FileOf(record.TableRequests), table.FileOf(record.TableSamples), logFile}

// gone says which files an attempt lacks.
func gone(absent []string) string {
	if len(absent) == 1 {
		return absent[0] + " is gone"
	}
	return strings.Join(absent, " and ") + " are gone"
}

// absent lists the leavable files that the manifest names and that are not there.
// Those that must be there are told by checkSizes.
func absent(dir string, files map[string]record.FileSum) []string {
	var list []string
	for _, name := range leavable {
		if _, named := files[name]; !named {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, os.ErrNotExist) {
			list = append(list, name)
		}
	}
	return list
}

// checkSizes looks at every file that the manifest lists, without reading any: a truncated file shows by its size. What it lists
// beyond our own names is no work of ours.
func checkSizes(dir string, files map[string]record.FileSum) (problem, detail string) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !slices.Contains(published, name) {
			return ResultCorrupt, fmt.Sprintf("the manifest lists %q, which no attempt has", name)
		}
		info, err := os.Lstat(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) && slices.Contains(leavable, name) {
			continue
		}
		if err != nil {
			return ResultMissing, name + " is gone"
		}
		if !info.Mode().IsRegular() {
			return ResultCorrupt, (&disk.NotRegular{Path: name, Mode: info.Mode()}).Error()
		}
		if info.Size() != files[name].Bytes {
			return ResultCorrupt, fmt.Sprintf("%s has %d bytes, not %d", name, info.Size(), files[name].Bytes)
		}
	}
	return "", ""
}
