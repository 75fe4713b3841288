package results

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"matrix/results/disk"
	"matrix/results/record"
)

// Problems of a committed attempt; the words are the plan's reasons.
const (
	ResultMissing = "result_missing" // the manifest or a file that it lists is gone
	ResultCorrupt = "result_corrupt" // a checksum or size does not match
	Unverified    = "unverified"     // written by a newer matrix: cannot be judged here
)

// Past is one attempt in the history.
type Past struct {
	Manifest // what is known from the path alone when Problem says so
	Dir      string
	Problem  string   // "" or result_corrupt, result_missing, unverified
	Detail   string   // what exactly is wrong, one line; "" = nothing
	Tainted  string   // the reason, "" = not
	Absent   []string // files that were left behind when the tree was copied, of those that the answer does without
}

// Lacks reports that a table of the attempt (requests, outputs, samples) was left behind when the tree was copied.
func (p *Past) Lacks(table string) bool { return slices.Contains(p.Absent, table+".parquet") }

// History returns the committed attempts of an experiment (all experiments when ""), oldest first. It reads
// manifests and file sizes; Verify reads the files.
func (s *Store) History(ctx context.Context, experiment string) ([]Past, error) {
	if experiment != "" {
		if err := checkName(experiment); err != nil {
			return nil, fmt.Errorf("read the history of %q: %w", experiment, err)
		}
		return s.experimentHistory(ctx, experiment)
	}
	names, err := folders(s.root)
	if err != nil {
		return nil, err
	}
	var out []Past
	for _, name := range names {
		past, err := s.experimentHistory(ctx, name)
		if err != nil && !s.unreadable(ctx, err) {
			return nil, err
		}
		out = append(out, past...)
	}
	return sortPast(out), nil
}

// unreadable says, once, that a folder cannot be looked into, such as lost+found of a file system: whatever is in it, the
// results beside it are still there. Not so when the whole search is to end.
func (s *Store) unreadable(ctx context.Context, err error) bool {
	if ctx.Err() != nil || recoverable(err) {
		return false
	}
	s.notice("%v; what is in it is not counted", err)
	return true
}

func sortPast(past []Past) []Past {
	slices.SortFunc(past, func(a, b Past) int { return strings.Compare(a.Attempt, b.Attempt) })
	return past
}

func (s *Store) experimentHistory(ctx context.Context, experiment string) ([]Past, error) {
	slugs, err := folders(filepath.Join(s.root, experiment))
	if err != nil {
		return nil, err
	}
	var out []Past
	for _, slug := range slugs {
		past, err := s.cellHistory(ctx, experiment, slug)
		if err != nil && !s.unreadable(ctx, err) {
			return nil, err
		}
		out = append(out, past...)
	}
	return sortPast(out), nil
}

func (s *Store) cellHistory(ctx context.Context, experiment, slug string) ([]Past, error) {
	cell := filepath.Join(s.root, experiment, slug)
	names, err := folders(cell)
	if err != nil {
		return nil, err
	}
	var out []Past
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if slug != launchesDir && attemptName(name) {
			p, err := readPast(experiment, slug, filepath.Join(cell, name))
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, nil // not a cell, or one without results: its marks say nothing
	}
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
	m, err := readManifest(dir)
	switch {
	case recoverable(err):
		return p, fmt.Errorf("read the attempt in %s: %w", dir, err)
	case errors.Is(err, os.ErrNotExist):
		p.Problem, p.Detail = ResultMissing, "no "+manifestFile
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
var published = []string{record.TableRequests + ".parquet", record.TableOutputs + ".parquet", record.TableSamples + ".parquet", record.TableRun + ".parquet", logFile}

// leavable are the files without which an attempt still says what it measured: run.parquet has all metrics. Trees are
// copied without the answers, which may be large or nobody else's business, without the rows of each request, and without
// logs.
var leavable = []string{record.TableOutputs + ".parquet", record.TableRequests + ".parquet", record.TableSamples + ".parquet", logFile}

// gone says which files an attempt lacks.
func gone(absent []string) string {
	if len(absent) == 1 {
		return absent[0] + " is gone"
	}
	return strings.Join(absent, " and ") + " are gone"
}

// absent lists the leavable files that the manifest names and that are not there.
func absent(dir string, files map[string]FileSum) []string {
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

func checkSizes(dir string, files map[string]FileSum) (problem, detail string) {
	for _, name := range sortedKeys(files) {
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

// Verify reads every file of the store against its manifest and returns the attempts with a problem.
func (s *Store) Verify(ctx context.Context) ([]Past, error) {
	all, err := s.History(ctx, "")
	if err != nil {
		return nil, err
	}
	var bad []Past
	for _, p := range all {
		if p.Problem == "" && len(p.Absent) > 0 {
			p.Problem, p.Detail = ResultMissing, gone(p.Absent)
		}
		if p.Problem == "" {
			if p.Problem, p.Detail, err = checkSums(ctx, p.Dir, p.Files); err != nil {
				return nil, err
			}
		}
		if p.Problem != "" {
			bad = append(bad, p)
		}
	}
	return bad, nil
}

func checkSums(ctx context.Context, dir string, files map[string]FileSum) (problem, detail string, err error) {
	for _, name := range sortedKeys(files) {
		if err := ctx.Err(); err != nil {
			return "", "", err
		}
		sum, err := sumFile(filepath.Join(dir, name))
		if recoverable(err) {
			return "", "", fmt.Errorf("check the attempt in %s: %w", dir, err)
		}
		if err != nil {
			return ResultCorrupt, fmt.Sprintf("%s cannot be read: %v", name, err), nil
		}
		if sum != files[name] {
			return ResultCorrupt, name + " is not what was written: its SHA-256 differs", nil
		}
	}
	return "", "", nil
}

func sumFile(path string) (FileSum, error) {
	f, err := disk.Open(path)
	if err != nil {
		return FileSum{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return FileSum{Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

func sumOf(doc []byte) FileSum {
	sum := sha256.Sum256(doc)
	return FileSum{Bytes: int64(len(doc)), SHA256: hex.EncodeToString(sum[:])}
}

// folders are the folders in dir that are not hidden, sorted; none when dir is missing.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the results in %s: %w", dir, err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}
