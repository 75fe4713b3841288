//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"matrix/backends/fake/stamped"
	"matrix/runner/calibrate"
)

// row is one client in one scenario.
type row struct {
	Scenario named            `json:"scenario"`
	Client   string           `json:"client"`
	Runs     []calibrate.Cost `json:"runs"`
	Timed    []calibrate.Cost `json:"timed"`  // runs that held each event's time against the mock's
	Server   []stamped.Counts `json:"server"` // of each run
	Startup  *calibrate.Cost  `json:"startup,omitempty"`
	Void     string           `json:"void,omitempty"`    // why the figures say nothing
	Missing  string           `json:"missing,omitempty"` // why there are none
}

// scenario measures every client.
func (b *bench) scenario(ctx context.Context, s named, core string) ([]row, error) {
	floor, ours := row{Scenario: s, Client: "floor"}, row{Scenario: s, Client: "matrix"}
	for i := range b.runs { // ABBA: a drift of the machine falls on both alike
		first, second := &floor, &ours
		if i%2 == 1 {
			first, second = second, first
		}
		for _, r := range []*row{first, second} {
			if err := b.run(ctx, r, s.Scenario, core); err != nil {
				return nil, err
			}
		}
	}
	timed := s.Scenario
	timed.Stamps = true
	for range 2 {
		if err := b.run(ctx, &ours, timed, core); err != nil {
			return nil, err
		}
	}
	judge(&floor, &ours)
	rows := []row{floor, ours}
	for _, p := range b.peers {
		if s.Peers {
			rows = append(rows, b.peer(ctx, p, s, core))
		}
	}
	return rows, ctx.Err()
}

// judge voids a comparison that the mock limited.
func judge(floor, ours *row) {
	if s := ours.Scenario; s.GapS == 0 && s.RatePerS == 0 {
		if ratio := median(floor.Runs, perCPUS) / median(ours.Runs, perCPUS); ratio < 1.3 {
			ours.Void = fmt.Sprintf("void: the floor is only %.2f × ours, so the mock is the limit", ratio)
		}
	}
	if s := ours.Scenario; s.GapS > 0 {
		var late []float64
		for _, c := range ours.Server {
			late = append(late, c.LateP99S)
		}
		slices.Sort(late)
		if late := late[len(late)/2]; late > s.GapS {
			ours.Void = fmt.Sprintf("void: the mock was %.0f ms behind its own schedule (p99, the middle run)", 1e3*late)
		}
	}
}

// run plays the scenario once, in a process of its own on its own core.
func (b *bench) run(ctx context.Context, r *row, s calibrate.Scenario, core string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	role := "ours"
	if r.Client == "floor" {
		role = "floor"
	}
	c, counts, err := b.child(ctx, s, "taskset", "-c", core, self, roleMarker, role, b.url)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", r.Scenario.Name, r.Client, err)
	}
	if s.Stamps {
		r.Timed = append(r.Timed, c)
		return nil
	}
	r.Runs, r.Server = append(r.Runs, c), append(r.Server, counts)
	return nil
}

// child starts a client that ends its command line with the scenario and prints its cost.
func (b *bench) child(ctx context.Context, s calibrate.Scenario, argv ...string) (c calibrate.Cost, seen stamped.Counts, err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return c, seen, err
	}
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], string(text))...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return c, seen, err
	}
	if err := json.Unmarshal(out, &c); err != nil {
		return c, seen, fmt.Errorf("read its cost: %w: %s", err, out)
	}
	if c.Failed > 0 {
		return c, seen, fmt.Errorf("%d of %d requests failed: %v", c.Failed, c.Requests, c.Errors)
	}
	seen, err = stamped.Count(ctx, b.url)
	return c, seen, err
}
