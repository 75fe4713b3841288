package main

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"matrix/experiments"
	"matrix/results"
	"matrix/results/summary"
	"matrix/runner"
)

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{1: "100%", 0.99998: "99.998%", 0.57: "57%", 0.5: "50%", 0: "0%", 2.0 / 3: "66.7%"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) = %s, want %s", share, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	long := "      needs 24.4 GiB (weights 22.7, KV 0.9, overhead 0.8) > 15.57 GiB  gemma3.hcl:9"
	for _, width := range []int{40, 60, 80} {
		folded := fold(long, width)
		for line := range strings.Lines(folded) {
			if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > width {
				t.Errorf("%d columns in %d: %q", w, width, line)
			}
		}
		if strings.Join(strings.Fields(folded), " ") != strings.Join(strings.Fields(long), " ") {
			t.Errorf("folding to %d lost words: %q", width, folded)
		}
	}
	if got := fold(long, 0); got != long {
		t.Errorf("a pipe's line was folded: %q", got)
	}
	log := fold("    | "+strings.Repeat("word ", 20), 40)
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "    | ") {
			t.Errorf("a folded log line lost its margin: %q", line)
		}
	}
}

// measuredCell is a row of the result table.
func measuredCell(platform string, batch string, status string, launch int) measured {
	c := &experiments.Cell{Launches: 1, Load: &experiments.LoadShape{Mode: "batch"},
		Axes: []*experiments.Axis{{Name: "platform", Label: platform}, {Name: "model", Label: "gemma3_270m"}, {Name: "batch_size", Label: batch}}}
	a := &summary.Attempt{}
	a.Status, a.Launch = status, launch
	a.Summary = map[string]float64{"load_s": 123.4, "batch_s": 1234.5, "output_throughput": 12345.6, "request_throughput": 123.45,
		"success_rate": 1, "ttft_p50_s": 1.234, "tpot_p50_s": 0.0123, "cpu_cores_mean": 1.88}
	m := measured{cell: c, of: &summary.Cell{Attempts: []*summary.Attempt{a}}}
	if status == results.Complete {
		m.of.Launches = m.of.Attempts
	}
	return m
}

func TestResultsFitTheTerminal(t *testing.T) {
	rows := []measured{measuredCell("vllm_offline", "50000", results.Complete, 1), measuredCell("ollama", "10", results.Complete, 1)}
	for _, width := range []int{80, 100, 200} {
		var out strings.Builder
		writeResults(&out, style{}, width, rows)
		for line := range strings.Lines(out.String()) {
			if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > width {
				t.Errorf("%d columns in %d: %q", w, width, line)
			}
		}
		for _, column := range []string{"load s", "out tok/s", "success", "100%"} {
			if !strings.Contains(out.String(), column) {
				t.Errorf("at %d columns there is no %s:\n%s", width, column, out.String())
			}
		}
	}
	var out strings.Builder
	writeResults(&out, style{}, 0, append(rows, measuredCell("vllm_serve", "10", results.EngineFailed, 1)))
	for _, text := range []string{"1.234*", "do not rank it", "0/1 engine failed"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("no %q in\n%s", text, out.String())
		}
	}
	if got := fixed(rows); got != "model gemma3_270m" {
		t.Errorf("in common: %q", got)
	}
}

func TestProgressSaysNoFigureItLacks(t *testing.T) {
	zero, minute := time.Duration(0), time.Minute
	e := runner.Event{Step: 1, Steps: 2, Progress: runner.Progress{Planned: 10, InFlight: 4}}
	if got := progressText(e, style{}); strings.Contains(got, "tok/s") || strings.Contains(got, "left") {
		t.Errorf("before the first answer: %s", got)
	}
	e.Progress = runner.Progress{Planned: 10, Done: 4, OutputTokens: 100, TokensPerSecond: 50, CellETA: &minute, PlanETA: &minute}
	for _, want := range []string{"4/10", "50 tok/s", "cell 1m00s left", "plan 1m00s left"} {
		if got := progressText(e, style{}); !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	e.Progress.Done, e.Progress.CellETA = 10, &zero
	if got := progressText(e, style{}); strings.Contains(got, "cell") {
		t.Errorf("at the end: %s", got)
	}
}

// Launches side by side: each has its block of the live view, and each plain line says whose it is.
func TestViewsTellLaunchesApart(t *testing.T) {
	cell := func(name string) *runner.Item {
		return &runner.Item{Cell: &experiments.Cell{Address: strings.Repeat("0", 64), Launches: 1, Axes: []*experiments.Axis{{Name: "platform", Label: name}}}}
	}
	a, b := cell("vllm_serve"), cell("ollama")
	list := []runner.Event{
		{Kind: runner.LaunchStart, Step: 1, Steps: 9, Item: a}, {Kind: runner.LaunchStart, Step: 2, Steps: 9, Item: b},
		{Kind: runner.LaunchPhase, Step: 2, Steps: 9, Item: b, Phase: "drain", Took: time.Second},
		{Kind: runner.CellStart, Step: 1, Steps: 9, Item: a},
		{Kind: runner.CellProgress, Step: 1, Steps: 9, Item: a, At: time.Unix(100, 0), Progress: runner.Progress{Planned: 100, Done: 40, OutputTokens: 10, TokensPerSecond: 123}},
	}
	model, plain := liveModel{beside: true, width: 80}, strings.Builder{}
	v := &plainView{out: &plain, width: func() int { return 80 }, beside: true}
	for _, e := range list {
		model = model.event1(e)
		v.observe(e)
	}
	for _, want := range []string{"[1/9] vllm_serve", "40/100", "123 tok/s", "[2/9] ollama", "drain 1.00 s"} {
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
	model = model.event1(runner.Event{Kind: runner.LaunchStop, Step: 1, Steps: 9, Item: a})
	if view := model.View(); strings.Contains(view, "vllm_serve") || !strings.Contains(view, "ollama") {
		t.Errorf("after the first has ended:\n%s", view)
	}
}
