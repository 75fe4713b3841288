package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/table"
)

// launchesDir holds what shared servers left; attempts refer to it.
const launchesDir = "launches"

// MergeReport says what Merge did.
// After an error it says what was done until then.
type MergeReport struct {
	Taken, Already []Past // attempts that are in the tree now; that were in it before
	Damaged        []Past // of the other tree, not as they were written: left out
	Marks          int    // taint and accept marks taken over
	Sources        int    // experiment files taken over
	Launches       int    // folders of shared servers taken over
	Notes          []string
}

// ErrConflict says that two trees hold different things under one name. Nothing has been taken then.
// All conflicts, not the first: a person resolves them at once.
type ErrConflict struct{ Conflicts []string }

func (e *ErrConflict) Error() string {
	return "the two trees hold different things under the same name; nothing was taken:\n  " + strings.Join(e.Conflicts, "\n  ")
}

// Merge takes over the attempts of another tree with their marks, sources and shared launches. Whatever is there already
// stays; each attempt appears whole by one rename, after the checksums of the copy were found right, so a merge that was
// cut short is simply done again. It takes the lock. *ErrConflict: one ULID stands for two different attempts.
// What is copied is opened through an os.Root: no link leads out of that tree. Attempts in its work/ are not taken.
func (s *Store) Merge(ctx context.Context, other *Store) (MergeReport, error) {
	if s.root == other.root {
		return MergeReport{}, fmt.Errorf("nothing to merge: %s is the same tree", other.root)
	}
	unlock, err := s.Lock("matrix merge " + other.root)
	if err != nil {
		return MergeReport{}, err
	}
	defer unlock()
	theirs, err := os.OpenRoot(other.root)
	if err != nil {
		return MergeReport{}, fmt.Errorf("merge: %w", err)
	}
	defer theirs.Close()
	m := merger{ctx: ctx, into: s, from: other, theirs: theirs, mine: map[string]*Past{}}
	if err := m.compare(); err != nil {
		return MergeReport{}, err
	}
	err = m.take()
	return m.out, err
}

// merger is one merge.
type merger struct {
	ctx        context.Context
	into, from *Store
	theirs     *os.Root         // of from
	mine       map[string]*Past // by ULID
	todo       []Past           // attempts to take, in the order of their history
	extras     []extra
	out        MergeReport
	want       error // ours, for which a folder of the other tree could not be read
}

// extra is a file or folder beside the attempts: a mark, a source, a shared launch.
type extra struct {
	path  string // below the root
	count *int   // of the report, that it adds to
}

// compare looks at everything before anything is written.
// It ends with every conflict known, or none.
func (m *merger) compare() error {
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
// Damaged attempts are left out even where they are in conflict: they are nobody's result.
func (m *merger) sort(p Past) (conflict string) {
	here := m.mine[p.Attempt]
	switch {
	case here != nil && here.Manifest.Self != "" && here.Self == p.Self && here.Slug == p.Slug && here.Experiment == p.Experiment:
		m.out.Already = append(m.out.Already, *here)
		if more := slices.DeleteFunc(slices.Clone(here.Absent), func(name string) bool { return slices.Contains(p.Absent, name) }); len(more) > 0 && p.Problem == "" {
			m.out.Notes = append(m.out.Notes, fmt.Sprintf("attempt %s lacks %s here and has it there: move %s away, then merge again", p.Attempt, strings.Join(more, " and "), here.Dir))
		}
	case p.Problem != "", m.nowhere(&p):
		m.out.Damaged = append(m.out.Damaged, p)
	case here != nil && here.Problem != "":
		m.out.Notes = append(m.out.Notes, fmt.Sprintf("attempt %s is damaged here and whole there: move %s away, then merge again", p.Attempt, here.Dir))
	case here != nil:
		// By path: a launch edited in one tree has the same number and identity in both.
		return fmt.Sprintf("attempt %s differs: launch %d (identity %s) in %s, launch %d (identity %s) in %s", p.Attempt,
			here.Launch, record.CellKey(here.Identity.Hash), here.Dir, p.Launch, record.CellKey(p.Identity.Hash), p.Dir)
	default:
		m.todo = append(m.todo, p)
	}
	return ""
}

// nowhere reports that an attempt's names cannot stand in a tree of ours.
func (m *merger) nowhere(p *Past) bool {
	_, err := m.into.cellDir(p.Experiment, p.Slug)
	if err != nil {
		p.Problem, p.Detail = ResultCorrupt, err.Error()
	}
	return err != nil
}

// findExtras lists what goes with the attempts, and the conflicts among that: only what matrix itself would write there,
// by name and kind. A name from another tree is a path in ours.
func (m *merger) findExtras() (conflicts []string, err error) {
	experiments, err := foldersRead(m.from, m.from.root)
	if err != nil {
		return nil, err
	}
	for _, experiment := range experiments {
		if checkName(experiment) != nil {
			continue // nothing of ours has such a name
		}
		cells := m.foldersOf(experiment)
		for _, cell := range cells {
			dir := filepath.Join(experiment, cell)
			switch {
			case checkName(cell) != nil:
			case cell == sourcesDir:
				conflicts = append(conflicts, m.findFiles(dir, isSum, &m.out.Sources)...)
			case cell == launchesDir:
				for _, launch := range m.foldersOf(dir) {
					if attemptName(launch) {
						conflicts = append(conflicts, m.findFiles(filepath.Join(dir, launch), ofServer, &m.out.Launches)...)
					}
				}
			default:
				conflicts = append(conflicts, m.findFiles(filepath.Join(dir, marksDir), isMark, &m.out.Marks)...)
			}
		}
	}
	return conflicts, m.want
}

// foldersOf are the folders below one of the other tree's, by a path from its root.
func (m *merger) foldersOf(dir string) []string {
	names, err := foldersRead(m.from, filepath.Join(m.from.root, dir))
	if err != nil {
		m.leftOut(err)
	}
	return names
}

// leftOut says that a folder of the other tree cannot be looked into; a want of ours ends the merge before it has begun.
func (m *merger) leftOut(err error) {
	if !(reading{m.from, m.ctx}).unreadable(err) {
		m.want = err
	}
}

// isMark reports a file that a mark is kept in.
func isMark(name string) bool {
	id, ok := strings.CutSuffix(name, ".json")
	return ok && attemptName(id)
}

// ofServer reports a file that a shared server's folder has.
func ofServer(name string) bool { return name == serverFile || name == logFile }

// findFiles lists the files of a folder that are taken over, and which of them differ from those here. What is there beside
// them, or is no file, is left where it is, and said.
func (m *merger) findFiles(dir string, ours func(name string) bool, count *int) (conflicts []string) {
	entries, err := os.ReadDir(filepath.Join(m.from.root, dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		m.leftOut(err)
		return nil
	}
	for _, e := range entries {
		rel := filepath.Join(dir, e.Name())
		if !ours(e.Name()) || !e.Type().IsRegular() {
			if !strings.HasSuffix(e.Name(), ".tmp") {
				m.out.Notes = append(m.out.Notes, fmt.Sprintf("%q is nothing that matrix writes there: left out", rel))
			}
			continue
		}
		there, here := filepath.Join(m.from.root, rel), filepath.Join(m.into.root, rel)
		same, err := sameFile(there, here)
		switch {
		case errors.Is(err, os.ErrNotExist):
			m.extras = append(m.extras, extra{rel, count})
		case err != nil:
			m.out.Notes = append(m.out.Notes, fmt.Sprintf("%q is left out: %v", rel, err))
		case !same:
			conflicts = append(conflicts, here+" and "+there+" differ")
		}
	}
	return conflicts
}

// sameFile compares two files; os.ErrNotExist when there is no second.
// By checksum, so that neither is held in memory.
func sameFile(a, b string) (bool, error) {
	second, err := table.SumFile(b)
	if err != nil {
		return false, err
	}
	first, err := table.SumFile(a)
	return first == second, err
}

// note says what is no conflict and still worth knowing.
func (m *merger) note(mine []Past) {
	type launch struct {
		experiment, slug, hash string
		number                 int
	}
	of := func(p Past) launch { return launch{p.Experiment, p.Slug, p.Identity.Hash, p.Launch} }
	complete, identities := map[launch]bool{}, map[string]string{}
	for _, p := range mine {
		if p.Status == record.Complete && p.Problem == "" && p.Tainted == "" {
			complete[of(p)] = true
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
				p.Experiment, p.Name, record.CellKey(hash), record.CellKey(p.Identity.Hash)))
		}
		if p.Status == record.Complete && complete[of(p)] {
			add(fmt.Sprintf("launch %d of %s/%s is complete in both trees: both are kept, the later one counts", p.Launch, p.Experiment, p.Name))
		}
	}
}

// take copies. Marks first: a result that was voided must not count for a moment.
func (m *merger) take() error {
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

// takeExtra copies one file by way of work/, so that it appears whole.
func (m *merger) takeExtra(x extra) error {
	fs, to := m.into.fs, filepath.Join(m.into.root, x.path)
	tmp := m.into.inner(workDir, trashPrefix+"merge-"+filepath.Base(x.path))
	if err := errors.Join(fs.MkdirAll(filepath.Dir(to)), fs.RemoveAll(tmp)); err != nil {
		return notWritable(m.into.root, err)
	}
	if _, err := m.into.copyFile(m.theirs, x.path, tmp); err != nil {
		return errors.Join(err, fs.RemoveAll(tmp))
	}
	*x.count++
	return errors.Join(fs.Rename(tmp, to), fs.SyncDir(filepath.Dir(to)))
}

// takeAttempt copies one attempt into work/, checks the copy and publishes it.
func (m *merger) takeAttempt(p Past) error {
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
	// History found that all of these are names of ours, and regular files.
	for _, name := range append(slices.Sorted(maps.Keys(p.Files)), table.ManifestFile) {
		if slices.Contains(p.Absent, name) {
			continue // what the other tree was copied without
		}
		sum, err := m.into.copyFile(m.theirs, filepath.Join(p.Experiment, p.Slug, p.Attempt, name), filepath.Join(work, name))
		if err != nil && passing(err) {
			return errors.Join(err, fs.RemoveAll(work))
		}
		switch {
		case err != nil:
			p.Detail = fmt.Sprintf("%s cannot be copied: %v", name, err)
		case name != table.ManifestFile && sum != p.Files[name]:
			p.Detail = name + " is not what was written: its SHA-256 differs"
		default:
			continue
		}
		p.Problem = ResultCorrupt
		m.out.Damaged = append(m.out.Damaged, p)
		return fs.RemoveAll(work)
	}
	if err := errors.Join(fs.SyncDir(work), fs.MkdirAll(cell)); err != nil {
		return err
	}
	target := filepath.Join(cell, p.Attempt)
	if err := errors.Join(fs.Rename(work, target), fs.SyncDir(cell)); err != nil {
		return errors.Join(err, fs.RemoveAll(work))
	}
	p.Dir = target
	m.out.Taken = append(m.out.Taken, p)
	return nil
}

// copyFile copies one file of another tree durably and returns what was written. The name cannot lead out of that tree,
// whatever somebody makes of its folders meanwhile.
// O_NONBLOCK: a pipe that took the file's place meanwhile must not hold the merge up.
func (s *Store) copyFile(tree *os.Root, name, to string) (record.FileSum, error) {
	info, err := tree.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = &disk.NotRegular{Path: name, Mode: info.Mode()}
	}
	if err != nil {
		return record.FileSum{}, err
	}
	in, err := tree.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return record.FileSum{}, err
	}
	defer in.Close()
	out, err := table.CreateSummed(s.fs, to)
	if err != nil {
		return record.FileSum{}, err
	}
	// No more than there was: somebody may write on.
	_, err = io.Copy(out, io.LimitReader(in, info.Size()))
	sum, closing := out.Finish()
	return sum, errors.Join(err, closing)
}
