package main

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

	"matrix/results"
	"matrix/results/claim"
	"matrix/results/disk"
	"matrix/runner"
	"matrix/runner/slurm"
)

// clusterFlags are apply's for a cluster.
type clusterFlags struct {
	on, interrupt     string
	groupSize, queued int
	tries             int
	everyFile, every  time.Duration
}

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
func notOnCluster(ctx context.Context, store *results.Store) error {
	run, err := slurm.Underway(store)
	if run == nil || err != nil {
		return err
	}
	return hinted{&results.ErrLocked{Holder: fmt.Sprintf("a run on a cluster (%s, since %s)", run.Name(), run.Made.Format(time.DateTime))},
		"Go on with it: matrix apply --on slurm — or end it: the same, then ^C and cancel."}
}

// applySlurm submits what is pending, or goes on with the run that is under way, and watches until all is committed.
func (a *app) applySlurm(ctx context.Context, s *session, plans []*runner.Plan, f applyFlags) error {
	queue, err := slurm.Find(ctx)
	if err != nil {
		return err
	}
	release, err := a.lease(s.world.Store)
	if err != nil {
		return err
	}
	defer release()
	run, err := slurm.Underway(s.world.Store)
	if err != nil {
		return err
	}
	if run != nil {
		a.tell("cluster_run", map[string]any{"run": run.ID, "adopted": true}, "Going on with the run of %s (%s).", run.Made.Format(time.DateTime), run.Name())
	} else {
		if pendingLaunches(plans) == 0 {
			return a.afterApply(ctx, s, plans, nil, 0)
		}
		if err := a.approved(ctx, f, pendingLaunches(plans)); err != nil {
			return err
		}
		saved := s.saved(plans)
		if run, err = slurm.Create(s.world.Store, plans, saved.Write, f.cluster.groupSize); err != nil {
			return err
		}
		a.tell("cluster_run", map[string]any{"run": run.ID, "adopted": false}, "Submitting %s in %s.", count(pendingLaunches(plans), "launch"), count(len(run.Groups), "task"))
	}
	return a.watch(ctx, s, plans, run, queue, f)
}

// lease makes this the one process that submits for the tree: by the lock, and by a claim where the lock does not reach.
func (a *app) lease(store *results.Store) (release func(), err error) {
	const what = "matrix apply --on slurm"
	unlock, err := store.Lock(what)
	if err != nil {
		return nil, err
	}
	c, err := claim.Take(&disk.FS{}, slurm.LeaseDir(store), claim.Me(what))
	var held *claim.ErrHeld
	if errors.As(err, &held) {
		err = &results.ErrLocked{Holder: held.Owner.String()}
	}
	if err != nil {
		unlock()
		return nil, err
	}
	stop := c.Keep(func(err error) { a.warn("the lease could not be renewed: " + err.Error()) })
	return func() {
		stop()
		_ = c.Release() // who comes next finds this process gone all the same
		unlock()
	}, nil
}

// watch looks after the run until it is over or interrupted.
func (a *app) watch(ctx context.Context, s *session, plans []*runner.Plan, run *slurm.Run, queue *slurm.Commands, f applyFlags) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program for the nodes: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	began := time.Now()
	view := &clusterView{app: a}
	w := slurm.Watch{Run: run, Queue: queue, Program: program, Results: s.world.Store.Root(), Dir: dir, MaxArray: queue.MaxArray,
		MaxQueued: f.cluster.queued, Tries: f.cluster.tries, EveryFile: f.cluster.everyFile, EveryLook: f.cluster.every, Observe: view.observe}
	defer a.interrupts.orderly()() // it asks what becomes of the jobs
	sum, err := w.Do(ctx)
	if ctx.Err() != nil {
		return a.interrupted(run, queue, f.cluster.interrupt)
	}
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := run.Empty(waiting, queue, time.Second); err != nil {
		a.warn("tasks of the run are still known to Slurm; the run is left open, the next matrix apply --on slurm closes it")
	} else if err := run.Close(ctx); err != nil {
		return err
	}
	st := sum.Status
	return a.afterApply(ctx, s, plans, []runner.Summary{{Complete: st[results.Complete], Failed: st[results.EngineFailed], Censored: st[results.Censored],
		Environment: st[results.EnvironmentFailed] + sum.GivenUp, Took: time.Since(began)}}, 0)
}

// interrupted leaves or cancels the jobs, as asked.
func (a *app) interrupted(run *slurm.Run, queue *slurm.Commands, choice string) error {
	if choice == "" {
		choice = a.askInterrupt()
	}
	if choice == "leave" {
		a.tell("interrupt", map[string]any{"jobs": "left"}, "Left: the jobs go on. matrix status shows them, matrix apply --on slurm watches them again.")
		return exitCode(codeInterrupted)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // the command's own is over
	defer cancel()
	jobs, err := run.Cancel(ctx, queue)
	if err != nil {
		return hinted{fmt.Errorf("cancel the jobs: %w", err), "They may go on: scancel --name=… or matrix apply --on slurm once Slurm answers."}
	}
	if err := run.Empty(ctx, queue, time.Second); err != nil {
		return fmt.Errorf("wait for the canceled tasks: %w", err)
	}
	if err := run.Close(ctx); err != nil {
		return err
	}
	a.tell("interrupt", map[string]any{"jobs": "canceled", "ids": orEmpty(jobs)}, "Canceled: %s. What was measured is kept; the next apply goes on.", count(len(jobs), "job"))
	return exitCode(codeInterrupted)
}

// askInterrupt asks a person; where there is none the jobs are left.
func (a *app) askInterrupt() string {
	in, ok := a.stdin.(*os.File)
	if !ok || a.json || !a.tty || !isatty.IsTerminal(in.Fd()) {
		return "leave"
	}
	fmt.Fprint(a.stdout, "\nThe jobs can go on without this terminal. Cancel them? Only \"yes\" is taken: ")
	answer, _ := bufio.NewReader(a.stdin).ReadString('\n') // no answer is no
	if strings.TrimSpace(answer) == "yes" {
		return "cancel"
	}
	return "leave"
}

// tell prints a line for people, or a record.
func (a *app) tell(kind string, fields map[string]any, format string, values ...any) {
	if a.json {
		a.emit(kind, fields)
		return
	}
	fmt.Fprintf(a.stdout, format+"\n", values...)
}
