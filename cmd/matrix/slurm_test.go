package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

// cluster is a real Slurm cluster of two virtual nodes on this machine, and a matrix for it.
type cluster struct {
	t           *testing.T
	dir, binary string
	script      string
	env         []string
}

// newCluster brings one up for a test; MATRIX_SLURM=1 asks for such tests.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	if os.Getenv("MATRIX_SLURM") == "" {
		t.Skip("MATRIX_SLURM=1 runs it, after scripts/slurm.sh install")
	}
	script, err := filepath.Abs("../../scripts/slurm.sh")
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	c := &cluster{t: t, dir: filepath.Join(work, "slurm"), binary: filepath.Join(work, "matrix"), script: script}
	if out, err := exec.Command("go", "build", "-o", c.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build matrix: %v\n%s", err, out)
	}
	c.env = append(os.Environ(), "SLURM_CONF="+filepath.Join(c.dir, "slurm.conf"), "NO_COLOR=1", "PATH="+work+":"+os.Getenv("PATH"))
	t.Cleanup(func() {
		if t.Failed() {
			c.logs()
		}
		c.admin("down", c.dir)
		c.nothingLeft()
	})
	c.admin("up", c.dir)
	return c
}

func (c *cluster) admin(args ...string) {
	c.t.Helper()
	cmd := exec.Command("bash", append([]string{c.script}, args...)...)
	var out bytes.Buffer
	file, err := os.CreateTemp(c.t.TempDir(), "admin") // a pipe would be held open by the daemons
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = file, file
	err = cmd.Run()
	text, _ := os.ReadFile(file.Name())
	out.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		c.t.Fatalf("slurm.sh %v: %v\n%s", args, err, out.String())
	}
}

// logs shows what the tasks and the daemons said last.
func (c *cluster) logs() {
	found, _ := filepath.Glob(filepath.Join(c.dir, "*.log"))
	tasks, _ := filepath.Glob(filepath.Join(c.dir, "..", "results*", ".matrix", "cluster", "*", "logs", "*"))
	for _, path := range append(found, tasks...) {
		text, _ := os.ReadFile(path)
		if strings.HasPrefix(path, filepath.Join(c.dir)) || bytes.Contains(text, []byte("Error")) {
			c.t.Logf("%s:\n%s", path, text[max(0, len(text)-1500):])
		}
	}
}

// nothingLeft checks that no process has this cluster in its environment.
func (c *cluster) nothingLeft() {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var alive []string
		found, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range found {
			if env, err := os.ReadFile(file); err == nil && strings.Contains(string(env), "SLURM_CONF="+c.dir) {
				name, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
				alive = append(alive, strings.ReplaceAll(string(name), "\x00", " "))
			}
		}
		if len(alive) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("still running: %q", alive)
			return
		}
	}
}

// applying is a `matrix apply --on slurm` in the background.
type applying struct {
	c    *cluster
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan error
}

func (c *cluster) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), c.binary, args...)
	cmd.Env, cmd.Dir = c.env, filepath.Dir(c.dir)
	return cmd
}

func (c *cluster) apply(root string, more ...string) *applying {
	c.t.Helper()
	file, err := filepath.Abs("testdata/slurm.hcl")
	if err != nil {
		c.t.Fatal(err)
	}
	args := append([]string{"apply", "--on", "slurm", "--auto-approve", "--poll", "100ms", "--poll-queue", "1s", "--results", root, file}, more...)
	a := &applying{c: c, cmd: c.command(args...), done: make(chan error, 1)}
	a.cmd.Stdout, a.cmd.Stderr = &a.out, &a.out
	if err := a.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() { a.done <- a.cmd.Wait() }()
	c.t.Cleanup(func() { _ = a.cmd.Process.Kill() })
	return a
}

// ends waits for the command and checks its exit code.
func (a *applying) ends(code int) string {
	a.c.t.Helper()
	select {
	case err := <-a.done:
		got := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			got = exit.ExitCode()
		} else if err != nil {
			a.c.t.Fatal(err)
		}
		if got != code {
			a.c.t.Fatalf("exit code %d, want %d:\n%s", got, code, a.out.String())
		}
	case <-time.After(2 * time.Minute):
		_ = a.cmd.Process.Kill()
		<-a.done
		a.c.t.Fatalf("it did not end:\n%s", a.out.String())
	}
	return a.out.String()
}

// until waits for something that the cluster does.
func (c *cluster) until(what string, reached func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !reached(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("did not come to it: %s", what)
		}
	}
}

func (c *cluster) history(root string) []store.Past {
	c.t.Helper()
	store, err := store.Open(root)
	if err != nil {
		c.t.Fatal(err)
	}
	past, err := store.History(c.t.Context(), "cluster")
	if err != nil {
		c.t.Fatal(err)
	}
	return past
}

// results are the attempts but those that were interrupted before anything was measured, and how many those are.
func (c *cluster) results(root string) (kept []store.Past, interrupted int) {
	c.t.Helper()
	all := c.history(root)
	kept = slices.DeleteFunc(slices.Clone(all), func(p store.Past) bool { return p.Status == record.Interrupted })
	return kept, len(all) - len(kept)
}

// once checks that each of the 24 launches is complete exactly once, whole, that nothing is under way, and that no more attempts than that were
// interrupted.
func (c *cluster) once(root string, interrupted int) {
	c.t.Helper()
	n := map[string]int{}
	results, before := c.results(root)
	if before > interrupted {
		c.t.Errorf("%d attempts were interrupted, want at most %d", before, interrupted)
	}
	for _, p := range results {
		if p.Status != record.Complete || p.Problem != "" {
			c.t.Errorf("%s launch %d: %s %s %s", p.Name, p.Launch, p.Status, p.Problem, p.Reason)
		}
		n[fmt.Sprint(p.Name, "#", p.Launch)]++
		rows := 0
		err := table.ReadRequests(p.Dir, func(r record.RequestRow) error {
			if r.Phase == "measure" {
				rows++
			}
			return nil
		})
		if err != nil || rows != p.BatchSize {
			c.t.Errorf("%s launch %d has %d rows (%v), want %d", p.Name, p.Launch, rows, err, p.BatchSize)
		}
	}
	for launch, times := range n {
		if times != 1 {
			c.t.Errorf("%s is there %d times", launch, times)
		}
	}
	if len(n) != 24 {
		c.t.Errorf("%d launches, want 24", len(n))
	}
	if work, _ := os.ReadDir(filepath.Join(root, ".matrix", "work")); len(work) > 0 {
		c.t.Errorf("left in work: %v", work)
	}
	if out, err := c.slurm("squeue", "-h"); err != nil || strings.TrimSpace(out) != "" {
		c.t.Errorf("the queue still has: %s (%v)", out, err)
	}
}

func (c *cluster) slurm(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// kill ends a daemon and all that it started, as a power cut of its node would.
func (c *cluster) kill(daemon string) {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, daemon+".started"))
	if err != nil {
		c.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		c.t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if daemon == "slurmctld" {
		return
	}
	found, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range found {
		env, err := os.ReadFile(file)
		victim, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && strings.Contains(string(env), "SLURM_CONF="+c.dir) && strings.Contains(string(env), "SLURMD_NODENAME="+daemon+"\x00") {
			_ = syscall.Kill(victim, syscall.SIGKILL)
		}
	}
	// The step's daemon has no such variable; its command line ends with the job it is of, its log names the node.
	steps, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range steps {
		text, err := os.ReadFile(file)
		victim, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if env, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "environ")); err == nil && strings.HasPrefix(string(text), "slurmstepd") && strings.Contains(string(env), c.dir) && strings.Contains(string(env), "/"+daemon) {
			_ = syscall.Kill(victim, syscall.SIGKILL)
		}
	}
}

// hurry spares the test the two minutes that Slurm lets pass before it starts a requeued task again.
func (c *cluster) hurry() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			out, _ := c.slurm("squeue", "-h", "-r", "-t", "PENDING", "-o", "%i %r")
			for line := range strings.Lines(out) {
				if job, reason, _ := strings.Cut(strings.TrimSpace(line), " "); reason == "BeginTime" {
					_, _ = c.slurm("scontrol", "update", "JobId="+job, "StartTime=now")
				}
			}
			time.Sleep(300 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-ended }
}

func TestSlurm(t *testing.T) {
	c := newCluster(t)
	work := filepath.Dir(c.dir)
	for _, test := range []struct {
		name string
		run  func(c *cluster, root string)
	}{{"Plain", slurmPlain}, {"TwoSubmitters", slurmTwoSubmitters}, {"LeftAndGoneOn", slurmLeft}, {"Canceled", slurmCanceled}, {"Requeued", slurmRequeued},
		{"ControllerKilled", slurmControllerKilled}, {"NodeKilled", slurmNodeKilled}} {
		t.Run(test.name, func(t *testing.T) {
			inner := *c
			inner.t = t
			inner.until("the queue is empty", func() bool {
				_, _ = inner.slurm("scancel", "--state=PENDING", "--user="+fmt.Sprint(os.Getuid())) // of a test that failed
				out, _ := inner.slurm("squeue", "-h")
				return strings.TrimSpace(out) == ""
			})
			defer inner.hurry()()
			test.run(&inner, filepath.Join(work, "results-"+test.name))
		})
	}
}

func slurmPlain(c *cluster, root string) {
	out := c.apply(root).ends(0)
	c.once(root, 0)
	if !strings.Contains(out, "24 complete") {
		c.t.Errorf("it does not say so:\n%s", out)
	}
	hosts := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		for _, label := range []string{"big", "small"} {
			if _, host, ok := strings.Cut(line, "complete on "); ok && strings.Contains(line, "] "+label+"/") {
				hosts[label+" "+host] = label
			}
		}
	}
	if len(hosts) != 2 || hosts["big n1"] == "" || hosts["small n2"] == "" {
		c.t.Errorf("the hardware's nodes were %v, want big on n1 and small on n2", hosts)
	}
	if again := c.apply(root).ends(0); !strings.Contains(again, "Nothing to do") {
		c.t.Errorf("a second apply:\n%s", again)
	}
}

func slurmTwoSubmitters(c *cluster, root string) {
	first := c.apply(root)
	c.until("a job is submitted", func() bool { out, _ := c.slurm("squeue", "-h"); return strings.TrimSpace(out) != "" })
	if out := c.apply(root).ends(6); !strings.Contains(out, "matrix apply --on slurm") || !strings.Contains(out, "pid "+fmt.Sprint(first.cmd.Process.Pid)) {
		c.t.Errorf("it does not say who holds the results:\n%s", out)
	}
	status, err := c.command("status", "--results", root).CombinedOutput()
	if err != nil || !strings.Contains(string(status), "of 24 launches committed") || !strings.Contains(string(status), "watched by") {
		c.t.Errorf("status (%v):\n%s", err, status)
	}
	first.ends(0)
	c.once(root, 0)
}

// ^C leaves the jobs; a local apply is refused meanwhile; the next one on the cluster goes on with the same run.
func slurmLeft(c *cluster, root string) {
	first := c.apply(root, "--on-interrupt", "leave")
	c.until("a launch is committed", func() bool { return len(c.history(root)) > 0 })
	_ = first.cmd.Process.Signal(syscall.SIGINT)
	if out := first.ends(130); !strings.Contains(out, "the jobs go on") {
		c.t.Errorf("it does not say what becomes of the jobs:\n%s", out)
	}
	file, _ := filepath.Abs("testdata/slurm.hcl")
	if out, err := c.command("apply", "--auto-approve", "--results", root, file).CombinedOutput(); err == nil || !strings.Contains(string(out), "a run on a cluster") {
		c.t.Errorf("a local apply beside the jobs (%v):\n%s", err, out)
	}
	if out := c.apply(root).ends(0); !strings.Contains(out, "Going on with the run") {
		c.t.Errorf("it does not go on:\n%s", out)
	}
	c.once(root, 0)
}

// ^C cancels the jobs; what was measured is kept.
func slurmCanceled(c *cluster, root string) {
	first := c.apply(root, "--on-interrupt", "cancel")
	c.until("a launch is committed", func() bool { return len(c.history(root)) > 0 })
	_ = first.cmd.Process.Signal(syscall.SIGINT)
	if out := first.ends(130); !strings.Contains(out, "Canceled:") {
		c.t.Errorf("it does not say so:\n%s", out)
	}
	if out, _ := c.slurm("squeue", "-h"); strings.TrimSpace(out) != "" {
		c.t.Errorf("the queue has %s", out)
	}
	before := len(c.history(root))
	out := c.apply(root).ends(0)
	if before == 0 || before >= 24 {
		c.t.Errorf("%d launches were committed before the cancel", before)
	}
	if kept, _ := c.results(root); len(kept) != 24 {
		c.t.Errorf("%d launches with a result, want 24:\n%s", len(kept), out)
	}
}

// A task that is requeued midway goes on or starts over as another start of the same task. A browser sees the tasks' launches live.
func slurmRequeued(c *cluster, root string) {
	looks := c.looksOn(c.t, root)
	first := c.apply(root, "--var", "load_s=1")
	var job string
	c.until("a task runs", func() bool {
		out, _ := c.slurm("squeue", "-h", "-r", "-t", "RUNNING", "-o", "%i")
		job, _, _ = strings.Cut(strings.TrimSpace(out), "\n")
		return job != ""
	})
	if out, err := c.slurm("scontrol", "requeue", job); err != nil {
		c.t.Fatalf("requeue %s: %v\n%s", job, err, out)
	}
	first.ends(0)
	c.once(root, 1) // where the task was told before its first request
	seen := looks()
	sources, measured := map[string]bool{}, 0
	for attempt, source := range seen.launches {
		if sources[source] = true; seen.measured[attempt] {
			measured++
		}
	}
	c.t.Logf("seen by matrix serve: %d launches of %d tasks, %d while requests were measured, %d logs; attempts landed %d times", len(seen.launches), len(sources), measured, len(seen.logs), seen.trees)
	// How many it meets depends on how busy the machine is: a launch takes two seconds, and a look one.
	if len(seen.launches) == 0 || len(sources) < 2 || len(seen.logs) == 0 || seen.trees == 0 {
		c.t.Error("of 24 launches on the cluster matrix serve tells none, or of one task alone")
	}
}

// The controller dies right after it took the jobs, and forgets them or some: they are submitted again.
func slurmControllerKilled(c *cluster, root string) {
	first := c.apply(root)
	c.until("all is submitted", func() bool { out, _ := c.slurm("squeue", "-h", "-r"); return strings.Count(out, "matrix-") == 24 })
	c.kill("slurmctld")
	// What it had on disk is what a controller on another machine would find: nothing of these jobs.
	for _, name := range []string{"job_state", "job_state.old"} {
		_ = os.Remove(filepath.Join(c.dir, "state", name))
	}
	time.Sleep(time.Second)
	c.admin("start", c.dir, "slurmctld")
	out := first.ends(0)
	if !strings.Contains(out, "again: Slurm knew nothing of them") {
		c.t.Errorf("nothing was submitted again:\n%s", out)
	}
	c.once(root, 4) // a task that the new controller does not know is ended by its node, it may be before its first request
}

// A node dies with its tasks: Slurm requeues them, its launches wait for it and are run by whoever comes.
func slurmNodeKilled(c *cluster, root string) {
	first := c.apply(root, "--var", "load_s=1")
	c.until("a task runs on n1", func() bool {
		out, _ := c.slurm("squeue", "-h", "-w", "n1", "-t", "RUNNING")
		return strings.TrimSpace(out) != ""
	})
	c.kill("n1")
	c.until("the controller sees it", func() bool {
		out, _ := c.slurm("sinfo", "-h", "-n", "n1", "-o", "%t")
		return strings.HasPrefix(out, "down")
	})
	c.admin("start", c.dir, "slurmd", "n1")
	first.ends(0)
	c.once(root, 2) // the launches that n1 had begun, where they died before their first request
}
