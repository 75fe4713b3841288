package slurm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/results/claim"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/plan"
)

func TestOptions(t *testing.T) {
	got, err := Options(cell.Values{"partition": "gpu", "gres": "gpu:h100:1", "cpus_per_task": int64(8), "exclusive": true, "overcommit": false, "constraint": []any{"a", "b"}})
	want := []string{"--constraint=a,b", "--cpus-per-task=8", "--exclusive", "--gres=gpu:h100:1", "--partition=gpu"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	for _, name := range []string{"job_name", "array", "wrap", "time --wrap=x", "output"} {
		if _, err := Options(cell.Values{name: "x"}); err == nil {
			t.Errorf("hardware.slurm.%s passed", name)
		}
	}
}

func TestRanges(t *testing.T) {
	for want, in := range map[string][]int{"0": {0}, "0-3": {0, 1, 2, 3}, "1,3-4,9": {1, 3, 4, 9}, "": nil} {
		if got := ranges(in); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	out := "12|0|PENDING||matrix-X-0|Resources\n12|1|RUNNING|n1|matrix-X-1000|None\n13|N/A|RUNNING|n2|other|None\n"
	got, err := parseTasks(out, "matrix-X")
	want := []Task{{"12", "matrix-X-0", 0, "PENDING", "Resources", ""}, {"12", "matrix-X-1000", 1, "RUNNING", "None", "n1"}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v (%v)", cmp.Diff(want, got), err)
	}
	if n, ok := groupOf(got[1]); !ok || n != 1001 {
		t.Errorf("group %d, want 1001", n)
	}
	if n := maxArray("X = 1\nMaxArraySize            = 4001\n"); n != 4001 {
		t.Errorf("MaxArraySize %d, want 4001", n)
	}
}

func TestChunks(t *testing.T) {
	groups := make([]Group, 25)
	for i := range groups {
		groups[i] = Group{Number: i, Hardware: []string{"a", "b"}[i%2]}
	}
	all := chunks(groups, []int{3, 1, 0, 11, 24}, 10)
	want := []chunk{{"a", 0, []int{0}}, {"b", 0, []int{1, 3}}, {"b", 10, []int{1}}, {"a", 20, []int{4}}}
	if diff := cmp.Diff(want, all, cmp.AllowUnexported(chunk{})); diff != "" {
		t.Error(diff)
	}
}

func TestDecide(t *testing.T) {
	all := []standing{{left: 0}, {left: 1}, {left: 1, submitted: 1}, {left: 1, submitted: 1}, {left: 1, submitted: 3}}
	known := map[int]bool{3: true}
	if got := decide(all, known, 9, 3); !slices.Equal(got, []int{1}) {
		t.Errorf("first look: %v, want the new one only", got)
	}
	all[1].submitted = 1
	all[1].missing = 0
	if got := decide(all, known, 9, 3); !slices.Equal(got, []int{2}) {
		t.Errorf("second look: %v, want the one missed twice", got)
	}
	if !all[4].hopeless {
		t.Error("a group that was submitted three times for nothing is not given up")
	}
	if got := decide([]standing{{left: 1}, {left: 1}}, nil, 1, 3); !slices.Equal(got, []int{0}) {
		t.Errorf("%v, want as many as there is room for", got)
	}
}

// rig is a run of simulated launches whose tasks a test starts.
type rig struct {
	t     *testing.T
	store *store.Store
	run   *Run
}

func newRig(t *testing.T, cells, launches, size int) *rig {
	t.Helper()
	store, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{Experiment: "exp"}
	for i := range cells {
		c := &cell.Cell{Experiment: "exp", Address: strings.Repeat(fmt.Sprintf("%016x", i+1), 4), Slug: fmt.Sprintf("cell-%016x", i+1), BatchSize: 1}
		item := &plan.Item{Cell: c}
		for n := range launches {
			p.Order = append(p.Order, plan.Step{Item: item, Launch: n + 1})
		}
	}
	run, err := Create(store, []*plan.Plan{p}, func(w io.Writer) error { _, err := w.Write([]byte("{}")); return err }, size)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, store: store, run: run}
}

// node is a task's node whose launches are committed at once, in the way of a real one.
func (r *rig) node() *Node {
	scratch := r.t.TempDir()
	r.t.Cleanup(func() {
		if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
			r.t.Errorf("left on the node: %v (%v)", left, err)
		}
	})
	return &Node{World: plan.World{Store: r.store}, Run: r.run, Owner: claim.Me("test"), Scratch: scratch,
		Say: func(format string, values ...any) { r.t.Logf(format, values...) },
		Plan: func(_ context.Context, w plan.LaunchRef) (*plan.Plan, error) {
			c := &cell.Cell{Experiment: w.Experiment, Address: w.Address, Slug: "cell-" + w.Address[48:], BatchSize: 1}
			return &plan.Plan{Experiment: w.Experiment, Order: []plan.Step{{Item: &plan.Item{Cell: c}, Launch: w.Launch}}}, nil
		},
		Apply: func(_ context.Context, w plan.World, p *plan.Plan, o apply.Options) (events.Summary, error) {
			if err := os.Mkdir(o.Scratch, 0o755); err != nil {
				return events.Summary{}, err
			}
			step := p.Order[0]
			a, err := w.Store.Begin(step.Item.Cell, cell.Identity{Hash: step.Item.Cell.Address}, step.Launch, []byte("x"))
			if err != nil {
				return events.Summary{}, err
			}
			if err := a.Append(record.RequestRow{Phase: "measure", Status: "ok"}, nil); err != nil {
				return events.Summary{}, err
			}
			if _, err := a.Commit(record.Complete, "done", "", record.Run{Planned: 1}); err != nil {
				return events.Summary{}, err
			}
			return events.Summary{Complete: 1, Attempts: []record.Manifest{a.Manifest()}}, nil
		}}
}

// committed counts attempts by cell and launch.
func (r *rig) committed() map[string]int {
	r.t.Helper()
	past, err := r.store.History(r.t.Context(), "exp")
	if err != nil {
		r.t.Fatal(err)
	}
	n := map[string]int{}
	for _, p := range past {
		n[fmt.Sprint(p.Slug, "#", p.Launch)]++
	}
	return n
}

// fakeQueue is a cluster of goroutines.
type fakeQueue struct {
	node   func() *Node
	run    *Run
	forget int // submissions that are taken and forgotten
	down   int // calls that fail first
	tasks  []Task
	jobs   []Job
}

func (q *fakeQueue) Submit(ctx context.Context, j Job) (string, error) {
	if q.down > 0 {
		q.down--
		return "", errors.New("sbatch: Unable to contact slurm controller")
	}
	q.jobs = append(q.jobs, j)
	id := fmt.Sprint(len(q.jobs))
	if q.forget > 0 {
		q.forget--
		return id, nil
	}
	for _, i := range j.Indexes {
		q.tasks = append(q.tasks, Task{Job: id, Name: j.Name, Index: i, State: "PENDING"})
	}
	return id, nil
}

// List runs two tasks each time: those that it tells of no more.
func (q *fakeQueue) List(ctx context.Context, prefix string) ([]Task, error) {
	if q.down > 0 {
		q.down--
		return nil, errors.New("squeue: Unable to contact slurm controller")
	}
	for range min(2, len(q.tasks)) {
		n, _ := groupOf(q.tasks[0])
		q.tasks = q.tasks[1:]
		_, g, err := OpenGroup(q.run.Store, q.run.Plan(), n)
		if err != nil {
			return nil, err
		}
		if _, err := q.node().Do(ctx, g); err != nil {
			return nil, err
		}
	}
	return slices.Clone(q.tasks), nil
}

func (q *fakeQueue) Cancel(context.Context, []string) error { q.tasks = nil; return nil }

func (r *rig) watch(q Queue, observe func(Event)) Summary {
	r.t.Helper()
	w := Watch{Run: r.run, Queue: q, Program: "matrix", Results: r.store.Root(), MaxArray: 4, MaxQueued: 8, Tries: 3, EveryFile: time.Millisecond, Observe: observe}
	sum, err := w.Do(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return sum
}

// A controller that is away at first, then forgets what it was given twice: all is committed once.
func TestWatchResubmits(t *testing.T) {
	r := newRig(t, 5, 3, 2)
	q := &fakeQueue{node: r.node, run: r.run, forget: 2, down: 3}
	again, trouble := 0, 0
	sum := r.watch(q, func(e Event) {
		if e.Kind == "submitted" && e.Again {
			again++
		}
		if e.Kind == "trouble" {
			trouble++
		}
	})
	if sum.Status[record.Complete] != 15 || sum.GivenUp != 0 || again == 0 || trouble == 0 {
		t.Errorf("%+v with %d submissions again and %d troubles, want 15 complete", sum, again, trouble)
	}
	for launch, n := range r.committed() {
		if n != 1 {
			t.Errorf("%s is committed %d times", launch, n)
		}
	}
	for _, j := range q.jobs {
		if slices.Max(j.Indexes) >= 4 || !strings.Contains(j.Script, "--plan "+r.run.Plan()+" ") {
			t.Errorf("job %+v", j)
		}
	}
	if err := r.run.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if open, err := Underway(r.store); open != nil || err != nil {
		t.Errorf("a run that is closed is under way: %v, %v", open, err)
	}
}

// Tasks that end with nothing committed are given up, not submitted for ever.
func TestWatchGivesUp(t *testing.T) {
	r := newRig(t, 1, 2, 1)
	q := &fakeQueue{node: r.node, run: r.run, forget: 1000}
	if sum := r.watch(q, func(Event) {}); sum.GivenUp != 2 || len(sum.Jobs) != 3 {
		t.Errorf("%+v, want 2 given up after 3 jobs", sum)
	}
}

// A task that was killed between its commit and its marker is not measured again.
func TestMarkerLost(t *testing.T) {
	r := newRig(t, 1, 1, 1)
	if _, err := r.node().Do(t.Context(), r.run.Groups[0]); err != nil {
		t.Fatal(err)
	}
	l := &r.run.Groups[0].Launches[0]
	if err := os.Remove(r.run.marker(l)); err != nil {
		t.Fatal(err)
	}
	tally, err := r.node().Do(t.Context(), r.run.Groups[0])
	if err != nil || tally.Done != 1 || r.committed()[l.Slug+"#1"] != 1 {
		t.Errorf("%+v (%v), %v; want it found done", tally, err, r.committed())
	}
}

// A marker that was torn counts for nothing: the attempt is the record, for the tasks and for the watcher.
func TestTornMarker(t *testing.T) {
	for _, committed := range []bool{true, false} {
		r := newRig(t, 2, 1, 1)
		l := &r.run.Groups[0].Launches[0]
		if committed {
			if _, err := r.node().Do(t.Context(), r.run.Groups[0]); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(r.run.marker(l), []byte(`{"att`), 0o644); err != nil {
			t.Fatal(err)
		}
		trouble := 0
		q := &fakeQueue{node: r.node, run: r.run}
		sum := r.watch(q, func(e Event) {
			if e.Kind == "trouble" {
				trouble++
			}
		})
		if sum.Status[record.Complete] != 2 || sum.GivenUp != 0 || trouble != 1 {
			t.Errorf("committed %t: %+v with %d troubles", committed, sum, trouble)
		}
		if n := r.committed()[l.Slug+"#1"]; n != 1 {
			t.Errorf("committed %t: its launch is there %d times", committed, n)
		}
	}
}

// An attempt that was damaged after its commit counts for no launch, and is no error.
func TestDamagedAttemptOfARun(t *testing.T) {
	r := newRig(t, 1, 1, 1)
	if _, err := r.node().Do(t.Context(), r.run.Groups[0]); err != nil {
		t.Fatal(err)
	}
	past, err := r.store.History(t.Context(), "exp")
	if err != nil {
		t.Fatal(err)
	}
	l := &r.run.Groups[0].Launches[0]
	if err := errors.Join(os.Truncate(filepath.Join(past[0].Dir, "manifest.json"), 30), os.Remove(r.run.marker(l))); err != nil {
		t.Fatal(err)
	}
	if tally, err := r.node().Do(t.Context(), r.run.Groups[0]); err != nil || tally.Committed[record.Complete] != 1 {
		t.Errorf("%+v, %v; want it measured again", tally, err)
	}
}

// A run that cannot be read is set aside, and stops nobody.
func TestUnreadableRun(t *testing.T) {
	for _, file := range []string{runFile, groupsFile} {
		for _, doc := range []string{"", `{"number":0,"launches":[{"address":"x"}]}`} {
			r := newRig(t, 1, 1, 1)
			said := ""
			r.store.Notice = func(text string) { said += text }
			if err := os.WriteFile(filepath.Join(r.run.Dir, file), []byte(doc), 0o644); err != nil {
				t.Fatal(err)
			}
			if doc == "" && file == groupsFile {
				continue // no groups: nothing that cannot be read
			}
			for range 2 {
				if run, err := Underway(r.store); run != nil || err != nil {
					t.Errorf("%s %q: under way: %v, %v", file, doc, run, err)
				}
			}
			if strings.Count(said, "set aside") != 1 {
				t.Errorf("%s %q: said %q", file, doc, said)
			}
		}
	}
}

// What a living task has claimed, another leaves alone.
func TestHeld(t *testing.T) {
	r := newRig(t, 1, 1, 1)
	l := &r.run.Groups[0].Launches[0]
	if _, err := claim.Take(r.run.fs, r.run.claim(l), claim.Me("other")); err != nil {
		t.Fatal(err)
	}
	tally, err := r.node().Do(t.Context(), r.run.Groups[0])
	if err != nil || tally.Held != 1 || len(r.committed()) != 0 {
		t.Errorf("%+v (%v), want it held", tally, err)
	}
	st, err := r.run.Look(t.Context())
	if err != nil || len(st.Claims) != 1 || st.Claims[0].Holder == nil || st.Claims[0].Holder.Owner.What != "other" {
		t.Errorf("status %+v (%v)", st, err)
	}
}

// An attempt that a task left unfinished is the next apply's when the run is closed.
func TestCloseAdopts(t *testing.T) {
	r := newRig(t, 1, 1, 1)
	n := r.node()
	n.Apply = func(_ context.Context, w plan.World, p *plan.Plan, _ apply.Options) (events.Summary, error) {
		a, err := w.Store.Begin(p.Order[0].Item.Cell, cell.Identity{Hash: "x"}, 1, nil)
		if err != nil {
			return events.Summary{}, err
		}
		return events.Summary{Interrupted: 1}, errors.Join(a.Append(record.RequestRow{Phase: "measure", Status: "ok"}, nil), a.Suspend(record.Run{Planned: 1}))
	}
	if tally, err := n.Do(t.Context(), r.run.Groups[0]); err != nil || tally.Left != 1 {
		t.Fatalf("%+v (%v), want one left", tally, err)
	}
	if err := r.run.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := r.store.Unfinished(t.Context())
	if err != nil || len(left) != 1 || left[0].Done() != 1 {
		t.Errorf("%d unfinished (%v), want one with its row", len(left), err)
	}
	if _, err := os.Stat(filepath.Join(r.run.Dir, claimsDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("claims are left: %v", err)
	}
}

// fakeSlurm puts shell scripts in the place of Slurm's programs.
func fakeSlurm(t *testing.T, programs map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	t.Setenv("FAKE", dir)
	return dir
}

func TestCommands(t *testing.T) {
	dir := fakeSlurm(t, map[string]string{
		"scontrol": "echo 'MaxArraySize = 11'",
		"sbatch":   `printf '%s\n' "$@" >$FAKE/args; cat >$FAKE/script; echo '42;cluster'`,
		"squeue":   `echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1`,
		"scancel":  `echo "$@" >$FAKE/canceled`,
	})
	q, err := Find(t.Context())
	if err != nil || q.MaxArray != 11 {
		t.Fatalf("%+v, %v", q, err)
	}
	id, err := q.Submit(t.Context(), Job{Name: "matrix-X-0", Indexes: []int{1, 2, 5}, Options: []string{"--gres=gpu:1"}, Script: "#!/bin/sh\n", Log: "l", Dir: "/"})
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil || id != "42" {
		t.Errorf("job %q, %v", id, err)
	}
	for _, want := range []string{"--array=1-2,5\n", "--requeue\n", "--signal=B:TERM@60\n", "--gres=gpu:1\n", "--job-name=matrix-X-0\n"} {
		if !strings.Contains(string(args), want) {
			t.Errorf("sbatch was not given %q: %s", want, args)
		}
	}
	if _, err := q.List(t.Context(), "matrix"); err == nil || !strings.Contains(err.Error(), "Unable to contact") {
		t.Errorf("a controller that is away: %v", err)
	}
	if err := q.Cancel(t.Context(), []string{"42", "43"}); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "canceled")); string(got) != "42 43\n" {
		t.Errorf("scancel was given %q", got)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(t.Context()); !errors.Is(err, ErrNoSlurm) {
		t.Errorf("without Slurm: %v", err)
	}
}
