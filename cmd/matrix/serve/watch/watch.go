// Package watch follows the applies on a tree from outside, whoever started them and wherever they run: it reads their boards, their
// journals, and of each launch under way the log and the telemetry. It takes no lock and writes nothing.
package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matrix/cmd/matrix/view"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/claim"
	"matrix/results/store"
	"matrix/runner/apply"
	"matrix/runner/slurm"
)

// Message is one thing that has changed.
type Message struct {
	Event string // now, begin, records, log, samples, tree
	Data  any    // as JSON has it
}

// Now is the applies that have a board.
type Now struct {
	At     time.Time `json:"at"`
	Gone   bool      `json:"gone"`   // the folder of the results is not there
	Unseen []string  `json:"unseen"` // what cannot be read, where an apply may tell of itself
	Apply  []Apply   `json:"apply"`
	Runs   []Run     `json:"runs"`
}

// Run is one on a cluster that is not over. Its tasks may all wait in the queue.
type Run struct {
	Name      string `json:"name"` // in the queue
	Launches  int    `json:"launches"`
	Committed int    `json:"committed"`
	Watcher   string `json:"watcher"` // the apply that watches it; "" = none does
}

// Apply is one that runs, or was killed.
type Apply struct {
	Source     string          `json:"source"` // "" = of the tree, else a launch that a cluster's task has
	State      string          `json:"state"`
	Experiment string          `json:"experiment"`
	PID        int             `json:"pid"`
	Host       string          `json:"host"`
	Seen       time.Time       `json:"seen"` // when it wrote its board, by its clock
	Launches   []ndjson.Launch `json:"launches"`
}

// States of an apply.
const (
	Running = "running"
	Silent  = "silent" // its board is old: killed, stopped, or its disk hangs
	Dead    = "dead"   // its process is gone
)

// quiet is how old a board may be before its apply counts as silent: one is written every second.
const quiet = 5 * time.Second

// Watcher is what one who looks on has been told. Not safe for concurrent use.
type Watcher struct {
	store   *store.Store
	me      claim.Owner
	sources map[string]*source
	looked  time.Time // for sources and changes of the tree
	unread  []string  // folders of a cluster's tasks that could not be read then
	last    string    // the last Now, but for its time
	shape   string    // of the tree
	runs    []Run
	read    map[string]*slurm.Run // by folder: of 50,000 launches it is not read every three seconds
}

// New watches a tree.
func New(store *store.Store) *Watcher {
	w := &Watcher{store: store, me: claim.Me("matrix serve"), sources: map[string]*source{}}
	w.sources[""] = newSource(store)
	return w
}

// lookAround is how often folders are searched, which on a network's disk takes its time.
const lookAround = 3 * time.Second

// Look tells what has changed since the last time.
func (w *Watcher) Look(at time.Time) []Message {
	var out []Message
	if at.Sub(w.looked) >= lookAround {
		w.looked = at
		w.tasks()
		w.clusters()
		if shape := Shape(w.store.Root()); shape != w.shape {
			if w.shape != "" {
				out = append(out, Message{"tree", struct{}{}})
			}
			w.shape = shape
		}
	}
	_, err := os.Stat(w.store.Root())
	now := Now{At: at, Gone: errors.Is(err, fs.ErrNotExist), Unseen: slices.Clone(w.unread), Apply: []Apply{}, Runs: w.runs}
	for _, name := range slices.Sorted(maps.Keys(w.sources)) {
		s := w.sources[name]
		a, messages, err := s.look(at, w.me)
		if err != nil {
			now.Unseen = append(now.Unseen, err.Error())
		}
		for _, m := range messages {
			m.Data = named{name, m.Data}
			out = append(out, m)
		}
		if a != nil {
			a.Source = name
			now.Apply = append(now.Apply, *a)
		}
	}
	if w.Behind() { // what runs is told after all that has happened before
		return out
	}
	text, err := json.Marshal(Now{Gone: now.Gone, Unseen: now.Unseen, Apply: now.Apply, Runs: now.Runs})
	if err == nil && string(text) != w.last {
		w.last = string(text)
		out = append(out, Message{"now", now})
	}
	return out
}

// Behind reports whether there is more to tell at once.
func (w *Watcher) Behind() bool {
	for _, s := range w.sources {
		if s.journal.behind {
			return true
		}
	}
	return false
}

// named is a message with the source that it is of.
type named struct {
	Source string `json:"source"`
	Of     any    `json:"of"`
}

// mostTasks bounds the tasks of a cluster that are followed.
const mostTasks = 256

// mostUnread bounds the folders that are named; who may not read one may read none of its kind.
const mostUnread = 3

// tasks finds the launches that tasks of a cluster have: each has its own board, below its claim.
func (w *Watcher) tasks() {
	there := map[string]bool{"": true}
	w.unread = nil
	// The walk goes on after an error that is not given back. Folders: cluster/JOB/claims/LAUNCH.
	_ = fs.WalkDir(os.DirFS(w.store.Inner()), "cluster", func(at string, e fs.DirEntry, err error) error {
		parts := strings.Split(at, "/")
		switch {
		case err != nil:
			if !errors.Is(err, fs.ErrNotExist) && len(w.unread) < mostUnread {
				w.unread = append(w.unread, err.Error())
			}
		case len(there) > mostTasks:
			w.unread = append(w.unread, fmt.Sprintf("more than %d tasks of a cluster", mostTasks))
			return fs.SkipAll
		case len(parts) == 5 && parts[4] == apply.BoardFile:
			name := filepath.FromSlash(path.Dir(at))
			there[name] = true
			if w.sources[name] == nil {
				w.sources[name] = newSource(w.store.Apart(name, nil))
			}
		case e.IsDir() && (len(parts) == 3 && parts[2] != "claims" || len(parts) > 4):
			return fs.SkipDir
		}
		return nil
	})
	maps.DeleteFunc(w.sources, func(name string, _ *source) bool { return !there[name] })
}

// clusters are the runs that go on. What cannot be read is told by who goes on with it.
func (w *Watcher) clusters() {
	dirs, err := slurm.Unclosed(w.store)
	if err != nil && len(w.unread) < mostUnread {
		w.unread = append(w.unread, err.Error())
	}
	read := map[string]*slurm.Run{}
	w.runs = []Run{}
	for _, dir := range dirs {
		r := w.read[dir]
		if r == nil {
			if r, err = slurm.Open(w.store, dir); err != nil {
				continue
			}
		}
		read[dir] = r
		one := Run{Name: r.Name(), Committed: r.Marked()}
		for _, g := range r.Groups {
			one.Launches += len(g.Launches)
		}
		if held, err := claim.Holder(slurm.LeaseDir(w.store)); err == nil && held != nil {
			one.Watcher = held.Owner.String()
		}
		w.runs = append(w.runs, one)
	}
	w.read = read
}

// Shape of a tree changes when an attempt lands, wherever it comes from: a folder that gets an entry has a new time. So it does with the names of the
// experiments: the time of the tree's own folder tells of matrix's work in it too.
func Shape(root string) string {
	n, last, names := 0, time.Time{}, []string(nil)
	for _, pattern := range []string{"*", "*/*", "*/*/marks"} {
		dirs, _ := fs.Glob(os.DirFS(root), pattern) // the pattern is well-formed
		for _, dir := range dirs {
			if info, err := os.Lstat(filepath.Join(root, dir)); err == nil && info.IsDir() && !strings.HasPrefix(dir, ".") {
				if n++; pattern == "*" {
					names = append(names, dir)
				}
				if info.ModTime().After(last) {
					last = info.ModTime()
				}
			}
		}
	}
	return fmt.Sprintf("%d %d %q", n, last.UnixNano(), names)
}

// applyOf is what a board tells, and how its apply is.
func applyOf(b *apply.Board, age time.Duration, me claim.Owner) *Apply {
	a := &Apply{State: Running, Experiment: b.Experiment, PID: b.PID, Host: b.Owner.Host, Seen: b.At, Launches: ndjson.List(view.LaunchRecords(b))}
	switch {
	case b.Owner.PID > 0 && me.Finds(b.Owner, age):
		a.State = Dead
	case age > quiet:
		a.State = Silent
	}
	return a
}
