package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"matrix/results/record"
	"matrix/results/summary/summarytest"
)

var update = flag.Bool("update", false, "write the goldens of testdata/screens")

// screens are commands whose words do not change from run to run, on the files of a screen's folder.
var screens = map[string][]string{
	"plan":    {"plan", "grid.hcl"},
	"explain": {"explain", "quick/m/1000", "grid.hcl"},
	"compare": {"compare", "platform=a", "platform=b"},
	"report":  {"report", "e"},
	"status":  {"status"},
	"mistake": {"validate", "mistake.hcl"},
}

// TestScreens holds what a person sees against the goldens of testdata/screens: at 80 and at 200 columns, in colour and in plain
// ASCII. Nothing is wider than its terminal, and a screen without colour has none of it.
func TestScreens(t *testing.T) {
	dir := t.TempDir()
	planted(t, dir)
	for name, args := range screens {
		for _, columns := range []int{80, 200} {
			for look, env := range map[string][]string{"colour": nil, "plain": {"NO_COLOR=1"}} {
				screen := fmt.Sprintf("%s-%d-%s", name, columns, look)
				t.Run(screen, func(t *testing.T) {
					x := atTerminalOf(t, uint16(columns), dir, env, args...)
					x.end(time.Minute)
					text := slow.Replace(x.text())
					for line := range strings.Lines(text) {
						if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > columns {
							t.Errorf("%d columns: %q", w, line)
						}
					}
					if look == "plain" && strings.IndexFunc(text, func(r rune) bool { return r > 126 || r == 27 }) >= 0 {
						t.Errorf("not plain ASCII:\n%q", text)
					}
					if name == "explain" {
						return // its values are this machine's
					}
					golden(t, filepath.Join("testdata", "screens", screen+".txt"), text)
				})
			}
		}
	}
}

// slow takes out what is said on a machine that takes its time, and what a terminal adds to the end of a line.
var slow = strings.NewReplacer("\r\n", "\n", "planning…\r\n", "", "planning...\r\n", "")

func golden(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != text {
		t.Errorf("%s differs (%v; -update writes it):\n%s", path, err, text)
	}
}

// planted makes the folder that the screens are of: files that plan nothing twice alike, and results of two platforms.
func planted(t *testing.T, dir string) {
	t.Helper()
	type launch = summarytest.Launch
	summarytest.Plant(t, filepath.Join(dir, "results"),
		summarytest.Cell{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 1.1}, {Scale: 1.05}}},
		summarytest.Cell{Platform: "a", Size: 400, Launches: []launch{{}, {Scale: 1.02}}},
		summarytest.Cell{Platform: "b", Size: 40, Launches: []launch{{Scale: 1.7}, {Scale: 1.6}, {Scale: 1.8}}},
		summarytest.Cell{Platform: "b", Size: 400, Launches: []launch{{Scale: 1.5}}})
	if err := writePrompts(filepath.Join(dir, "prompts.jsonl"), 1000); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"grid.hcl": gridFile, "mistake.hcl": strings.Replace(gridFile, "batch_size = [", "batchsize = [", 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const gridFile = `dataset "d" {
  path   = "prompts.jsonl"
  repeat = true
}
model "m" {
  openai = { model = "m" }
}
platform "quick" {
  backend = "simulator"
  options = { api = "vllm_serve", slots = 8 }
}
platform "slow" {
  backend = "simulator"
  options = { api = "ollama", slots = 2 }
}
experiment "grid" {
  dataset = dataset.d
  matrix {
    platform   = [platform.quick, platform.slow]
    model      = [model.m]
    batch_size = [10, 100, 1000, 50000]
  }
  exclude {
    when   = cell.batch_size > 10000 && cell.platform.id == "slow"
    reason = "it would take days: nobody would ask so many of it"
  }
  constraint "words" {
    condition = cell.batch_size < 100000
    message   = "too many"
  }
}
`

// TestNarrowReportSaysWhoIsOut: a terminal that has no room for the column of the requirements marks who does not meet them, says why, and
// counts what it leaves out, on one screen.
func TestNarrowReportSaysWhoIsOut(t *testing.T) {
	dir := t.TempDir()
	fails := func(i int, r *record.RequestRow) {
		if i%10 == 0 {
			r.Status = record.StatusFailed
		}
	}
	var cells []summarytest.Cell
	for i := range 9 {
		c := summarytest.Cell{Platform: fmt.Sprint("platform_", i), Size: 40, Launches: []summarytest.Launch{{Scale: 2 + float64(i)}}}
		if i == 8 { // the fastest
			c.Launches[0] = summarytest.Launch{Row: fails}
		}
		cells = append(cells, c)
	}
	summarytest.Plant(t, filepath.Join(dir, "results"), cells...)
	x := atTerminalOf(t, 80, dir, nil, "report", "e")
	x.end(time.Minute)
	text := ansi.Strip(x.text())
	for _, want := range []string{"platform_8 ✗  ", "Out: platform_8 answered 36 of 40 requests", " more: --full"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q on the screen:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n > 40 {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

// TestWarningFits: a warning is broken at words, not where the terminal ends.
func TestWarningFits(t *testing.T) {
	dir := t.TempDir()
	planted(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "results", "e", "*", "*", "requests.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file to leave out: %v", err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	x := atTerminalOf(t, 40, dir, nil, "report", "e")
	x.end(time.Minute)
	_, warning, found := strings.Cut(ansi.Strip(x.text()), "Warning:")
	if !found {
		t.Fatalf("no warning on the screen: %q", x.tail())
	}
	for line := range strings.Lines("Warning:" + strings.ReplaceAll(warning, "\r\n", "\n")) {
		if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > 40 {
			t.Errorf("%d columns: %q", w, line)
		}
	}
}

// TestErrorFits: an error and its hint are broken between words, a path in them never; where standard error is a pipe they are not broken at all.
func TestErrorFits(t *testing.T) {
	dir := t.TempDir()
	args := []string{"export", "--results", filepath.Join(dir, "no-such-folder"), "--out", "x.csv"}
	x := atTerminalOf(t, 50, dir, nil, args...)
	x.end(time.Minute)
	text := strings.ReplaceAll(ansi.Strip(x.text()), "\r\n", "\n")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "Error: ") || !strings.Contains(text, args[2]) {
		t.Errorf("on the screen:\n%s", text)
	}
	for i, line := range lines {
		if ansi.StringWidth(line) > 50 && !strings.Contains(line, args[2]) || i > 0 && !strings.HasPrefix(line, "  ") {
			t.Errorf("%q", line)
		}
	}
	cmd := exec.Command(matrixProgram(t), args...)
	cmd.Dir = dir
	var piped strings.Builder
	cmd.Stderr = &piped
	if err := cmd.Run(); err == nil || strings.Join(strings.Fields(piped.String()), " ") != strings.Join(strings.Fields(text), " ") || strings.Count(piped.String(), "\n") > 2 {
		t.Errorf("%v, in a pipe:\n%s\nat the terminal:\n%s", err, piped.String(), text)
	}
}
