package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/record"
	"matrix/results/rows"
	"matrix/results/store"
	"matrix/results/table"
)

// builtFile marks a folder that Build made, which it may therefore replace.
// It is empty: its being there says all.
const builtFile = ".matrix-serve"

// Rows of an attempt that a copy has: the first that ended, of each kind of failure some, and of the answers that cannot be used.
const (
	copied       = 200
	copiedFailed = 50
)

// copyOf is the requests of an attempt in a copy.
// The page has the same records as from a server, so that one script reads both.
type copyOf struct {
	rows.Page
	Dataset string           `json:"dataset"`
	Texts   map[int64]string `json:"texts"` // answers by request
}

// Build writes a copy that needs no server of ours into a folder, whole or not at all: the cells, their attempts, the reports, and
// of each attempt the first requests. A folder that is there must be empty, or a copy. What is wrong with the results stands in it, and the store's
// Notice is told.
// ctx ends it with nothing changed. For an instant between two renames the folder is not there.
func (s *Server) Build(ctx context.Context, dir string) (err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := s.mayReplace(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("build the copy: %w", err)
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".new-")
	if err != nil {
		return fmt.Errorf("build the copy: %w", err)
	}
	defer os.RemoveAll(aside)
	fresh := filepath.Join(aside, "fresh")
	if err := s.write(ctx, site(fresh)); err != nil {
		return fmt.Errorf("build the copy: %w", err)
	}
	if err := os.Rename(dir, filepath.Join(aside, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace the copy: %w", err)
	}
	return os.Rename(fresh, dir)
}

// mayReplace refuses any folder that might be somebody's: a mistyped path must not cost a home.
func (s *Server) mayReplace(dir string) error {
	if in, err := filepath.Rel(s.Store.Root(), dir); err == nil && in != ".." && !strings.HasPrefix(in, ".."+string(filepath.Separator)) {
		return fmt.Errorf("%s is among the results: a copy there would be taken for an experiment", dir)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, builtFile)); err != nil {
		return fmt.Errorf("%s is not empty and no copy that matrix serve --build made", dir)
	}
	return nil
}

// site is the folder of a copy.
type site string

// file writes a file, its folder made.
func (d site) file(content []byte, path ...string) error {
	at := filepath.Join(append([]string{string(d)}, path...)...)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return os.WriteFile(at, content, 0o644)
}

// json writes what the server would answer with, under the path that the script asks for.
func (d site) json(v any, path ...string) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return d.file(text, path...)
}

// write makes the whole copy; the report of an experiment takes the longest of it.
func (s *Server) write(ctx context.Context, d site) error {
	set, tree, err := s.survey(ctx)
	if err != nil {
		return err
	}
	for _, c := range tree.Cells {
		attempts := attemptsOf(set, c.Experiment, c.Slug)
		for i := range attempts {
			found, err := s.copyRows(ctx, d, &attempts[i])
			if err != nil {
				return err
			}
			tree.Problems = append(tree.Problems, found...)
			attempts[i].Dir = "" // paths of this machine stay here
		}
		if err := d.json(attempts, "api", "attempts", c.Experiment, c.Slug+".json"); err != nil {
			return err
		}
	}
	tree.Results = filepath.Base(s.Store.Root()) // who gets the copy need not know where it was
	for i := range tree.Problems {
		p := &tree.Problems[i]
		if s.Store.Notice != nil {
			s.Store.Notice(fmt.Sprintf("%s: %s: %s", path.Join(p.Experiment, p.Slug, p.Attempt), p.Problem, p.Detail))
		}
		p.Dir, p.Detail = "", strings.ReplaceAll(p.Detail, s.Store.Root(), tree.Results)
	}
	if err := errors.Join(d.assets(), d.file(nil, builtFile), d.json(tree, "api", "tree.json")); err != nil {
		return err
	}
	for _, name := range tree.Experiments {
		var page bytes.Buffer
		if err := s.Report(ctx, name, &page); err != nil {
			return fmt.Errorf("the report on %s: %w", name, err)
		}
		const head = `<meta charset="utf-8">`
		own := head + `<meta http-equiv="Content-Security-Policy" content="` + reportPolicy() + `">` // as no server of ours says it
		if err := d.file(bytes.Replace(page.Bytes(), []byte(head), []byte(own), 1), "report", name+".html"); err != nil {
			return err
		}
	}
	return nil
}

// assets are the pages, which are told that there is no server.
func (d site) assets() error {
	return fs.WalkDir(files(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files(), path)
		if err != nil {
			return err
		}
		return d.file(bytes.Replace(content, []byte("<html "), []byte("<html data-copy "), 1), path)
	})
}

// copyRows writes the first requests of an attempt, with their answers. One that was copied without them has none, nor has one that is damaged:
// that is its problem from then on, and given back where it was not known before.
func (s *Server) copyRows(ctx context.Context, d site, of *ndjson.Attempt) (found []ndjson.Problem, err error) {
	m := of.Manifest
	kept, err := s.rowsOf(ctx, of)
	switch {
	case err == nil:
		return nil, d.json(kept, "api", "rows", m.Attempt+".json")
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case of.Problem != "" || errors.Is(err, fs.ErrNotExist):
		return nil, nil
	}
	if of.Problem = unreadable; errors.Is(err, table.ErrCorrupt) {
		of.Problem = store.ResultCorrupt
	}
	return []ndjson.Problem{{Experiment: m.Experiment, Slug: m.Slug, Attempt: m.Attempt, Problem: of.Problem, Detail: err.Error()}}, nil
}

// rowsOf are the first requests of an attempt, with their answers.
func (s *Server) rowsOf(ctx context.Context, of *ndjson.Attempt) (out copyOf, err error) {
	out.Dataset = datasetOf(of.Manifest)
	err = s.cache.With(ctx, of.Dir, func(a *rows.Attempt) (err error) {
		// a copy is for others: nothing unchecked goes into it
		if err := a.Wait(ctx); err != nil {
			return err
		}
		if out.Page, err = a.Page(ctx, rows.Query{Limit: copied, Hashes: true}); err != nil {
			return err
		}
		out.Next, out.Texts = "", map[int64]string{}
		for status := range out.Counts {
			q := rows.Query{Limit: copiedFailed, Status: status, Hashes: true}
			if status == record.StatusOK {
				q.Invalid = rows.Any
			}
			failed, err := a.Page(ctx, q)
			if err != nil {
				return err
			}
			out.add(failed.Rows)
		}
		for _, r := range out.Rows {
			text, err := a.Text(ctx, r.Seq)
			if err == nil {
				out.Texts[r.Seq] = text
			} else if !errors.Is(err, fs.ErrNotExist) { // it may not have been kept
				return err
			}
		}
		return nil
	})
	return out, err
}

// add adds rows that are not there yet.
func (c *copyOf) add(more []rows.Request) {
	there := map[int64]bool{}
	for _, r := range c.Rows {
		there[r.Seq] = true
	}
	for _, r := range more {
		if !there[r.Seq] {
			c.Rows = append(c.Rows, r)
		}
	}
}
