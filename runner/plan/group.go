package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"matrix/experiments/cell"
)

// LaunchRef names one launch of a plan, for a machine that runs it in another's stead.
type LaunchRef struct {
	Experiment string
	Address    string
	Launch     int
}

// Group makes the plan of some launches of a saved plan, on the machine that runs them. The past is not looked at: who
// saved the plan decided. The engine's version, the model's files and the hardware are this machine's, what was asked for
// must be what was saved.
func (s *Saved) Group(ctx context.Context, w World, cells []*cell.Cell, want []LaunchRef) (*Plan, error) {
	saved := map[string]savedCell{}
	for _, c := range s.pending {
		saved[c.Experiment+"/"+c.Address] = c
	}
	byAddress := make(map[string]*cell.Cell, len(want))
	for _, c := range cells {
		byAddress[c.Address] = c
	}
	p := &Plan{Filter: s.Filter}
	facts := newFacts(w)
	for _, x := range want {
		c, before := byAddress[x.Address], saved[x.Experiment+"/"+x.Address]
		if c == nil || before.Address == "" {
			return nil, fmt.Errorf("cell %s of %s is not in the plan", x.Address[:min(8, len(x.Address))], x.Experiment)
		}
		item := &Item{Cell: c, State: New, Launches: []int{x.Launch}}
		if !facts.identify(ctx, item) {
			return nil, facts.faults()
		}
		if text := s.asked(before, item); text != "" {
			return nil, fmt.Errorf("%s is not what was submitted: %s", c.Name(), text)
		}
		p.Experiment = x.Experiment
		p.Items = append(p.Items, item)
		p.Order = append(p.Order, Step{Item: item, Launch: x.Launch})
		p.Seed = c.Seed
	}
	return p, nil
}

// asked says what differs in what was asked for; "" = nothing.
func (s *Saved) asked(c savedCell, item *Item) string {
	before := s.identity(c)
	var parts []string
	for _, d := range cell.Diff(before, item.Identity, item.Cell) {
		if slices.Contains([]string{"spec", "dataset"}, d.Component) {
			parts = append(parts, fmt.Sprintf("%s %s %s → %s", d.Component, d.Path, d.Before, d.After))
		}
	}
	return strings.Join(parts, ", ")
}
