package slurm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"matrix/results/disk"
	"matrix/results/store"
	"matrix/runner/plan"
)

// Folders and files of a run.
const (
	clusterDir = "cluster" // below .matrix
	planFile   = "plan"
	groupsFile = "groups.jsonl"
	runFile    = "run.json" // written last: without it a run was never begun
	closedFile = "closed"   // every launch is committed or given up
	claimsDir  = "claims"
	doneDir    = "done"
	logsDir    = "logs"
)

// Launch is one launch that a run is to have committed.
type Launch struct {
	Experiment string   `json:"experiment"`
	Address    string   `json:"address"`
	Slug       string   `json:"slug"`
	Name       string   `json:"name"`
	Launch     int      `json:"launch"`
	Before     []string `json:"before,omitempty"` // attempts that the cell had when the run began
}

// addressDigits are those of an address that name a launch.
const addressDigits = 16

// Key names a launch's claim and marker.
func (l *Launch) Key() string { return l.Address[:addressDigits] + "-" + strconv.Itoa(l.Launch) }

// Group is what one task of an array runs, in order.
type Group struct {
	Number   int      `json:"number"`
	Hardware string   `json:"hardware"` // label; "" = any
	Launches []Launch `json:"launches"`
}

// Run is one submission of a plan.
type Run struct {
	ID       string              `json:"id"` // ULID
	Made     time.Time           `json:"made"`
	Hardware map[string][]string `json:"hardware"` // options of sbatch by label
	Groups   []Group             `json:"-"`

	Store *store.Store `json:"-"`
	Dir   string       `json:"-"` // of the run, on the shared file system
	fs    *disk.FS     // syncs what it writes
}

// Create lays a run down for the plans' launches, size of them a task. The plan is written by save.
func Create(store *store.Store, plans []*plan.Plan, save func(io.Writer) error, size int) (*Run, error) {
	r := &Run{ID: ulid.Make().String(), Made: time.Now(), Hardware: map[string][]string{}, Store: store, fs: &disk.FS{}}
	r.Dir = filepath.Join(store.Inner(), clusterDir, r.ID)
	if err := r.group(plans, max(1, size)); err != nil {
		return nil, err
	}
	var plan, groups bytes.Buffer
	if err := save(&plan); err != nil {
		return nil, err
	}
	lines := json.NewEncoder(&groups)
	for _, g := range r.Groups {
		if err := lines.Encode(g); err != nil {
			return nil, fmt.Errorf("lay down the run: %w", err)
		}
	}
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("lay down the run: %w", err)
	}
	for _, dir := range []string{claimsDir, doneDir, logsDir} {
		if err := r.fs.MkdirAll(filepath.Join(r.Dir, dir)); err != nil {
			return nil, fmt.Errorf("lay down the run: %w", err)
		}
	}
	for _, f := range []struct {
		name string
		doc  []byte
	}{{planFile, plan.Bytes()}, {groupsFile, groups.Bytes()}, {runFile, doc}} {
		if err := r.fs.WriteFile(filepath.Join(r.Dir, f.name), f.doc); err != nil {
			return nil, fmt.Errorf("lay down the run: %w", err)
		}
	}
	return r, nil
}

// group deals the launches out: in the plan's order, those of one hardware and experiment together.
func (r *Run) group(plans []*plan.Plan, size int) error {
	for _, p := range plans {
		open := map[string]int{} // the group that takes more, by hardware
		before := map[string][]string{}
		for _, step := range p.Order {
			c := step.Item.Cell
			label := ""
			if h := c.Hardware; h != nil {
				label = h.ID
				if _, known := r.Hardware[label]; !known {
					options, err := Options(h.Slurm)
					if err != nil {
						return fmt.Errorf("%s: %w", h.Place, err)
					}
					r.Hardware[label] = options
				}
			}
			if _, known := before[c.Slug]; !known {
				names, err := r.Store.AttemptNames(p.Experiment, c.Slug)
				if err != nil {
					return err
				}
				before[c.Slug] = names
			}
			at, ok := open[label]
			if !ok || len(r.Groups[at].Launches) >= size {
				at = len(r.Groups)
				open[label] = at
				r.Groups = append(r.Groups, Group{Number: at, Hardware: label})
			}
			r.Groups[at].Launches = append(r.Groups[at].Launches, Launch{Experiment: p.Experiment, Address: c.Address, Slug: c.Slug,
				Name: c.Name(), Launch: step.Launch, Before: before[c.Slug]})
		}
	}
	return nil
}

// Underway returns the run that is not closed, nil when there is none. One that can no longer be read is set aside: nobody
// could go on with it, and it must not keep everybody from applying.
func Underway(store *store.Store) (*Run, error) {
	dirs, err := Unclosed(store)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		run, err := Open(store, dir)
		if err == nil {
			return run, nil
		}
		if err := store.SetAside(dir, "the run "+filepath.Base(dir)+" on a cluster, of which jobs may still run (squeue),", err); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// Unclosed are the folders of the runs that are not closed: one, or what somebody copied here. It changes nothing.
func Unclosed(store *store.Store) (dirs []string, err error) {
	entries, err := os.ReadDir(filepath.Join(store.Inner(), clusterDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for a run on a cluster: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(store.Inner(), clusterDir, e.Name())
		_, closed := os.Lstat(filepath.Join(dir, closedFile))
		_, begun := os.Lstat(filepath.Join(dir, runFile))
		if closed != nil && begun == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// Open reads a run with its groups.
func Open(store *store.Store, dir string) (*Run, error) {
	r, err := open(store, dir)
	if err != nil {
		return nil, err
	}
	return r, r.eachGroup(0, func(g Group) bool { r.Groups = append(r.Groups, g); return true })
}

// open reads a run's own file. That its ID is not the folder's means that somebody copied it.
func open(store *store.Store, dir string) (*Run, error) {
	r := &Run{Store: store, Dir: dir, fs: &disk.FS{}}
	doc, err := disk.ReadFile(filepath.Join(dir, runFile), 64<<20)
	if err == nil {
		err = json.Unmarshal(doc, r)
	}
	if err == nil && r.ID != filepath.Base(dir) {
		err = fmt.Errorf("%s is of the run %q", runFile, r.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("read the run on a cluster: %w", err)
	}
	return r, nil
}

// eachGroup reads the groups from a number on. Line n is group n, so those before are passed over undecoded: each of
// 50,000 tasks does this.
func (r *Run) eachGroup(from int, each func(Group) bool) error {
	f, err := disk.Open(filepath.Join(r.Dir, groupsFile))
	if err != nil {
		return fmt.Errorf("read the run's groups: %w", err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	for range from {
		// A line is shorter than the buffer but for cells with thousands of attempts; these take several turns.
		for more := true; more; {
			_, err := in.ReadSlice('\n')
			more = errors.Is(err, bufio.ErrBufferFull)
			if err != nil && !more {
				return nil // fewer than that
			}
		}
	}
	d := json.NewDecoder(in)
	for {
		var g Group
		if err := d.Decode(&g); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the run's groups: %w", err)
		}
		for i := range g.Launches {
			if l := &g.Launches[i]; len(l.Address) < addressDigits || strings.ContainsAny(l.Address, "/.") {
				return fmt.Errorf("read the run's groups: %q is no cell's address", l.Address)
			}
		}
		if !each(g) {
			return nil
		}
	}
}

// Plan is the path of the saved plan.
func (r *Run) Plan() string { return filepath.Join(r.Dir, planFile) }

// Name is what the run's jobs are called, with a dash and the first group's number of each array behind it.
func (r *Run) Name() string { return "matrix-" + r.ID }

// claim is the folder of a launch's claim.
func (r *Run) claim(l *Launch) string { return filepath.Join(r.Dir, claimsDir, l.Key()) }

// marker is the file of a launch that is committed.
func (r *Run) marker(l *Launch) string { return filepath.Join(r.Dir, doneDir, l.Key()) }

// apart is the results tree with its work in the launch's claim.
func (r *Run) apart(l *Launch, guard func() error) *store.Store {
	return r.Store.Apart(filepath.Join(clusterDir, r.ID, claimsDir, l.Key()), guard)
}

// Close ends a run: what tasks left unfinished goes into the tree's own work, where the next apply finds it. The caller
// holds the tree's lock, and no job of the run is left.
func (r *Run) Close(ctx context.Context) error {
	for _, g := range r.Groups {
		for i := range g.Launches {
			l := &g.Launches[i]
			if _, err := os.Stat(filepath.Join(r.claim(l), "work")); err != nil {
				continue // never begun
			}
			if _, err := r.Store.Adopt(ctx, r.apart(l, nil)); err != nil {
				return fmt.Errorf("take over what %s launch %d left: %w", l.Name, l.Launch, err)
			}
		}
	}
	if err := r.fs.WriteFile(filepath.Join(r.Dir, closedFile), nil); err != nil {
		return fmt.Errorf("close the run: %w", err)
	}
	for _, dir := range []string{claimsDir, doneDir} {
		if err := r.fs.RemoveAll(filepath.Join(r.Dir, dir)); err != nil {
			return fmt.Errorf("close the run: %w", err)
		}
	}
	return nil
}
