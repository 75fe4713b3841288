package results

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// launchesDir holds what shared servers left; attempts refer to it.
const launchesDir = "launches"

// Merged says what Merge did.
type Merged struct {
	Taken, Already []Past // attempts that are in the tree now; that were in it before
	Damaged        []Past // of the other tree, not as they were written: left out
	Marks          int    // taint and accept marks taken over
	Sources        int    // experiment files taken over
	Launches       int    // folders of shared servers taken over
	Notes          []string
}

// ErrConflict says that two trees hold different things under one name. Nothing has been taken then.
type ErrConflict struct{ Conflicts []string }

func (e *ErrConflict) Error() string {
	return "the two trees hold different things under the same name; nothing was taken:\n  " + strings.Join(e.Conflicts, "\n  ")
}

// Merge takes over the attempts of another tree with their marks, sources and shared launches. Whatever is there already
// stays; each attempt appears whole by one rename, after the checksums of the copy were found right, so a merge that was
// cut short is simply done again. It takes the lock. *ErrConflict: one ULID stands for two different attempts.
func (s *Store) Merge(ctx context.Context, other *Store) (Merged, error) {
	if s.root == other.root {
		return Merged{}, fmt.Errorf("nothing to merge: %s is the same tree", other.root)
	}
	unlock, err := s.Lock("matrix merge " + other.root)
	if err != nil {
		return Merged{}, err
	}
	defer unlock()
	m := merging{ctx: ctx, into: s, from: other, mine: map[string]*Past{}}
	if err := m.compare(); err != nil {
		return Merged{}, err
	}
	return m.out, m.take()
}

// merging is one merge.
type merging struct {
	ctx        context.Context
	into, from *Store
	mine       map[string]*Past // by ULID
	todo       []Past
	extras     []extra
	out        Merged
}

// extra is a file or folder beside the attempts: a mark, a source, a shared launch.
type extra struct {
	path  string // below the root
	count *int
}

// compare looks at everything before anything is written.
func (m *merging) compare() error {
	mine, err := m.into.History(m.ctx, "")
	if err != nil {
		return err
	}
	for i := range mine {
		m.mine[mine[i].Attempt] = &mine[i]
	}
	theirs, err := m.from.History(m.ctx, "")
	if err != nil {
		return err
	}
	var conflicts []string
	for i := range theirs {
		if text := m.sort(theirs[i]); text != "" {
			conflicts = append(conflicts, text)
		}
	}
	more, err := m.findExtras()
	if err != nil {
		return err
	}
	if conflicts = append(conflicts, more...); len(conflicts) > 0 {
		return &ErrConflict{conflicts}
	}
	m.note(mine)
	return nil
}

// sort puts one attempt of the other tree where it belongs; the text is a conflict.
func (m *merging) sort(p Past) (conflict string) {
	here := m.mine[p.Attempt]
	switch {
	case here != nil && here.Manifest.Self != "" && here.Self == p.Self && here.Slug == p.Slug && here.Experiment == p.Experiment:
		m.out.Already = append(m.out.Already, *here)
	case p.Problem != "":
		m.out.Damaged = append(m.out.Damaged, p)
	case here != nil:
		return fmt.Sprintf("attempt %s is launch %d of %s/%s here (identity %s), and launch %d of %s/%s there (identity %s)", p.Attempt,
			here.Launch, here.Experiment, here.Slug, short(here.Identity.Hash), p.Launch, p.Experiment, p.Slug, short(p.Identity.Hash))
	default:
		m.todo = append(m.todo, p)
	}
	return ""
}

// findExtras lists what goes with the attempts, and the conflicts among that.
func (m *merging) findExtras() (conflicts []string, err error) {
	kinds := []struct {
		glob  string
		count *int
	}{{filepath.Join("*", "*", marksDir, "*.json"), &m.out.Marks}, {filepath.Join("*", sourcesDir, "*"), &m.out.Sources},
		{filepath.Join("*", launchesDir, "*", "*"), &m.out.Launches}}
	for _, kind := range kinds {
		found, err := filepath.Glob(filepath.Join(m.from.root, kind.glob))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			rel, err := filepath.Rel(m.from.root, path)
			if err != nil {
				return nil, err
			}
			if strings.HasPrefix(rel, ".") || strings.HasSuffix(rel, ".tmp") {
				continue
			}
			same, err := sameFile(path, filepath.Join(m.into.root, rel))
			switch {
			case errors.Is(err, os.ErrNotExist):
				m.extras = append(m.extras, extra{rel, kind.count})
			case err != nil:
				return nil, err
			case !same:
				conflicts = append(conflicts, rel+" differs")
			}
		}
	}
	return conflicts, nil
}

// sameFile compares two small files; os.ErrNotExist when there is no second.
func sameFile(a, b string) (bool, error) {
	second, err := os.ReadFile(b)
	if err != nil {
		return false, err
	}
	first, err := os.ReadFile(a)
	return bytes.Equal(first, second), err
}

// note says what is no conflict and still worth knowing.
func (m *merging) note(mine []Past) {
	type launch struct {
		hash   string
		number int
	}
	complete, identities := map[launch]bool{}, map[string]string{}
	for _, p := range mine {
		if p.Status == Complete && p.Problem == "" && p.Tainted == "" {
			complete[launch{p.Identity.Hash, p.Launch}] = true
		}
		identities[p.Experiment+"/"+p.Slug] = p.Identity.Hash
	}
	add := func(text string) {
		if !slices.Contains(m.out.Notes, text) {
			m.out.Notes = append(m.out.Notes, text)
		}
	}
	for _, p := range m.todo {
		if hash := identities[p.Experiment+"/"+p.Slug]; hash != "" && hash != p.Identity.Hash {
			add(fmt.Sprintf("%s/%s has results of two identities now (%s here, %s there): both are history, the plan says which counts",
				p.Experiment, p.Name, short(hash), short(p.Identity.Hash)))
		}
		if p.Status == Complete && complete[launch{p.Identity.Hash, p.Launch}] {
			add(fmt.Sprintf("launch %d of %s/%s is complete in both trees: both are kept, the later one counts", p.Launch, p.Experiment, p.Name))
		}
	}
}

// take copies. Marks first: a result that was voided must not count for a moment.
func (m *merging) take() error {
	for _, x := range m.extras {
		if err := m.takeExtra(x); err != nil {
			return fmt.Errorf("merge %s: %w", x.path, err)
		}
	}
	for _, p := range m.todo {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if err := m.takeAttempt(p); err != nil {
			return fmt.Errorf("merge attempt %s: %w", p.Attempt, err)
		}
	}
	return nil
}

func (m *merging) takeExtra(x extra) error {
	doc, err := os.ReadFile(filepath.Join(m.from.root, x.path))
	if err != nil {
		return err
	}
	to := filepath.Join(m.into.root, x.path)
	if err := m.into.fs.MkdirAll(filepath.Dir(to)); err != nil {
		return notWritable(m.into.root, err)
	}
	*x.count++
	return m.into.fs.WriteFile(to, doc)
}

// takeAttempt copies one attempt into work/, checks the copy and publishes it.
func (m *merging) takeAttempt(p Past) error {
	fs := m.into.fs
	cell, err := m.into.cellDir(p.Experiment, p.Slug)
	if err != nil {
		return err
	}
	// The name makes it rubbish to the next apply, should this one be cut short.
	work := m.into.inner(workDir, trashPrefix+"merge-"+p.Attempt)
	if err := errors.Join(fs.RemoveAll(work), fs.MkdirAll(work)); err != nil {
		return notWritable(m.into.root, err)
	}
	for _, name := range append(sortedKeys(p.Files), manifestFile) {
		sum, err := m.into.copyFile(filepath.Join(p.Dir, name), filepath.Join(work, name))
		if err != nil {
			return errors.Join(err, fs.RemoveAll(work))
		}
		if name != manifestFile && sum != p.Files[name] {
			p.Problem, p.Detail = ResultCorrupt, name+" is not what was written: its SHA-256 differs"
			m.out.Damaged = append(m.out.Damaged, p)
			return fs.RemoveAll(work)
		}
	}
	if err := errors.Join(fs.SyncDir(work), fs.MkdirAll(cell)); err != nil {
		return err
	}
	target := filepath.Join(cell, p.Attempt)
	if err := errors.Join(fs.Rename(work, target), fs.SyncDir(cell)); err != nil {
		return err
	}
	p.Dir = target
	m.out.Taken = append(m.out.Taken, p)
	return nil
}

// copyFile copies one file durably and returns what was written.
func (s *Store) copyFile(from, to string) (FileSum, error) {
	in, err := os.Open(from)
	if err != nil {
		return FileSum{}, err
	}
	defer in.Close()
	out, err := createSummed(s.fs, to)
	if err != nil {
		return FileSum{}, err
	}
	_, err = io.Copy(out, in)
	sum, closing := out.finish()
	return sum, errors.Join(err, closing)
}
