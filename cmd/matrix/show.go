package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matrix/backends/process"
	"matrix/results"
	"matrix/results/summary"
)

func (a *app) showCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use: "show [PLAN|CELL]", Short: "Show a saved plan, or a cell and its attempts",
		Long: "Show the last saved plan; or the plan in a file; or a cell with its attempts,\nby any unique prefix of its id, its folder's name or an attempt's id.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			if len(args) == 1 {
				if info, err := os.Stat(args[0]); err != nil || !info.Mode().IsRegular() {
					return a.showCell(cmd.Context(), args[0])
				}
			}
			return a.showPlan(cmd.Context(), args, verbose)
		},
	}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "print every group of cells")
	return cmd
}

// showPlan draws a saved plan as it stands today.
func (a *app) showPlan(ctx context.Context, args []string, verbose bool) error {
	file, ok := a.planFile(args)
	if !ok {
		return hinted{errors.New("there is no saved plan"), "Plan first: matrix plan FILE…"}
	}
	saved, err := readPlan(file)
	if err != nil {
		return err
	}
	if err := a.restore(saved); err != nil {
		return err
	}
	s, err := a.load(ctx, saved.Paths)
	if err != nil {
		return err
	}
	defer s.close()
	s.filter = saved.Asked()
	plans, err := s.plan(ctx)
	if err != nil {
		return err
	}
	a.showPlans(plans, verbose)
	for _, line := range saved.Drift(plans) {
		a.warn("since the plan was saved: " + line)
	}
	return nil
}

// showCell prints the one cell that a prefix names, and every attempt at it.
func (a *app) showCell(ctx context.Context, prefix string) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	set, err := summary.Survey(ctx, store, a.results)
	if err != nil {
		return fmt.Errorf("read the results: %w", err)
	}
	unfinished, err := store.Unfinished(ctx)
	if err != nil {
		return fmt.Errorf("read the unfinished attempts: %w", err)
	}
	found := matching(append(set.Standings(), begun(unfinished)...), prefix)
	switch cells := addresses(found); {
	case len(cells) == 0:
		return hinted{fmt.Errorf("no cell or attempt in %s begins with %q", a.results, prefix), "A cell stands in the results once it has been tried; matrix plan FILE… shows the ids of all."}
	case len(cells) > 1:
		return hinted{fmt.Errorf("%q begins %d cells: %s", prefix, len(cells), strings.Join(cells, ", ")), "Give more of it."}
	}
	if a.json {
		for _, p := range found {
			a.emit("attempt", map[string]any{"manifest": p.Manifest, "dir": p.Dir, "problem": p.Problem, "tainted": p.Tainted, "counts": p.WhyNot == "", "why_not": p.WhyNot})
		}
		return nil
	}
	a.drawCell(found)
	return nil
}

// begun are the attempts that were begun and not finished, as far as they are.
func begun(attempts []*results.Attempt) []summary.Standing {
	var all []summary.Standing
	for _, at := range attempts {
		m := at.Manifest()
		m.OK = at.Done()
		m.Reason = "begun and not finished; matrix status says whether it runs, the next matrix apply goes on with it"
		if m.OK == 0 {
			m.Reason = "begun, and no request has ended; matrix status says whether it runs, the next matrix apply begins it anew"
		}
		all = append(all, summary.Standing{Past: results.Past{Manifest: m, Dir: at.Dir()}, WhyNot: "unfinished"})
	}
	return all
}

// matching are all attempts of the cells that a prefix names by address, slug or attempt.
func matching(history []summary.Standing, prefix string) []summary.Standing {
	wanted := map[string]bool{}
	for _, p := range history {
		if strings.HasPrefix(p.Address, prefix) || strings.HasPrefix(p.Slug, prefix) || strings.HasPrefix(strings.ToLower(p.Attempt), strings.ToLower(prefix)) || p.Name == prefix {
			wanted[p.Experiment+p.Address] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(history), func(p summary.Standing) bool { return !wanted[p.Experiment+p.Address] })
}

func addresses(attempts []summary.Standing) []string {
	var all []string
	for _, p := range attempts {
		if !slices.Contains(all, head(p.Address, 16)) {
			all = append(all, head(p.Address, 16))
		}
	}
	return all
}

func (a *app) drawCell(attempts []summary.Standing) {
	last := attempts[len(attempts)-1]
	fmt.Fprintf(a.stdout, "%s%s%s%s%s\n", a.style.bold(last.Name), a.style.dot(), last.Experiment, a.style.dot(), head(last.Address, 16))
	fmt.Fprintf(a.stdout, "  %s\n\n", filepath.Dir(last.Dir))
	if last.Simulated {
		fmt.Fprintf(a.stdout, "%s\n\n", a.style.warn(fold(simulatedBanner, a.terminalWidth())))
	}
	for _, p := range attempts {
		a.drawAttempt(p)
	}
	if last.LogTail != "" {
		fmt.Fprintf(a.stdout, "  %s\n", a.style.dim("last lines of "+filepath.Join(last.Dir, "server.log")))
		for line := range strings.Lines(last.LogTail) {
			fmt.Fprintf(a.stdout, "    | %s\n", process.CleanLine(strings.TrimRight(line, "\n")))
		}
	}
	fmt.Fprintf(a.stdout, "  identity %s\n", head(last.Identity.Hash, 16))
	for _, name := range []string{"spec", "dataset", "model", "backend", "hardware", "environment"} {
		if c := last.Identity.Components.Get(name); c.Hash != "" {
			fmt.Fprintf(a.stdout, "    %-12s %s  %s\n", name, head(c.Hash, 8), clip(string(c.Value), max(40, a.width-28)))
		}
	}
}

func (a *app) drawAttempt(p summary.Standing) {
	status := strings.ReplaceAll(p.Status, "_", " ")
	if p.Status == results.Complete {
		status = a.style.good(status)
	} else {
		status = a.style.warn(status)
	}
	parts := []string{fmt.Sprintf("launch %d", p.Launch), status, p.Began.Local().Format(time.DateTime), fmt.Sprintf("%s of %s ok", thousands(p.OK), thousands(p.Planned))}
	if p.Segments > 1 {
		parts = append(parts, "in "+count(p.Segments, "segment"))
	}
	if p.Status == results.Complete && p.WhyNot != "" {
		parts = append(parts, a.style.warn("does not count: "+p.WhyNot))
	}
	for _, m := range []struct{ column, format string }{{"load_s", "load %.1f s"}, {"duration_s", "measured %.1f s"}, {"output_throughput", "%.1f tok/s"}} {
		if x, ok := p.Summary[m.column]; ok {
			parts = append(parts, fmt.Sprintf(m.format, x))
		}
	}
	fmt.Fprintln(a.stdout, fold(fmt.Sprintf("  %s  %s", p.Attempt, strings.Join(parts, a.style.dot())), a.terminalWidth()))
	for _, line := range []string{p.Reason, p.Problem, p.Tainted} {
		if line != "" && p.Status != results.Complete || line != "" && line != p.Reason {
			fmt.Fprintln(a.stdout, fold("      "+line, a.terminalWidth()))
		}
	}
	if len(p.Absent) > 0 {
		fmt.Fprintf(a.stdout, "      without %s, which is not there\n", strings.Join(p.Absent, " and "))
	}
}
