package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"matrix/backends/modelfile"
	"matrix/runner"
)

// declareFilter adds the flags that narrow a plan.
func declareFilter(cmd *cobra.Command, f *runner.Filter) {
	cmd.Flags().StringArrayVar(&f.Only, "only", nil, "plan only these cells: axis=glob, an id or a name, globs too (repeatable, all must match)")
	cmd.Flags().StringArrayVar(&f.Except, "except", nil, "leave these cells out: axis=glob, an id or a name (repeatable)")
	cmd.Flags().StringSliceVar(&f.Replace, "replace", nil, "run these cells again though they are done: axis=glob, an id or a name")
	cmd.Flags().IntVar(&f.Launches, "launches", 0, "launches of each cell at least, where the files declare fewer: results stay valid")
	cmd.Flags().StringSliceVar(&f.Rerun, "rerun", nil, "run again what ended so or changed there: failed, censored, spec, dataset, model, backend, hardware")
}

func (a *app) planCommand() *cobra.Command {
	var filter runner.Filter
	var detailed, verbose bool
	var out string
	cmd := &cobra.Command{
		Use: "plan FILE|DIR…", Short: "Show each cell, what is pending and why, and what cannot run",
		Args: needFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			done := a.patience("planning…")
			defer done()
			s, err := a.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer s.close()
			s.filter = filter
			s.spareMemory()
			plans, err := s.plan(cmd.Context())
			if err != nil {
				return err
			}
			done()
			a.showPlans(plans, verbose)
			path, err := s.save(plans, out)
			if err != nil {
				return err
			}
			if !a.json && pendingLaunches(plans) > waitingLaunches(plans...) {
				fmt.Fprintf(a.stdout, "\nSaved to %s. To run it: matrix apply%s\n", path, a.resultsFlag())
			}
			if detailed && pendingLaunches(plans) > 0 {
				return exitCode(codePending)
			}
			return nil
		},
	}
	a.declareVars(cmd)
	declareFilter(cmd, &filter)
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when something is pending")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "print every group of cells")
	cmd.Flags().StringVar(&out, "out", "", "save the plan to this file (default: under the results folder)")
	return cmd
}

// patience says a line to a person at a terminal when it takes longer than one likes to look at nothing. What it
// returns keeps it silent.
func (a *app) patience(what string) (done func() bool) {
	if !a.tty || a.json {
		return func() bool { return true }
	}
	return time.AfterFunc(150*time.Millisecond, func() { fmt.Fprintln(a.stderr, what) }).Stop
}

// watchHashing says which model file is being hashed, once it takes longer than one likes to look at nothing: 8 GB take
// some seconds, once for each file. A person at a terminal is told how far it is, a log only that it is.
func (a *app) watchHashing() (stop func()) {
	if a.json {
		return func() {}
	}
	const every = 2 * time.Second
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		last := ""
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			if path, done, size := modelfile.Hashing(); path != "" && (a.tty || path != last) {
				last = path
				fmt.Fprintf(a.stderr, "reading %s for its digest, once: %.1f of %.1f GiB\n", path, gib(done), gib(size))
			}
		}
	})
	return func() { close(over); watching.Wait() }
}

// manyCells is where a plan begins to take memory that a workstation misses.
const manyCells = 20_000

// spareMemory trades processor time for memory in a large plan: a quarter more of the one, a quarter less of the other.
func (s *session) spareMemory() {
	n := 0
	for _, cells := range s.cells {
		n += len(cells)
	}
	if n > manyCells {
		debug.SetGCPercent(35)
	}
}

// resultsFlag repeats --results where the user gave another folder, for commands that a message suggests.
func (a *app) resultsFlag() string {
	if a.results == "results" {
		return ""
	}
	return " --results " + a.results
}

// plan opens the world and makes every experiment's plan.
func (s *session) plan(ctx context.Context) ([]*runner.Plan, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	return s.plans(ctx)
}

func pendingLaunches(plans []*runner.Plan) int {
	n := 0
	for _, p := range plans {
		n += len(p.Order)
	}
	return n
}

// showPlans prints plans for people, or as records.
func (a *app) showPlans(plans []*runner.Plan, verbose bool) {
	for i, p := range plans {
		if a.json {
			a.emitPlan(p)
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		planView{out: a.stdout, style: a.style, width: a.width, fold: a.terminalWidth(), verbose: verbose, results: a.results}.plan(p)
	}
}

// emitPlan writes one planned_cell record a cell and a plan_summary.
func (a *app) emitPlan(p *runner.Plan) {
	for _, item := range p.Items {
		c := item.Cell
		f := map[string]any{"experiment": p.Experiment, "cell": c.Address[:16], "slug": c.Slug, "name": c.Name(), "state": item.State,
			"reasons": orEmpty(item.Reasons), "launches": orEmpty(item.Launches), "done": item.Done, "changes": orEmpty(item.Changes)}
		axes := map[string]string{}
		for _, axis := range c.Axes {
			axes[axis.Name] = axis.Label
		}
		f["axes"] = axes
		if c.Skip != nil {
			f["skip"] = map[string]string{"kind": c.Skip.Kind, "reason": c.Skip.Reason, "place": c.Skip.Place.String()}
		}
		for key, text := range map[string]string{"detail": item.Detail, "resume": item.Resume} {
			if text != "" {
				f[key] = text
			}
		}
		if item.Missing != nil {
			f["missing"] = item.Missing.Error()
		}
		if item.WaitsFor != "" {
			f["waits_for"] = item.WaitsFor
		}
		if item.Estimate != nil {
			f["estimate_s"], f["estimate_from"] = item.Estimate.Seconds(), item.EstimateFrom
		}
		a.emit("planned_cell", f)
	}
	f := map[string]any{"experiment": p.Experiment, "cells": len(p.Items), "launches": len(p.Order), "seed": p.Seed, "estimate_s": nil, "rests_on": p.Rests}
	if p.Estimate != nil {
		f["estimate_s"] = p.Estimate.Seconds()
	}
	if p.EstimateLow != nil {
		f["estimate_low_s"], f["estimate_high_s"] = p.EstimateLow.Seconds(), p.EstimateHigh.Seconds()
	}
	if n := len(p.Primings); n > 0 {
		f["primings"] = n
	}
	if s := p.Sharing; s != nil {
		f["sharing"] = map[string]any{"cells": s.Cells, "servers": s.Servers, "saves_s": s.Saves.Seconds()}
	}
	f["notes"] = orEmpty(dataNotes(p))
	a.emit("plan_summary", f)
}

// orEmpty makes an absent list [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// savedPlan is where a plan lands without --out.
func (a *app) savedPlan() string { return filepath.Join(a.results, ".matrix", "plan") }

// saved is the plan as it goes into a file, with the values that its variables have.
func (s *session) saved(plans []*runner.Plan) *runner.Saved {
	vars := s.app.vars
	vars.Values = s.config.Variables
	return runner.NewSaved(s.paths, s.config.Files, vars, s.filter, plans)
}

// restore goes on with the variables of a saved plan.
func (a *app) restore(saved *runner.Saved) error {
	if len(a.vars.Vars)+len(a.vars.VarFiles) > 0 {
		return hinted{errors.New("a saved plan has the values of its variables: --var and --var-file would change what was looked at"),
			"Plan again with them: matrix plan " + strings.Join(saved.Paths, " ")}
	}
	a.vars = saved.Vars
	return nil
}

// otherwiseSet warns of variables that the environment sets to something else than the plan has.
func (s *session) otherwiseSet(environ []string) {
	for _, v := range s.config.Declared() {
		for _, e := range environ {
			if text, ok := strings.CutPrefix(e, "MATRIX_VAR_"+v.Name+"="); ok && v.Text != "" && v.Text != text {
				s.app.warn(fmt.Sprintf("MATRIX_VAR_%s is %q, and the saved plan has %q: the plan's holds. To take the new one: matrix plan %s",
					v.Name, text, v.Text, strings.Join(s.paths, " ")))
			}
		}
	}
}

// save writes the plan file and returns its path.
func (s *session) save(plans []*runner.Plan, out string) (string, error) {
	saved := s.saved(plans)
	path, write := out, writeNamed
	if path == "" {
		path, write = s.app.savedPlan(), replaceFile
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", notWritable(fmt.Errorf("save the plan: %w", err))
	}
	if err := write(path, 0o600, saved.Write); err != nil {
		return "", notWritable(fmt.Errorf("save the plan: %w", err))
	}
	return path, nil
}
