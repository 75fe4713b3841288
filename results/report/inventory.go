package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/results/record"
	"matrix/results/summary"
)

// environment tells what ran and where: one row for each that differs.
// Two rows are the warning: the cells were not run on one machine, or not by one engine.
func (m *maker) environment() (Section, error) {
	s := Section{ID: "environment", Title: "Environment"}
	// Columns in which nothing ever differs stay: that two cells ran alike is worth knowing.
	machines := &Table{Caption: "Machines", Columns: []Column{{Title: "Host"}, {Title: "GPU"}, {Title: "Driver, CUDA"}, {Title: "CPU"}, {Title: "Memory", Unit: "GiB", Numeric: true}, {Title: "System"}, {Title: "Attempts", Numeric: true}}}
	engines := &Table{Caption: "Engines and models", Columns: []Column{{Title: "Platform, model"}, {Title: "Engine"}, {Title: "Precision"}, {Title: "Weights", Unit: "GiB", Numeric: true}, {Title: "Context", Unit: "tokens", Numeric: true}, {Title: "KV cache holds", Unit: "tokens", Numeric: true}, {Title: "Revision"}, {Title: "Attempts", Numeric: true}}}
	for _, c := range m.Set.Cells {
		for _, a := range c.Attempts {
			tally(machines, machineRow(a))
			tally(engines, engineRow(c, a))
		}
	}
	for _, t := range []*Table{machines, engines} {
		if len(t.Rows) > 0 {
			s.Blocks = append(s.Blocks, tableBlock(t))
		}
	}
	return s, nil
}

// tally adds a row, or counts it where the table has it already.
// The count is the last value, which the caller leaves out; all others make the row's identity.
func tally(t *Table, values []Value) {
	for i, r := range t.Rows {
		n := len(r.Values) - 1
		if slices.Equal(r.Values[:n], values) {
			var count int
			_, _ = fmt.Sscan(r.Values[n].Text, &count) // our own number
			t.Rows[i].Values[n].Text = fmt.Sprint(count + 1)
			return
		}
	}
	t.Rows = append(t.Rows, Row{Values: append(values, Value{Text: "1"})})
}

// machineRow has "not recorded" where an imported attempt does not say, and "none seen" where a machine has no GPU or
// its driver did not answer.
func machineRow(a *summary.Attempt) []Value {
	gpu := a.Run().Machine.GPUName
	if n := a.Number("gpu_count"); gpu != "" && n != nil && *n > 1 {
		gpu = fmt.Sprintf("%.0f × %s", *n, gpu)
	}
	// Of one card: how many there are stands before its name.
	if mem := a.Number("gpu_memory_bytes"); mem != nil {
		gpu += ", " + gib(*mem) + " GiB"
	}
	cpu := a.Run().Machine.CPU
	if n := a.Number("machine_cores"); n != nil {
		cpu = strings.TrimPrefix(fmt.Sprintf("%s, %.0f cores", cpu, *n), ", ")
	}
	return []Value{{Text: cmp.Or(a.Run().Machine.Host, a.Host, "not recorded")}, {Text: cmp.Or(gpu, "none seen")}, {Text: joined(a.Run().Machine.Driver, a.Run().Machine.CUDA)},
		{Text: cpu}, figureOf(a.Number("machine_ram_bytes"), gib, "not told"), {Text: joined(a.Run().Machine.OS, a.Run().Machine.Kernel)}}
}

// engineRow has what the engine said of itself once it was loaded, not what was asked of it.
func engineRow(c *summary.Cell, a *summary.Attempt) []Value {
	engine := strings.TrimSpace(cmp.Or(a.Run().Engine.Name, "not recorded") + " " + a.Run().Engine.Version)
	return []Value{{Text: c.Platform + ", " + c.Model, Detail: kindOf(c)}, {Text: engine}, {Text: joined(a.Run().Engine.DType, a.Run().Engine.Quantization)},
		figureOf(a.Number("weight_bytes"), gib, "not told"), figureOf(a.Number("max_model_len"), whole, "not told"), figureOf(a.Number("kv_capacity_tokens"), whole, "not told"), {Text: cut(a.Run().Engine.Revision, 18)}}
}

// inventory lists what was planned, and each cell with its attempts: where every figure came from.
// Damaged attempts are listed, never silently less: a reader must be able to count.
func (m *maker) inventory() (Section, error) {
	s := Section{ID: "inventory", Title: "Data inventory"}
	s.Blocks = append(s.Blocks, m.coverage()...)
	t := &Table{ID: "cells", Caption: "Cells and attempts", Columns: []Column{{Title: "Cell"}, {Title: "Attempts"}, {Title: "Folder"}, {Title: "To know before believing a number"}, {Title: "Not to be had, and why"}}}
	var warnings, nulls [][]string // of each cell
	for _, c := range m.Set.Cells {
		warnings, nulls = append(warnings, warningsOf(c)), append(nulls, nullsOf(c))
	}
	allWarn, allLack := common(warnings), common(nulls)
	for i, c := range m.Set.Cells {
		t.Rows = append(t.Rows, m.cellRow(c, others(warnings[i], allWarn), others(nulls[i], allLack)))
	}
	if all := slices.Concat(allWarn, allLack); len(all) > 0 {
		t.Notes = []string{"Of each cell: " + strings.Join(all, "; ") + "."}
	}
	if len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, tableBlock(t))
	}
	if len(m.Set.Problems) > 0 {
		damaged := &Table{Caption: "Left out: damaged or unreadable", Columns: []Column{{Title: "Attempt"}, {Title: "Problem"}, {Title: "Detail"}}}
		for _, p := range m.Set.Problems {
			damaged.Rows = append(damaged.Rows, Row{Values: []Value{{Text: p.Experiment + "/" + p.Slug + "/" + p.Attempt}, {Text: strings.ReplaceAll(p.Problem, "_", " "), Tone: "warn"}, {Text: p.Detail}}})
		}
		s.Blocks = append(s.Blocks, tableBlock(damaged))
	}
	return s, nil
}

// common are the notes that every cell has, where there are several cells: they are said once.
func common(notes [][]string) []string {
	if len(notes) < 2 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(notes[0]), func(note string) bool {
		return slices.ContainsFunc(notes, func(of []string) bool { return !slices.Contains(of, note) })
	})
}

// others joins the notes that are not among those of every cell.
func others(notes, common []string) string {
	return strings.Join(slices.DeleteFunc(notes, func(n string) bool { return slices.Contains(common, n) }), "; ")
}

func (m *maker) cellRow(c *summary.Cell, warnings, nulls string) Row {
	var attempts []string
	for _, a := range c.Attempts {
		attempts = append(attempts, fmt.Sprintf("%d: %s %s", a.Launch, a.Attempt, strings.ReplaceAll(a.Status, "_", " ")))
	}
	if c.Older > 0 {
		attempts = append(attempts, counted(c.Older, "attempt")+" of an earlier declaration left out")
	}
	if c.Tainted > 0 {
		attempts = append(attempts, counted(c.Tainted, "attempt")+" declared void")
	}
	// below the results folder
	folder := c.Experiment + "/" + c.Slug
	return Row{ID: anchor(c), Values: []Value{{Text: c.Name, Detail: kindOf(c)}, {Text: strings.Join(attempts, "; ")}, {Text: folder},
		{Text: warnings}, {Text: nulls}}}
}

// warningsOf are the distinct warnings of the cell's attempts.
// Alike warnings of several launches are one: ten launches would make ten of it.
func warningsOf(c *summary.Cell) []string {
	var out []string
	for _, a := range c.Attempts {
		if w := "without " + strings.Join(a.Absent, " and ") + ", which is not there"; len(a.Absent) > 0 && !slices.Contains(out, w) {
			out = append(out, w)
		}
		for _, w := range a.Warnings() {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
		// A segment is a fresh engine: its caches and queues began anew in the midst of the measured phase.
		if w := counted(a.Segments, "segment") + ": interrupted and gone on; each began with an empty engine"; a.Segments > 1 && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// nullsOf gathers the missing metrics by reason: "p99 needs 662 requests, has 100 (ttft, e2e)".
// The first attempt speaks for the cell: its launches lack the same, by and large. More than two columns are counted
// only, for a missing p99 misses in a dozen of them.
func nullsOf(c *summary.Cell) []string {
	a := c.First()
	if a == nil {
		return nil
	}
	byReason := map[string][]string{}
	for _, x := range record.Metrics() {
		if why := a.Why(x.Name); why != "" {
			byReason[why] = append(byReason[why], x.Name)
		}
	}
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		text := why
		if n := len(byReason[why]); n <= 2 {
			text += " (" + strings.Join(byReason[why], ", ") + ")"
		} else {
			text += fmt.Sprintf(" (%d columns)", n)
		}
		parts = append(parts, text)
	}
	return parts
}

// coverage holds the tree against what was planned.
// Without a plan nothing is said to be complete: a cell that was never tried leaves no trace in the tree.
func (m *maker) coverage() []Block {
	if m.Coverage == nil {
		// what was tried is all that the tree knows
		_, launches, attempts := m.counts()
		return []Block{para(fmt.Sprintf("What was planned is not known here, so this counts only what was tried: %s, %s complete, %s in all. Naming the plan or the source, matrix report --plan FILE, shows what is still missing.",
			counted(len(m.Set.Cells), "cell"), counted(launches, "launch"), counted(attempts, "attempt")))}
	}
	states := map[string]int{}
	t := &Table{Caption: "Planned and not done", Columns: []Column{{Title: "Cell"}, {Title: "State"}, {Title: "Launches done", Numeric: true}, {Title: "Why"}}}
	for _, p := range m.Coverage.Cells {
		states[p.State]++
		if p.State == "done" {
			continue
		}
		// A cell that was planned and never tried has no row to link to.
		name := Value{Text: p.Name}
		if c := m.cellAt(p.Slug); c != nil {
			name.Anchor = anchor(c)
		}
		t.Rows = append(t.Rows, Row{Values: []Value{name, {Text: p.State, Tone: "warn"}, {Text: fmt.Sprintf("%d of %d", p.Done, p.Launches)}, {Text: p.Reason}}})
	}
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		parts = append(parts, fmt.Sprintf("%d %s", states[state], state))
	}
	blocks := []Block{para(fmt.Sprintf("Of %s planned in %s: %s.", counted(len(m.Coverage.Cells), "cell"), m.Coverage.From, strings.Join(parts, ", ")))}
	if len(t.Rows) > 0 {
		blocks = append(blocks, tableBlock(t))
	}
	return blocks
}
