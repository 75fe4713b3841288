package slurm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"matrix/results/claim"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/plan"
)

// Node is what a task does on its node.
type Node struct {
	World   plan.World // of this machine; Store is the shared tree
	Run     *Run
	Owner   claim.Owner
	Options apply.Options
	Scratch string // folder on this machine for what engines need while they run
	// Plan makes the plan of one launch on this machine.
	Plan func(ctx context.Context, w plan.LaunchRef) (*plan.Plan, error)
	// Apply is runner.Apply, but in tests.
	Apply func(context.Context, plan.World, *plan.Plan, apply.Options) (events.Summary, error)
	Say   func(format string, values ...any)
}

// Tally is how a task's launches ended.
type Tally struct {
	Committed map[string]int // by status
	Done      int            // were committed before
	Held      int            // another task has them
	Left      int            // interrupted or not begun: a task that comes later goes on with them
}

// OpenGroup reads the run of a plan file, and one group of it.
func OpenGroup(store *store.Store, plan string, number int) (*Run, Group, error) {
	r, err := open(store, filepath.Dir(plan))
	if err != nil {
		return nil, Group{}, err
	}
	var found *Group
	err = r.eachGroup(number, func(g Group) bool {
		if g.Number == number {
			found = &g
		}
		return false
	})
	if err == nil && found == nil {
		err = fmt.Errorf("the run has no group %d", number)
	}
	if err != nil {
		return nil, Group{}, err
	}
	return r, *found, nil
}

// Do runs the launches of a group that are not committed and that nobody else has claimed.
func (n *Node) Do(ctx context.Context, g Group) (Tally, error) {
	t := Tally{Committed: map[string]int{}}
	for i := range g.Launches {
		l := &g.Launches[i]
		if ctx.Err() != nil {
			t.Left += len(g.Launches) - i
			break
		}
		if err := n.launch(ctx, l, &t); err != nil {
			return t, fmt.Errorf("%s launch %d: %w", l.Name, l.Launch, err)
		}
	}
	return t, nil
}

// launch claims one launch and runs it.
func (n *Node) launch(ctx context.Context, l *Launch, t *Tally) error {
	if _, err := n.Run.readMark(l.Key()); err == nil {
		t.Done++
		return nil
	}
	c, err := claim.Take(n.Run.fs, n.Run.claim(l), n.Owner)
	var held *claim.ErrHeld
	if errors.As(err, &held) {
		n.Say("%s launch %d is %s", l.Name, l.Launch, held)
		t.Held++
		return nil
	}
	if err != nil {
		return err
	}
	stop := c.Keep(func(err error) { n.Say("the claim could not be renewed: %v", err) })
	defer stop()
	if err := n.claimed(ctx, l, c, t); err != nil {
		return errors.Join(err, c.Release())
	}
	return c.Release()
}

// claimed runs a launch that is ours, unless a task that died after its commit left it.
func (n *Node) claimed(ctx context.Context, l *Launch, c *claim.Claim, t *Tally) error {
	tree := n.Run.apart(l, c.Held)
	var locked *store.ErrLocked
	if err := tree.Tidy(); errors.As(err, &locked) {
		n.Say("%s launch %d: %v", l.Name, l.Launch, err) // silent, and alive after all
		t.Held++
		return nil
	} else if err != nil {
		return err
	}
	done, err := n.Run.committed(l)
	if err != nil {
		return err
	}
	if done != nil {
		t.Done++
		return n.Run.mark(l, *done)
	}
	p, err := n.Plan(ctx, plan.LaunchRef{Experiment: l.Experiment, Address: l.Address, Launch: l.Launch})
	if err != nil {
		return err
	}
	w, o := n.World, n.Options
	w.Store, o.Alone, o.Scratch = tree, true, filepath.Join(n.Scratch, l.Key())
	defer os.RemoveAll(o.Scratch) // a node would keep an empty folder of each launch
	sum, err := n.Apply(ctx, w, p, o)
	if err != nil {
		return err
	}
	if len(sum.Attempts) == 0 || sum.Attempts[len(sum.Attempts)-1].Status == record.Interrupted {
		t.Left++
		return nil
	}
	m := sum.Attempts[len(sum.Attempts)-1]
	t.Committed[m.Status]++
	return n.Run.mark(l, Done{Attempt: m.Attempt, Status: m.Status, Reason: m.Reason, Host: n.Owner.Host, Job: n.Owner.Job})
}

// ScratchFolder is where a run's engines find room on this machine; the same for a task that is started again here.
func (r *Run) ScratchFolder() string {
	return filepath.Join(os.TempDir(), "matrix-"+strconv.Itoa(os.Getuid())+"-"+r.ID[len(r.ID)-8:])
}
