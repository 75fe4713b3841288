package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"matrix/cmd/matrix/cli/app"
	"matrix/results/summary/summarytest"

	"golang.org/x/sys/unix"
)

// terminal is matrix at a terminal that shows what it is sent and answers nothing.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	host *os.File

	mu     sync.Mutex
	screen bytes.Buffer
	first  time.Duration // until the first byte
	shown  chan struct{} // closed when there will be no more
	ended  chan error
}

// atTerminal starts a command at a new terminal of 100 columns, in dir.
func atTerminal(t *testing.T, dir string, env []string, args ...string) *terminal {
	t.Helper()
	return atTerminalOf(t, 100, dir, env, args...)
}

func atTerminalOf(t *testing.T, columns uint16, dir string, env []string, args ...string) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	host := os.NewFile(uintptr(fd), "terminal") // not blocking, so that Close ends a read
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: columns})); err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	x := &terminal{t: t, host: host, shown: make(chan struct{}), ended: make(chan error, 1)}
	x.cmd = exec.Command(matrixProgram(t), args...)
	x.cmd.Dir, x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = dir, tty, tty, tty
	x.cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8", "COLORTERM=truecolor", "GORACE=" + os.Getenv("GORACE")}, env...)
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	hangups := make(chan os.Signal, 1) // under nohup they are ignored, which a child of somebody that listens does not inherit
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	began := time.Now()
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.cmd.Process.Kill(); _ = host.Close() })
	go func() {
		defer close(x.shown)
		block := make([]byte, 4096)
		for {
			n, err := host.Read(block)
			x.mu.Lock()
			if n > 0 && x.screen.Len() == 0 {
				x.first = time.Since(began)
			}
			x.screen.Write(block[:n])
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() { x.ended <- x.cmd.Wait() }()
	return x
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

// tail is enough of the screen to see what was wrong.
func (x *terminal) tail() string { text := x.text(); return text[max(0, len(text)-500):] }

// sees waits for words on the screen, a regular expression.
func (x *terminal) sees(words string) {
	x.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !regexp.MustCompile(words).MatchString(x.text()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("%q did not come; the screen: %q", words, x.tail())
		}
	}
}

// end waits for the command to end and returns its exit code.
func (x *terminal) end(within time.Duration) int {
	x.t.Helper()
	select {
	case <-x.ended:
		select {
		case <-x.shown:
		case <-time.After(within):
		}
		return x.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		x.t.Fatalf("it still runs after %s; the screen: %q", within, x.tail())
		return 0
	}
}

// The promise is a second; a loaded machine is given some more.
const prompt = 3 * time.Second

// deaf are commands that read or compute without an end, none of them in a launch, and what they show before.
func deaf(t *testing.T, dir string) map[string][]string {
	t.Helper()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(writePrompts(filepath.Join(dir, "prompts.jsonl"), 20),
		syscall.Mkfifo(filepath.Join(dir, "fifo.jsonl"), 0o644)); err != nil {
		t.Fatal(err)
	}
	write("slow.hcl", simulated("prompts.jsonl"))
	write("empty.db", "")
	return map[string][]string{
		"a query without an end":   {"import", "--format", "sqlite", "--platform", "p", "--model", "m", "--map", "output_tokens=n", "--query", "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT n FROM c WHERE n < 0", "empty.db"},
		"an expression of minutes": {"console", "-e", "length([for s in [join(\"\", range(90000))] : [for a in range(90000) : sha512(s)]])"},
	}
}

func simulated(prompts string) string {
	return `dataset "d" {
  path   = "` + prompts + `"
  repeat = true
}
model "m" {
  openai = { model = "m" }
}
platform "sim" {
  backend = "simulator"
  options = { api = "ollama", load_s = 0.1, slots = 2, decode_tokens_per_s = 100 }
}
experiment "slow" {
  dataset    = dataset.d
  platform   = platform.sim
  model      = model.m
  batch_size = 120
  generate {
    max_tokens = 16
  }
}
`
}

// Outside a launch the first ^C ends the program, whatever it is deaf in.
func TestFirstInterruptEnds(t *testing.T) {
	dir := t.TempDir()
	for name, args := range deaf(t, dir) {
		t.Run(name, func(t *testing.T) {
			x := atTerminal(t, dir, nil, args...)
			time.Sleep(700 * time.Millisecond) // into what it is deaf in
			began := time.Now()
			if _, err := x.host.Write([]byte{3}); err != nil {
				t.Fatal(err)
			}
			if code := x.end(prompt); code != app.CodeInterrupted || !strings.Contains(x.text(), "nterrupted") {
				t.Errorf("exit code %d after %s, the screen %q", code, time.Since(began), x.tail())
			}
		})
	}
}

// A FIFO that nobody writes to is refused, not waited for.
func TestPipeIsRefused(t *testing.T) {
	dir := t.TempDir()
	deaf(t, dir)
	x := atTerminal(t, dir, nil, "import", "--format", "jsonl", "--platform", "p", "--model", "m", "--map", "output_tokens=n", "fifo.jsonl")
	if code := x.end(prompt); code != app.CodeError || !strings.Contains(x.text(), "not a regular file but a pipe") {
		t.Errorf("exit code %d, the screen %q", code, x.tail())
	}
}

// At the question that an apply asks, ^C, SIGTERM and a terminal that goes away are an answer.
func TestInterruptAtTheQuestion(t *testing.T) {
	dir := t.TempDir()
	deaf(t, dir)
	for name, press := range map[string]func(x *terminal) error{
		"^C":          func(x *terminal) error { _, err := x.host.Write([]byte{3}); return err },
		"SIGTERM":     func(x *terminal) error { return x.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGHUP":      func(x *terminal) error { return x.cmd.Process.Signal(syscall.SIGHUP) },
		"gone":        func(x *terminal) error { return x.host.Close() },
		"end of file": func(x *terminal) error { _, err := x.host.Write([]byte{4}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			x := atTerminal(t, dir, nil, "apply", "slow.hcl")
			x.sees(`Only "yes"`)
			if err := press(x); err != nil {
				t.Fatal(err)
			}
			want := app.CodeInterrupted
			if name == "end of file" {
				want = app.CodeDeclined
			}
			code := x.end(prompt)
			if name == "gone" && code == app.CodeDeclined {
				code = want // the end of its input came before the hangup
			}
			if code != want {
				t.Errorf("exit code %d, want %d; the screen %q", code, want, x.tail())
			}
			if past, _ := filepath.Glob(filepath.Join(dir, "results", "slow", "*", "*", "manifest.json")); len(past) > 0 {
				t.Errorf("something was measured: %v", past)
			}
		})
	}
}

// A hangup in a launch is one ^C, however often it is told: rows are kept and the next apply goes on.
func TestHangupInALaunch(t *testing.T) {
	dir := t.TempDir()
	deaf(t, dir)
	x := atTerminal(t, dir, nil, "apply", "--auto-approve", "slow.hcl")
	x.sees(` [1-9]\d?/120 `)
	for range 3 {
		if err := x.cmd.Process.Signal(syscall.SIGHUP); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if code := x.end(20 * time.Second); code != app.CodeInterrupted {
		t.Errorf("exit code %d; the screen %q", code, x.tail())
	}
	if left, err := os.ReadDir(filepath.Join(dir, "results", ".matrix", "work")); err != nil || len(left) == 0 {
		t.Errorf("no attempt waits to be gone on with: %v, %v", left, err)
	}
}

// Every command speaks at once on a terminal that answers no question, in colour or without, and asks it none.
func TestFirstWordAtOnce(t *testing.T) {
	dir := t.TempDir()
	deaf(t, dir)
	for _, env := range [][]string{nil, {"NO_COLOR=1"}, {"TERM=dumb"}, {"TERM=screen-256color"}} {
		for _, args := range [][]string{{"version"}, {"--help"}, {"validate", "slow.hcl"}, {"status"}, {"plan", "slow.hcl"}} {
			x := atTerminal(t, dir, env, args...)
			x.end(30 * time.Second)
			// The promise is 0.2 s; the fault was 5 s, and this machine may be loaded.
			if x.first > 2*time.Second || strings.Contains(x.text(), "\x1b]11") || strings.Contains(x.text(), "\x1b[6n") {
				t.Errorf("%v matrix %v: first word after %s, the screen %q", env, args, x.first, x.tail())
			}
			if len(env) > 0 && env[0] == "TERM=dumb" && strings.Contains(x.text(), "\x1b") {
				t.Errorf("matrix %v: a terminal that knows no colour shows %q", args, x.text())
			}
		}
	}
}

// A folder that is formatted may hold a pipe with an experiment's name.
func TestFormatWaitsForNoPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "x.hcl"), 0o600); err != nil {
		t.Fatal(err)
	}
	x := atTerminal(t, dir, nil, "fmt", ".")
	if code := x.end(prompt); code != app.CodeError {
		t.Errorf("exit code %d, the screen %q", code, x.tail())
	}
}

// TestComparisonIsCountedInPlace: the answers of many prompts are counted on one line, which is gone when the report is there.
func TestComparisonIsCountedInPlace(t *testing.T) {
	dir := t.TempDir()
	summarytest.Plant(t, filepath.Join(dir, "results"),
		summarytest.Cell{Platform: "a", Size: 1200, Launches: []summarytest.Launch{{}}}, summarytest.Cell{Platform: "b", Size: 1200, Launches: []summarytest.Launch{{}}})
	x := atTerminal(t, dir, nil, "report", "e")
	x.end(time.Minute)
	const above = "\x1b[K\r\n\x1b[J\r\x1b[A" // it ends, and the next is drawn over it
	before, after, _ := strings.Cut(x.text(), above+"1,200 of 1,200 prompts compared"+above)
	if !strings.HasSuffix(before, "800 of 1,200 prompts compared"+above+"1,000 of 1,200 prompts compared") || !strings.HasPrefix(after, "\x1b[JReport on e") || strings.Contains(x.text(), "\uFFFD") {
		t.Errorf("before %q, after %q", before, after[:min(100, len(after))])
	}
}
