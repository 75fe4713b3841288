package slurm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matrix/backends/process"
)

// Watch looks after a run: hands its groups in, and again those that got lost, until every launch is committed.
type Watch struct {
	Run       *Run
	Queue     Queue
	Program   string // path of matrix on the nodes
	Results   string // --results for the tasks
	Dir       string // working directory of the tasks
	MaxArray  int    // indexes in one array
	MaxQueued int    // tasks that Slurm is to hold at once
	Tries     int    // times that a group is handed in without a launch of it being committed
	EveryFile time.Duration
	EveryLook time.Duration // at Slurm's queue
	Observe   func(Event)   // never called concurrently

	all  []standing
	seen map[string]bool // keys of committed launches
	at   map[string]place
	sum  Summary
	last time.Time // look at the queue
	said string
}

// place is where a launch stands in the run.
type place struct{ group, launch int }

// Summary counts launches.
type Summary struct {
	Launches int
	Status   map[string]int // committed, by status
	GivenUp  int
	Jobs     []string // that were submitted, by this watcher
}

// Committed is how many launches are decided.
func (s *Summary) Committed() int {
	n := 0
	for _, k := range s.Status {
		n += k
	}
	return n
}

// Event is what a watcher tells.
type Event struct {
	Kind     string // submitted, launch, progress, trouble
	Job      string
	Tasks    int
	Again    bool // submitted: they had been before
	Hardware string
	Launch   *Launch
	Done     *Done
	Summary  Summary
	Queue    map[string]int // tasks by state
	Text     string
}

// Prepare counts what is committed already.
func (w *Watch) prepare() {
	w.all, w.seen, w.at = make([]standing, len(w.Run.Groups)), map[string]bool{}, map[string]place{}
	w.sum.Status = map[string]int{}
	for i, g := range w.Run.Groups {
		w.all[i].left = len(g.Launches)
		w.sum.Launches += len(g.Launches)
		for k := range g.Launches {
			w.at[g.Launches[k].Key()] = place{i, k}
		}
	}
}

// Do returns when every launch is committed or given up, or when the context ends; the jobs stay as they are then.
func (w *Watch) Do(ctx context.Context) (Summary, error) {
	w.prepare()
	tick := time.NewTicker(w.EveryFile)
	defer tick.Stop()
	for {
		// Files first: what lies there is the record. The queue only tells what is on its way.
		if err := w.files(); err != nil {
			return w.sum, err
		}
		if w.over() {
			return w.sum, nil
		}
		if time.Since(w.last) >= w.EveryLook {
			w.last = time.Now()
			if err := w.look(ctx); err != nil {
				return w.sum, err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return w.sum, ctx.Err()
		}
	}
}

// over reports that nothing is left to wait for: every launch is marked, or its group was given up.
func (w *Watch) over() bool {
	return !slices.ContainsFunc(w.all, func(g standing) bool { return g.left > 0 && !g.hopeless })
}

// files takes in the markers that are new.
func (w *Watch) files() error {
	dir, err := os.Open(filepath.Join(w.Run.Dir, doneDir))
	if err != nil {
		return fmt.Errorf("look at what is done: %w", err)
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return fmt.Errorf("look at what is done: %w", err)
	}
	for _, key := range names {
		if w.seen[key] || strings.HasPrefix(key, ".") {
			continue
		}
		d, err := w.Run.readMark(key)
		if err != nil {
			w.damaged(key, err)
			continue
		}
		w.take(key, d)
	}
	return nil
}

// damaged looks for the record behind a marker that cannot be read.
func (w *Watch) damaged(key string, why error) {
	at, known := w.at[key]
	if !known {
		return
	}
	done, err := w.Run.remark(&w.Run.Groups[at.group].Launches[at.launch])
	if done != nil {
		w.take(key, *done)
	}
	if err := errors.Join(why, err); w.said != err.Error() {
		w.said = err.Error()
		w.Observe(Event{Kind: "trouble", Text: fmt.Sprintf("the marker %s cannot be read: %v; what is committed tells", key, err)})
	}
}

// take books one committed launch.
func (w *Watch) take(key string, d Done) {
	at, known := w.at[key]
	if !known || w.seen[key] {
		return
	}
	w.seen[key] = true
	g := &w.all[at.group]
	g.left--
	g.submitted = min(g.submitted, 1) // it gets on
	if g.hopeless {
		g.hopeless = false
		w.sum.GivenUp -= g.left + 1
	}
	w.sum.Status[d.Status]++
	w.Observe(Event{Kind: "launch", Launch: &w.Run.Groups[at.group].Launches[at.launch], Done: &d, Summary: w.sum})
}

// look asks Slurm which tasks it knows, and hands in what it does not. When Slurm cannot be asked nothing follows.
func (w *Watch) look(ctx context.Context) error {
	tasks, err := w.Queue.List(ctx, w.Run.Name())
	if err != nil {
		w.trouble(ctx, err)
		return nil
	}
	known, states := map[int]bool{}, map[string]int{}
	for _, t := range tasks {
		if n, ok := groupOf(t); ok {
			known[n] = true
			state := strings.ToLower(t.State)
			if t.State == "PENDING" && t.Reason != "None" && t.Reason != "" {
				state += " (" + t.Reason + ")"
			}
			states[state]++
		}
	}
	submit := decide(w.all, known, w.MaxQueued-len(tasks), w.Tries)
	submit, err = w.stillMissing(submit)
	if err != nil {
		return err
	}
	w.giveUp()
	for _, c := range chunks(w.Run.Groups, submit, w.MaxArray) {
		if err := w.submit(ctx, c); err != nil {
			w.trouble(ctx, err)
			break // the rest is due at the next look
		}
	}
	w.Observe(Event{Kind: "progress", Queue: states, Summary: w.sum})
	return nil
}

// stillMissing leaves out what is committed though no marker says so: its task died in between.
func (w *Watch) stillMissing(numbers []int) ([]int, error) {
	var missing []int
	for _, n := range numbers {
		if w.all[n].submitted > 0 {
			for i := range w.Run.Groups[n].Launches {
				l := &w.Run.Groups[n].Launches[i]
				if w.seen[l.Key()] {
					continue
				}
				done, err := w.Run.committed(l)
				if err != nil {
					return nil, err
				}
				if done == nil {
					continue
				}
				if err := w.Run.mark(l, *done); err != nil {
					return nil, err
				}
				w.take(l.Key(), *done)
			}
		}
		if w.all[n].left > 0 {
			missing = append(missing, n)
		}
	}
	return missing, nil
}

// giveUp says how many launches no task managed to commit, whenever that number grew.
func (w *Watch) giveUp() {
	given := 0
	for i := range w.all {
		if w.all[i].hopeless {
			given += w.all[i].left
		}
	}
	if given > w.sum.GivenUp {
		w.Observe(Event{Kind: "trouble", Text: fmt.Sprintf("%d launches are given up: their tasks were submitted %d times and ended with nothing committed; see %s",
			given, w.Tries, filepath.Join(w.Run.Dir, logsDir))})
	}
	w.sum.GivenUp = given
}

// trouble tells what Slurm would not do, once as long as it stays the same.
func (w *Watch) trouble(ctx context.Context, err error) {
	if text := err.Error(); text != w.said && ctx.Err() == nil {
		w.said = text
		w.Observe(Event{Kind: "trouble", Text: text + "; trying again"})
	}
}

// submit hands in one array.
func (w *Watch) submit(ctx context.Context, c chunk) error {
	job := Job{Name: fmt.Sprintf("%s-%d", w.Run.Name(), c.offset), Indexes: c.indexes, Options: w.Run.Hardware[c.hardware],
		Script: w.script(c.offset), Log: filepath.Join(w.Run.Dir, logsDir, "%A_%a.log"), Dir: w.Dir}
	id, err := w.Queue.Submit(ctx, job)
	if err != nil {
		return err
	}
	w.sum.Jobs = append(w.sum.Jobs, id)
	again := false
	for _, i := range c.indexes {
		g := &w.all[c.offset+i]
		again = again || g.submitted > 0
		g.submitted++
		g.missing = 0
	}
	w.Observe(Event{Kind: "submitted", Job: id, Tasks: len(c.indexes), Again: again, Hardware: c.hardware})
	return nil
}

// script is what a task runs. exec: the signal before the end of its time goes to matrix itself.
func (w *Watch) script(offset int) string {
	return fmt.Sprintf("#!/bin/sh\nexec %s run-cells --results %s --plan %s --group $((%d + SLURM_ARRAY_TASK_ID))\n",
		process.Quote(w.Program), process.Quote(w.Results), process.Quote(w.Run.Plan()), offset)
}
