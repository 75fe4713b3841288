package apply

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/claim"
	"matrix/results/disk"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/events"
	"matrix/runner/plan"
	"matrix/runner/slurm"
)

// clusterFlags are apply's for a cluster.
type clusterFlags struct {
	on, interrupt     string        // "" = here; "" = ask, or leave
	groupSize, queued int           // launches a task; tasks at once
	tries             int           // of a task of which nothing was committed
	everyFile, every  time.Duration // results are cheap to look at, the queue is not
}

// declareCluster adds the flags that mean something with --on only.
func declareCluster(cmd *cobra.Command, f *clusterFlags) {
	flags := cmd.Flags()
	flags.StringVar(&f.on, "on", "", "run on a cluster: slurm")
	flags.StringVar(&f.interrupt, "on-interrupt", "", "what ^C does with the jobs on a cluster: leave or cancel (default: asks at a terminal, else leave)")
	flags.IntVar(&f.groupSize, "group-size", 1, "launches that one task on a cluster runs, one after the other")
	flags.IntVar(&f.queued, "max-queued", 1000, "tasks that the cluster is to hold at once")
	flags.IntVar(&f.tries, "submit-tries", 5, "times that a task is submitted with nothing of it committed")
	flags.DurationVar(&f.everyFile, "poll", 2*time.Second, "how often to look at the results of a cluster's tasks")
	flags.DurationVar(&f.every, "poll-queue", 15*time.Second, "how often to ask the cluster for its tasks")
}

// check is done before anything is planned: a plan may take a minute.
func (f *clusterFlags) check() error {
	if f.on != "" && f.on != "slurm" {
		return fmt.Errorf("--on %s: only slurm is known", f.on)
	}
	if !slices.Contains([]string{"", "leave", "cancel"}, f.interrupt) {
		return fmt.Errorf("--on-interrupt %s: it is leave or cancel", f.interrupt)
	}
	if f.groupSize < 1 || f.queued < 1 || f.tries < 1 || f.everyFile <= 0 || f.every <= 0 {
		return errors.New("--group-size, --max-queued, --submit-tries, --poll and --poll-queue must be above zero")
	}
	return nil
}

// notOnCluster refuses a local apply while tasks of a run on a cluster may fill the same results.
// The two would measure the same launches.
func notOnCluster(tree *store.Store) error {
	run, err := slurm.Underway(tree)
	if run == nil || err != nil {
		return err
	}
	return app.Hint(&store.ErrLocked{Holder: fmt.Sprintf("a run on a cluster (%s, since %s)", run.Name(), run.Made.Format(time.DateTime))},
		"Go on with it: matrix apply --on slurm — or end it: the same, then ^C and cancel.")
}

// applySlurm submits what is pending, or goes on with the run that is under way, and watches until all is committed.
// A run that is under way is gone on with, whatever was named now: two would submit the same launches.
func applySlurm(ctx context.Context, a *app.App, s *app.Session, plans []*plan.Plan, f applyFlags) error {
	queue, err := slurm.Find(ctx)
	if err != nil {
		return err
	}
	release, err := lease(a, s.World.Store)
	if err != nil {
		return err
	}
	defer release()
	run, err := slurm.Underway(s.World.Store)
	if err != nil {
		return err
	}
	// told in the record, too
	adopted := run != nil
	if adopted {
		a.Tell(ndjson.ClusterRun{Run: run.ID, Adopted: &adopted}, "Going on with the run of %s (%s).", run.Made.Format(time.DateTime), run.Name())
	} else {
		if view.Pending(plans) == 0 {
			return afterApply(ctx, a, s, plans, nil, 0)
		}
		if err := approved(ctx, a, f, view.Pending(plans)); err != nil {
			return err
		}
		saved := s.Saved(plans)
		if run, err = slurm.Create(s.World.Store, plans, saved.Write, f.cluster.groupSize); err != nil {
			return err
		}
		a.Tell(ndjson.ClusterRun{Run: run.ID, Adopted: &adopted}, "Submitting %s in %s.", format.Count(view.Pending(plans), "launch"), format.Count(len(run.Groups), "task"))
	}
	return watch(ctx, a, s, plans, run, queue, f)
}

// lease makes this the one process that submits for the tree: by the lock, and by a claim where the lock does not reach.
// flock does not reach other hosts on every file system; a claim is renewed, and goes stale.
func lease(a *app.App, tree *store.Store) (release func(), err error) {
	const what = "matrix apply --on slurm"
	unlock, err := tree.Lock(what)
	if err != nil {
		return nil, err
	}
	c, err := claim.Take(&disk.FS{}, slurm.LeaseDir(tree), claim.Me(what))
	var held *claim.ErrHeld
	// said as a lock is, with exit code 6
	if errors.As(err, &held) {
		err = &store.ErrLocked{Holder: held.Owner.String()}
	}
	if err != nil {
		unlock()
		return nil, err
	}
	stop := c.Keep(func(err error) { a.Warn("the lease could not be renewed: " + err.Error()) })
	return func() {
		stop()
		_ = c.Release() // who comes next finds this process gone all the same
		unlock()
	}, nil
}

// watch looks after the run until it is over or interrupted.
// The program and the folder must be there on the nodes, under the same names.
func watch(ctx context.Context, a *app.App, s *app.Session, plans []*plan.Plan, run *slurm.Run, queue *slurm.Commands, f applyFlags) error {
	// the nodes run the very program that planned
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program for the nodes: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	began := time.Now()
	w := slurm.Watch{Run: run, Queue: queue, Program: program, Results: s.World.Store.Root(), Dir: dir, MaxArray: queue.MaxArray,
		MaxQueued: f.cluster.queued, Tries: f.cluster.tries, EveryFile: f.cluster.everyFile, EveryLook: f.cluster.every, Observe: view.Cluster(a.Printer)}
	defer a.Interrupts.Orderly()() // it asks what becomes of the jobs
	sum, err := w.Do(ctx)
	if ctx.Err() != nil {
		return interrupted(a, run, queue, f.cluster.interrupt)
	}
	if err != nil {
		return err
	}
	// While Slurm knows a task of the run, it may still start it.
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := run.Empty(waiting, queue, time.Second); err != nil {
		a.Warn("tasks of the run are still known to Slurm; the run is left open, the next matrix apply --on slurm closes it")
	} else if err := run.Close(ctx); err != nil {
		return err
	}
	st := sum.Status
	return afterApply(ctx, a, s, plans, []events.Summary{{Complete: st[record.Complete], Failed: st[record.EngineFailed], Censored: st[record.Censored],
		Environment: st[record.EnvironmentFailed] + sum.GivenUp, Took: time.Since(began)}}, 0)
}

// interrupted leaves or cancels the jobs, as asked.
// Nothing is lost either way: what a task committed is committed.
func interrupted(a *app.App, run *slurm.Run, queue *slurm.Commands, choice string) error {
	if choice == "" {
		choice = askInterrupt(a)
	}
	// the run stays open, and the next apply finds it
	if choice == "leave" {
		a.Tell(ndjson.Jobs{Jobs: "left"}, "Left: the jobs go on. matrix status shows them, matrix apply --on slurm watches them again.")
		return app.ExitCode(app.CodeInterrupted)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // the command's own is over
	defer cancel()
	jobs, err := run.Cancel(ctx, queue)
	if err != nil {
		return app.Hint(fmt.Errorf("cancel the jobs: %w", err), "They may go on: scancel --name=… or matrix apply --on slurm once Slurm answers.")
	}
	if err := run.Empty(ctx, queue, time.Second); err != nil {
		return fmt.Errorf("wait for the canceled tasks: %w", err)
	}
	if err := run.Close(ctx); err != nil {
		return err
	}
	a.Tell(ndjson.Jobs{Jobs: "canceled", IDs: jobs}, "Canceled: %s. What was measured is kept; the next apply goes on.", format.Count(len(jobs), "job"))
	return app.ExitCode(app.CodeInterrupted)
}

// askInterrupt asks a person; where there is none the jobs are left.
// The default is the one that destroys no work.
func askInterrupt(a *app.App) string {
	in, ok := a.Stdin.(*os.File)
	if !ok || a.JSON || !a.TTY || !isatty.IsTerminal(in.Fd()) {
		return "leave"
	}
	fmt.Fprint(a, "\nThe jobs can go on without this terminal. Cancel them? Only \"yes\" is taken: ")
	answer, _ := bufio.NewReader(a.Stdin).ReadString('\n') // no answer is no
	if strings.TrimSpace(answer) == "yes" {
		return "cancel"
	}
	return "leave"
}
