package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"matrix/results/report/browsertest"
)

// servedExperiment takes some thirty seconds: long enough to be watched, killed and gone on with.
const servedExperiment = `
dataset "d" {
  path = "prompts.jsonl"
}
model "m" {
  openai = { model = "m" }
}
platform "slow" {
  backend = "simulator"
  options = { api = "ollama", load_s = 1, slots = 4, decode_tokens_per_s = 20 }
}
platform "fast" {
  backend = "simulator"
  options = { api = "ollama", load_s = 0.5, slots = 8, decode_tokens_per_s = 2000 }
}
experiment "e" {
  dataset = dataset.d
  model   = model.m
  load {
    concurrency = 8
  }
  generate {
    max_tokens = 32
  }
  matrix {
    platform   = [platform.slow, platform.fast]
    batch_size = [8, 40]
  }
}
`

// program starts matrix in a folder; it is killed with its test.
func program(t *testing.T, dir string, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(matrixProgram(t), args...)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "GORACE=" + os.Getenv("GORACE")}
	out, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr = cmd.Stdout
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// serving starts matrix serve and returns its address.
func serving(t *testing.T, dir, listen string) (cmd *exec.Cmd, at string) {
	t.Helper()
	cmd, lines := program(t, dir, "serve", "--listen", listen)
	for lines.Scan() {
		if m := served.FindStringSubmatch(lines.Text()); m != nil {
			return cmd, m[1]
		}
	}
	t.Fatal("matrix serve did not begin")
	return nil, ""
}

// What it says it listens on it answers to, also where that is another address of loopback.
func TestServeAnswersWhereItListens(t *testing.T) {
	_, at := serving(t, t.TempDir(), "127.0.0.2:0")
	got, err := http.Get("http://" + at + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if !strings.HasPrefix(at, "127.0.0.2:") || got.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", at, got.Status)
	}
}

// applied starts matrix apply; what it says is told where the test fails.
func applied(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd, lines := program(t, dir, "apply", "--auto-approve", "exp.hcl")
	var said strings.Builder
	over := make(chan struct{})
	go func() {
		defer close(over)
		for lines.Scan() {
			fmt.Fprintln(&said, lines.Text())
		}
	}()
	t.Cleanup(func() { // before the process is killed
		_ = cmd.Process.Kill()
		if <-over; t.Failed() {
			t.Logf("matrix apply: %s", said.String())
		}
	})
	return cmd
}

// A browser watches an apply that begins after it, in two tabs: it sees the kill of the server and of the apply, the apply that goes
// on, its end, and then what came out, by keyboard alone.
func TestServeInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute")
	}
	b := browsertest.Start(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "exp.hcl"), []byte(servedExperiment), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writePrompts(filepath.Join(dir, "prompts.jsonl"), 40); err != nil {
		t.Fatal(err)
	}
	server, at := serving(t, dir, "127.0.0.1:0")
	tabs := []*browsertest.Page{b.Open("http://" + at + "/"), b.Open("http://localhost" + at[strings.LastIndex(at, ":"):] + "/")}
	has := func(words string) string { return fmt.Sprintf("document.body.innerText.includes(%q)", words) }
	for _, p := range tabs {
		p.Seen()
		p.Sees(has("it comes with the first apply"))
	}
	tabs[0].Faults() // the tree that is not there yet
	tabs[1].Faults()

	apply := applied(t, dir)
	for _, p := range tabs {
		p.Sees(has(") runs"))
		p.Sees("document.querySelectorAll('.marks [aria-label=running]').length === 1 && document.querySelectorAll('.marks [role=img]').length === 4")
		p.Sees("/(load|warmup|drain|measure)/.test(document.querySelector('.launch p').innerText)")
	}
	tabs[0].Sees("document.querySelector('.launch progress:not([hidden])')")
	tabs[0].Sees("/\\d+ of \\d+ requests · 0 failed · [\\d,]+ tok\\/s/.test(document.querySelector('.launch').innerText)")
	tabs[0].Sees("/all in .*, at .*/.test(document.querySelector('.launch').innerText) || document.querySelector('.launch').innerText.includes('Cell done in')")
	tabs[0].Sees("document.querySelector('.charts svg path')?.getAttribute('d')?.includes('L')")
	picture(tabs[0], "live", 1200, false)
	picture(tabs[0], "live-phone", 390, true)
	tabs[0].Sees(has("● running"))
	accessible(t, tabs[0], "live")

	// One that hangs ends no stream: the page must not look as if it were live.
	tabs[0].Eval("quiet = 1000", nil)
	if err := server.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	tabs[0].Sees(has("Not live: nothing came from matrix serve since"))
	tabs[0].Eval("quiet = 60000", nil)
	if err := server.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	tabs[0].Sees(has("Connected again.") + " && !" + has("Not live") + " && " + has(") runs"))
	tabs[0].Faults() // connections that were given up

	if err := server.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	tabs[0].Sees(has("connection to matrix serve is lost"))
	serving(t, dir, at)
	for _, p := range tabs {
		p.Sees(has("Connected again."))
		p.Faults() // the connection that was lost
		p.Sees(has(") runs"))
	}
	if err := apply.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = apply.Wait()
	for _, p := range tabs {
		p.Sees(has("was killed: its process is gone"))
	}
	picture(tabs[1], "killed", 1200, true)

	if err := applied(t, dir).Wait(); err != nil {
		t.Fatalf("the apply that goes on: %v", err)
	}
	for _, p := range tabs {
		p.Sees("!document.querySelector('#said').innerText.includes('killed')")
		p.Sees(has("The last apply. Over: ") + " && " + has("complete") + " && document.querySelectorAll('#cells tbody tr').length === 4")
		if faults := p.Faults(); len(faults) > 0 {
			t.Errorf("faults of the page: %s", faults)
		}
	}
	byKeyboard(t, tabs[0])
	reported(t, b, tabs[0], at)
	for _, p := range tabs {
		for _, url := range p.Asked() {
			if host := strings.TrimPrefix(url, "http://"); !strings.HasPrefix(host, "127.0.0.1:") && !strings.HasPrefix(host, "localhost:") && !strings.HasPrefix(url, "data:") {
				t.Errorf("the page asks %s", url)
			}
		}
	}
}

// byKeyboard goes from a cell to an answer and the one beside it with Tab and Enter.
func byKeyboard(t *testing.T, p *browsertest.Page) {
	t.Helper()
	focus := p.Tab
	focus("#cells tbody tr:nth-child(2) button")
	p.Press("Enter")
	p.Sees("!document.querySelector('#attempts-part').hidden && document.activeElement.id === 'attempts-title'")
	focus("#attempts tbody button")
	p.Press("Enter")
	p.Sees("document.querySelectorAll('#requests tbody tr').length > 0 && document.activeElement.id === 'requests-title'")
	focus("#requests thead button[data-key=e2e_s]")
	p.Press("Enter")
	p.Sees("document.querySelector('#requests th[aria-sort=ascending]')?.innerText.startsWith('e2e') && document.activeElement.dataset.key === 'e2e_s'")
	focus("#requests tbody tr:nth-child(3) button")
	p.Press("Enter")
	p.Sees("document.querySelectorAll('.two pre').length === 2 && document.activeElement.id === 'answer-title'")
	var cells []string
	p.Eval("[...document.querySelectorAll('.two h3')].map(e => e.innerText.split('/')[0])", &cells)
	if len(cells) != 2 || cells[0] == cells[1] {
		t.Errorf("beside an answer stands one of the same platform: %q", cells)
	}
	picture(p, "answer", 1200, false)
	picture(p, "answer-phone", 390, true)
	accessible(t, p, "an answer")
	if faults := p.Faults(); len(faults) > 0 {
		t.Errorf("faults of the page: %s", faults)
	}
}

// reported opens the report, whose own script and style the policy must let run, and no other.
func reported(t *testing.T, b *browsertest.Browser, p *browsertest.Page, at string) {
	t.Helper()
	var link string
	p.Eval("document.querySelector('#reports a').href", &link)
	r := b.Open(link)
	r.Sees("document.querySelector('h1').innerText.includes('Report on e') && getComputedStyle(document.querySelector('h1')).fontFamily")
	var styled bool
	if r.Eval("document.styleSheets.length > 0 && document.styleSheets[0].cssRules.length > 0", &styled); !styled {
		t.Error("the policy refuses the report its style")
	}
	if faults := r.Faults(); len(faults) > 0 {
		t.Errorf("faults of the report: %s", faults)
	}
	if _, err := os.Stat(filepath.Join(at, "e", "report")); err == nil {
		t.Error("the report was written into the results")
	}
	picture(r, "report", 1200, false)
}

// picture is for a person to look at: in the folder MATRIX_PICTURES, where there is one. No page may be wider than the screen.
func picture(p *browsertest.Page, name string, width int, dark bool) {
	p.As(width, 900, dark)
	p.Sees(fmt.Sprintf("document.documentElement.scrollWidth <= %d", width))
	if dir := os.Getenv("MATRIX_PICTURES"); dir != "" {
		p.Picture(filepath.Join(dir, name+".png"))
	}
}

// accessible has axe-core look at the page, light and dark: no finding that is serious. Where it is not installed, but in CI, that is left.
func accessible(t *testing.T, p *browsertest.Page, what string) {
	t.Helper()
	axe, err := os.ReadFile(os.Getenv("MATRIX_AXE"))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Error("needs MATRIX_AXE, as .ci/run tools brings it")
		}
		return
	}
	p.Eval(string(axe)+";0", nil)
	for _, dark := range []bool{false, true} {
		p.As(1200, 900, dark)
		var found []string
		p.Eval(`axe.run({resultTypes: ["violations"]}).then(r => r.violations.filter(v => ["serious", "critical"].includes(v.impact)).map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" | ")))`, &found)
		for _, f := range found {
			t.Errorf("%s, dark %t: %s", what, dark, f)
		}
	}
}
