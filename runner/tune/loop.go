package tune

import (
	"context"
	"fmt"
	"strings"
	"time"

	"matrix/experiments/cell"
	"matrix/results/format"
)

// Driver measures for a Loop. It knows the files, the plan and the user; the loop knows none of them.
type Driver interface {
	// Look reads what is measured by now.
	Look(ctx context.Context) (func(*cell.Cell) Score, error)
	// Plan prepares the cells of a round of every group, and says how many launches they take.
	Plan(ctx context.Context, rounds []Round) (launches int, err error)
	// Apply runs what Plan prepared.
	Apply(ctx context.Context) error
}

// Loop measures round after round until nothing is left, the budget is spent, or a round brings nothing.
type Loop struct {
	Search    *Search
	Objective Objective
	Launches  int           // budget: no round begins that would exceed it; 0 = none
	Time      time.Duration // budget: no round begins after it; 0 = none

	Score   func(*cell.Cell) Score // what is known, after Run
	Stopped string                 // why it ended before its end; "" = it did not
	Stuck   bool                   // … because its launches could not be run
}

// Run searches. What was found is known even after ctx has ended: after ^C it is still wanted.
func (l *Loop) Run(ctx context.Context, d Driver) (err error) {
	began, spent, last := time.Now(), 0, ""
	for {
		if l.Score, err = d.Look(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		rounds := l.Search.Next(l.Score)
		if ctx.Err() != nil {
			l.Stopped = "interrupted"
		}
		if len(rounds) == 0 || l.Stopped != "" {
			return nil
		}
		now := addresses(rounds)
		if now == last {
			l.Stopped, l.Stuck = "the launches of this round could not be run: see above", true
			return nil
		}
		last = now
		launches, err := d.Plan(ctx, rounds)
		if err != nil {
			return err
		}
		if l.Stopped = l.overBudget(launches, spent, time.Since(began)); l.Stopped != "" {
			return nil
		}
		spent += launches
		if err := d.Apply(ctx); err != nil {
			return err
		}
	}
}

// overBudget says why the next round may not begin, "" where it may. Time is looked at between rounds only: half a round
// tells nothing.
func (l *Loop) overBudget(launches, spent int, took time.Duration) string {
	switch {
	case l.Launches > 0 && spent+launches > l.Launches:
		return fmt.Sprintf("budget: the next round needs %s, and %d of %d are left", format.Count(launches, "launch"), l.Launches-spent, l.Launches)
	case l.Time > 0 && took > l.Time:
		return fmt.Sprintf("budget: %s are over", l.Time)
	}
	return ""
}

// addresses tell whether a round is the one before it.
func addresses(rounds []Round) string {
	var b strings.Builder
	for _, r := range rounds {
		for _, c := range r.Cells {
			b.WriteString(c.Address + " ")
		}
	}
	return b.String()
}
