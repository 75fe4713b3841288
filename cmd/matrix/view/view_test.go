package view

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/summary"
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/launch"
	"matrix/runner/plan"
)

func TestFold(t *testing.T) {
	long := "      needs 24.4 GiB (weights 22.7, KV 0.9, overhead 0.8) > 15.57 GiB  gemma3.hcl:9"
	for _, width := range []int{40, 60, 80} {
		folded := Fold(long, width)
		for line := range strings.Lines(folded) {
			if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > width {
				t.Errorf("%d columns in %d: %q", w, width, line)
			}
		}
		if strings.Join(strings.Fields(folded), " ") != strings.Join(strings.Fields(long), " ") {
			t.Errorf("folding to %d lost words: %q", width, folded)
		}
	}
	if got := Fold(long, 0); got != long {
		t.Errorf("a pipe's line was folded: %q", got)
	}
	log := Fold("    | "+strings.Repeat("word ", 20), 40)
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "    | ") {
			t.Errorf("a folded log line lost its margin: %q", line)
		}
	}
}

// What is to be copied stays on one line, a path with hyphens, a command with its flags; a longer one is left to the terminal.
func TestFoldLeavesCommandsWhole(t *testing.T) {
	const path, command = "/data/a-folder/with-a-name/that-is-long/x.parquet", "matrix apply --results /data/a-folder"
	line := "  The disk is full there (" + path + "): make room, or choose another folder with " + command + " and go on from there."
	for _, width := range []int{30, 60, 80} {
		folded := Fold(line, width)
		if !strings.Contains(folded, path) || !strings.Contains(folded, command) || strings.Join(strings.Fields(folded), " ") != strings.TrimSpace(line) {
			t.Errorf("in %d columns:\n%s", width, folded)
		}
		for i, part := range strings.Split(folded, "\n") {
			if ansi.StringWidth(part) > width && !strings.Contains(part, path) && !strings.Contains(part, command) || i > 0 && !strings.HasPrefix(part, "    ") {
				t.Errorf("in %d columns: %q", width, part)
			}
		}
	}
	if got := Fold(line, 0); got != line {
		t.Errorf("in a pipe: %q", got)
	}
}

// measuredCell is a row of the result table.
func measuredCell(platform string, batch string, status string, launch int) resultRow {
	c := &cell.Cell{Launches: 1, Load: &cell.Load{Mode: "batch"},
		Axes: []*cell.Axis{{Name: "platform", Label: platform}, {Name: "model", Label: "gemma3_270m"}, {Name: "batch_size", Label: batch}}}
	a := &summary.Attempt{}
	a.Status, a.Launch = status, launch
	a.Summary = map[string]float64{"load_s": 123.4, "batch_s": 1234.5, "output_throughput": 12345.6, "request_throughput": 123.45,
		"success_rate": 1, "ttft_p50_s": 1.234, "tpot_p50_s": 0.0123, "cpu_cores_mean": 1.88}
	m := resultRow{cell: c, of: &summary.Cell{Attempts: []*summary.Attempt{a}}}
	if status == record.Complete {
		m.of.Launches = m.of.Attempts
	}
	return m
}

func TestResultsFitTheTerminal(t *testing.T) {
	rows := []resultRow{measuredCell("vllm_offline", "50000", record.Complete, 1), measuredCell("ollama", "10", record.Complete, 1)}
	long := []resultRow{measuredCell("vllm_serve_with_a_very_long_name_of_a_configuration", "50000", record.Complete, 1),
		measuredCell("好的引擎", "10", record.EngineFailed, 1), measuredCell("🚀_engine", "10", record.Complete, 1)}
	for _, test := range []struct {
		width int
		rows  []resultRow
		told  []string
	}{
		{200, rows, []string{"CPU cores", "load s", "out tok/s", "success", "100%"}},
		{100, rows, []string{"load s", "out tok/s", "success", "100%"}},
		{80, rows, []string{"load s", "out tok/s", "success", "100%"}},
		{80, long, []string{"load s", "out tok/s", "success", "100%", " vllm_serve_with_  ", " 好的引擎  "}},
		{40, rows, []string{"launches", "1/1", "Too narrow here for load s"}},
		{40, long, []string{"launches", "1/1", "Too narrow here for load s", " 好的引擎  "}},
	} {
		var out strings.Builder
		writeResults(&out, Style{}, test.width, test.rows)
		for line := range strings.Lines(out.String()) {
			if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > test.width {
				t.Errorf("%d columns in %d: %q", w, test.width, line)
			}
		}
		for _, text := range test.told {
			if !strings.Contains(out.String(), text) {
				t.Errorf("at %d columns there is no %q:\n%s", test.width, text, out.String())
			}
		}
	}
	var out strings.Builder
	writeResults(&out, Style{}, 0, append(rows, measuredCell("vllm_serve", "10", record.EngineFailed, 1)))
	for _, text := range []string{"1.234*", "do not rank it", "0/1 engine failed"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("no %q in\n%s", text, out.String())
		}
	}
	if got := fixed(rows); got != "model gemma3_270m" {
		t.Errorf("in common: %q", got)
	}
}

// The marks of a grid stand below their batch size, however many columns a sign of a name takes.
func TestGridOfWideNames(t *testing.T) {
	g := crosstab{rows: [][2]string{{"好的引擎", "模型"}, {"dies", "m"}, {"🚀", "m"}}, columns: []string{"8", "64"}, marks: map[[3]string]plan.State{}}
	for _, r := range g.rows {
		g.marks[[3]string{r[0], r[1], "8"}], g.marks[[3]string{r[0], r[1], "64"}] = plan.New, plan.Done
	}
	lines, fits := g.draw(Style{}, 40)
	if len(lines) != 4 || !fits {
		t.Fatalf("fits %v: %q", fits, lines)
	}
	for _, line := range lines {
		if ansi.StringWidth(line) != ansi.StringWidth(lines[0]) {
			t.Errorf("not as long as the head:\n%s", strings.Join(lines, "\n"))
		}
	}
	if _, fits = g.draw(Style{}, ansi.StringWidth(lines[0])-1); fits {
		t.Error("it fits what is a column too narrow")
	}
}

func TestProgressSaysNoFigureItLacks(t *testing.T) {
	zero, minute := time.Duration(0), time.Minute
	e := events.Event{Step: 1, Steps: 2, Progress: events.Progress{Planned: 10, InFlight: 4}}
	if got := progressText(e, Style{}); strings.Contains(got, "tok/s") || strings.Contains(got, "left") {
		t.Errorf("before the first answer: %s", got)
	}
	e.Progress = events.Progress{Planned: 10, Done: 4, OutputTokens: 100, TokensPerSecond: 50, CellETA: &minute, PlanETA: &minute}
	for _, want := range []string{"4/10", "50 tok/s", "cell 1m00s left", "plan 1m00s left"} {
		if got := progressText(e, Style{}); !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	e.Progress.Done, e.Progress.CellETA = 10, &zero
	if got := progressText(e, Style{}); strings.Contains(got, "cell") {
		t.Errorf("at the end: %s", got)
	}
}

// Launches side by side: each has its block of the live view, and each plain line says whose it is.
func TestViewsTellLaunchesApart(t *testing.T) {
	cell := func(name string) *plan.Item {
		return &plan.Item{Cell: &cell.Cell{Address: strings.Repeat("0", 64), Launches: 1, Axes: []*cell.Axis{{Name: "platform", Label: name}}}}
	}
	a, b := cell("vllm_serve"), cell("ollama")
	list := []events.Event{
		{Kind: events.LaunchStart, Step: 1, Steps: 9, Item: a}, {Kind: events.LaunchStart, Step: 2, Steps: 9, Item: b},
		{Kind: events.LaunchPhase, Step: 2, Steps: 9, Item: b, Phase: "drain", Took: time.Second},
		{Kind: events.CellStart, Step: 1, Steps: 9, Item: a},
		{Kind: events.CellProgress, Step: 1, Steps: 9, Item: a, At: time.Unix(100, 0), Progress: events.Progress{Planned: 100, Done: 40, Failed: 3, OutputTokens: 10, TokensPerSecond: 123,
			CellETA: new(time.Minute), PlanETA: new(3 * time.Hour), PlanLow: new(2 * time.Hour), PlanHigh: new(4 * time.Hour)}},
	}
	model, plain := liveModel{beside: true, width: 80}, strings.Builder{}
	v := &plainView{out: &plain, width: func() int { return 80 }, beside: true}
	for _, e := range list {
		model = model.with(e)
		v.observe(e)
	}
	// the whole apply is told once, below them, and a narrow terminal cuts none of it off
	for _, want := range []string{"[1/9] vllm_serve", "40/100 · 3 failed · 123 tok/s", "cell 1m00s left\n", "[2/9] ollama", "drain 1.00 s", "\n  plan 3h00m left (2h00m to 4h00m) · ends about "} {
		if !strings.Contains(ansi.Strip(model.View()), want) {
			t.Errorf("no %q in\n%s", want, model.View())
		}
	}
	for line := range strings.Lines(model.View()) {
		if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > 80 {
			t.Errorf("%d columns: %q", w, line)
		}
	}
	for _, want := range []string{"[2/9] drain        1.00 s", "[1/9] 40/100"} {
		if !strings.Contains(plain.String(), want) {
			t.Errorf("no %q in\n%s", want, plain.String())
		}
	}
	model = model.with(events.Event{Kind: events.LaunchStop, Step: 1, Steps: 9, Item: a})
	if view := model.View(); strings.Contains(view, "vllm_serve") || !strings.Contains(view, "ollama") {
		t.Errorf("after the first has ended:\n%s", view)
	}
}

// loading are the events of a load that has come to its third part.
func loading() (list []events.Event, at time.Time) {
	began := time.Unix(1000, 0)
	item := &plan.Item{Cell: &cell.Cell{Address: strings.Repeat("0", 64), Launches: 1, Axes: []*cell.Axis{{Name: "platform", Label: "vllm_serve"}}}}
	add := func(after time.Duration, e events.Event) {
		e.At, e.Step, e.Steps, e.Item = began.Add(after), 1, 9, item
		list = append(list, e)
	}
	add(0, events.Event{Kind: events.LaunchStart})
	add(0, events.Event{Kind: events.LaunchPhase, Phase: "drain", Limit: time.Minute})
	add(2*time.Second, events.Event{Kind: events.LaunchPhase, Phase: "drain", Took: 2 * time.Second})
	add(2*time.Second, events.Event{Kind: events.LaunchPhase, Phase: "load", Limit: 30 * time.Minute})
	for i, part := range []string{"import", "workers", "weights"} {
		d := time.Duration(i) * 20 * time.Second
		add(2*time.Second+d, events.Event{Kind: events.LaunchPhase, Phase: "load", Part: part})
		add(22*time.Second+d, events.Event{Kind: events.LaunchPhase, Phase: part, Took: 20 * time.Second})
	}
	add(62*time.Second, events.Event{Kind: events.LaunchPhase, Phase: "load", Part: "compile"})
	line := "Compiling a graph for compile range (1, 8192), which is said at a length that no terminal of eighty columns has room for"
	add(92*time.Second, events.Event{Kind: events.LaunchProgress, Phase: "load", Part: "compile", Elapsed: 90 * time.Second, Limit: 30 * time.Minute, Message: line})
	return list, began.Add(92 * time.Second)
}

// What runs now stays in sight whatever the width; of what has ended the edge cuts the oldest.
func TestThePresentPhaseStaysVisible(t *testing.T) {
	list, at := loading()
	for _, s := range []Style{{}, {ASCII: true}} {
		for _, width := range []int{40, 80, 200} {
			m := liveModel{style: s, width: width, clock: at}
			for _, e := range list {
				m = m.with(e)
			}
			view := ansi.Strip(m.View())
			want := []string{"load 1m30s of 30m00s" + s.Dot() + "compile", "| Compiling a graph"}
			if width >= 80 {
				want = append(want, "compile 30s"+s.Dot()+"weights 20.0 s")
			}
			if width >= 200 {
				want = append(want, "import 20.0 s"+s.Dot()+"drain 2.00 s", "has room for")
			}
			for _, text := range want {
				if !strings.Contains(view, text) {
					t.Errorf("at %d columns no %q in\n%s", width, text, view)
				}
			}
			for line := range strings.Lines(view) {
				if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > width {
					t.Errorf("%d columns in %d: %q", w, width, line)
				}
			}
		}
	}
}

// A log is told of a long phase twice a minute, no more.
func TestALongLoadInALog(t *testing.T) {
	list, _ := loading()
	progress := list[len(list)-1]
	list = list[:len(list)-1]
	for s := 1; s <= 95; s++ {
		e := progress
		e.At, e.Elapsed = time.Unix(1002, 0).Add(time.Duration(s)*time.Second), time.Duration(s)*time.Second
		list = append(list, e)
	}
	var out strings.Builder
	v := &plainView{out: &out, width: func() int { return 0 }}
	for _, e := range list {
		v.observe(e)
	}
	if n := strings.Count(out.String(), " of 30m00s"); n != 3 || !strings.Contains(out.String(), "load 1m00s of 30m00s · now compile\n    | Compiling a graph") {
		t.Errorf("%d lines in\n%s", n, out.String())
	}
}

func TestStatus(t *testing.T) {
	now := time.Now()
	board := &apply.Board{PID: 7, At: now, Experiment: "e", Launches: []launch.Running{
		{Attempt: "A", Cell: strings.Repeat("a", 16), Name: "vllm_serve/m/10", Step: 2, Steps: 9, Launch: 1, Phase: "load", PhaseBegan: now.Add(-90 * time.Second),
			Limit: 30 * time.Minute, Part: "compile", PartBegan: now.Add(-30 * time.Second), LogLine: "Compiling a graph"},
		{Attempt: "B", Cell: strings.Repeat("b", 16), Name: "ollama/m/10", Step: 3, Steps: 9, Launch: 1, Phase: "measure", PhaseBegan: now,
			Progress: &events.Progress{Planned: 100, Done: 40, InFlight: 8}},
	}}
	var out strings.Builder
	p := NewPrinter(&out, &out)
	p.Results = "results"
	Status(p, `"matrix apply e" of root (pid 7 on here)`, board, nil)
	for _, want := range []string{"[2/9] vllm_serve/m/10 · aaaaaaaa", "load 1m30s of 30m00s · compile 30s", "| Compiling a graph", "[3/9] ollama/m/10", "measure · 40/100 · 8 in flight"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "no sign of life") || strings.Contains(out.String(), "Left by") {
		t.Errorf("of an apply that is well:\n%s", out.String())
	}
	out.Reset()
	board.At = now.Add(-2 * time.Minute)
	if Status(p, "somebody", board, nil); !strings.Contains(out.String(), "no sign of life for 2m") {
		t.Errorf("of one that was stopped:\n%s", out.String())
	}
}

// What is simulated is called so though the newest attempt does not tell yet, and the folder is the cell's, not the one that it is written in.
func TestShownCell(t *testing.T) {
	done, begun := summary.Standing{}, summary.Standing{}
	done.Experiment, done.Slug, done.Name, done.Simulated, done.Status = "e", "a-m-5", "a/m/5", true, record.Complete
	begun.Experiment, begun.Slug, begun.Name, begun.Status, begun.Dir = "e", "a-m-5", "a/m/5", record.Interrupted, "results/.matrix/work/01M"
	var out strings.Builder
	p := NewPrinter(&out, &out)
	p.Results = "results"
	Cell(p, []summary.Standing{done, begun})
	for _, want := range []string{"\n  results/e/a-m-5\n", SimulatedBanner} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
