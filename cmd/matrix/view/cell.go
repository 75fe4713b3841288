package view

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"matrix/backends/process"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/summary"
)

// Cell prints a cell and every attempt at it.
// They are one cell's, oldest first, and at least one.
func Cell(out *Printer, attempts []summary.Standing) {
	if out.JSON {
		for _, p := range attempts {
			out.Record(ndjson.Attempt{Manifest: p.Manifest, Dir: p.Dir, Problem: p.Problem, Tainted: p.Tainted, Counts: p.WhyNot == "", WhyNot: p.WhyNot})
		}
		return
	}
	// the newest speaks for the cell
	last := attempts[len(attempts)-1]
	fmt.Fprintf(out, "%s%s%s%s%s\n", out.Style.Bold(last.Name), out.Style.Dot(), last.Experiment, out.Style.Dot(), Head(last.Address, 16))
	fmt.Fprintf(out, "  %s\n\n", filepath.Join(out.Results, last.Experiment, last.Slug))
	if slices.ContainsFunc(attempts, func(p summary.Standing) bool { return p.Simulated }) { // one that was begun does not tell yet
		fmt.Fprintf(out, "%s\n\n", out.Style.Warn(Fold(SimulatedBanner, out.Width())))
	}
	for _, p := range attempts {
		attempt(out, p)
	}
	if last.LogTail != "" {
		out.Line("  %s", out.Style.Dim("last lines of "+filepath.Join(last.Dir, "server.log")))
		// an engine's words, with what could command a terminal taken out
		for line := range strings.Lines(last.LogTail) {
			out.Line("    | %s", process.CleanLine(strings.TrimRight(line, "\n")))
		}
	}
	fmt.Fprintf(out, "  identity %s\n", Head(last.Identity.Hash, 16))
	for _, name := range []string{"spec", "dataset", "model", "backend", "hardware", "environment"} {
		if c := last.Identity.Components.Get(name); c.Hash != "" {
			fmt.Fprintf(out, "    %-12s %s  %s\n", name, Head(c.Hash, 8), Clip(string(c.Value), max(40, out.Columns-28)))
		}
	}
}

// attempt is one attempt in a line, with what is wrong with it below.
// Why a complete one ended is not worth a line.
func attempt(out *Printer, p summary.Standing) {
	status := strings.ReplaceAll(p.Status, "_", " ")
	if p.Status == record.Complete {
		status = out.Style.Good(status)
	} else {
		status = out.Style.Warn(status)
	}
	parts := []string{fmt.Sprintf("launch %d", p.Launch), status, p.Began.Local().Format(time.DateTime), fmt.Sprintf("%s of %s ok", format.Whole(p.OK), format.Whole(p.Planned))}
	if p.Segments > 1 {
		parts = append(parts, "in "+format.Count(p.Segments, "segment"))
	}
	if p.Status == record.Complete && p.WhyNot != "" {
		parts = append(parts, out.Style.Warn("does not count: "+p.WhyNot))
	}
	for _, m := range []struct{ column, format string }{{"load_s", "load %.1f s"}, {"duration_s", "measured %.1f s"}, {"output_throughput", "%.1f tok/s"}, {record.MetricValidPerHour, "%.0f valid/h"}} {
		if x, ok := p.Summary[m.column]; ok {
			parts = append(parts, fmt.Sprintf(m.format, x))
		}
	}
	out.Line("  %s  %s", p.Attempt, strings.Join(parts, out.Style.Dot()))
	for _, line := range []string{p.Reason, p.Problem, p.Tainted} {
		if line != "" && p.Status != record.Complete || line != "" && line != p.Reason {
			out.Line("      %s", line)
		}
	}
	if len(p.Absent) > 0 {
		out.Line("      without %s, which is not there", strings.Join(p.Absent, " and "))
	}
}
