package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

// binary is a matrix built for these tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "matrix-crashtest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "matrix")
	out, err := exec.Command("go", "build", "-o", path, "matrix/cmd/matrix").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build matrix: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// kills is how many kills MATRIX_CRASH asks for; otherwise a few, so that the test itself stays alive.
func kills(t *testing.T) int {
	t.Helper()
	asked := os.Getenv("MATRIX_CRASH")
	switch {
	case asked != "":
	case testing.Short():
		return 2
	default:
		return 6
	}
	n, err := strconv.Atoi(asked)
	if err != nil {
		t.Fatalf("MATRIX_CRASH=%s: %v", asked, err)
	}
	return n
}

// long skips a test of several seconds under -short, which -race uses: the applies are not built with it.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds")
	}
}

// tree is an experiment and its results, in a folder of its own.
type tree struct {
	t   *testing.T
	dir string
	bin string
}

// plant writes an experiment of the simulator; settings is HCL inside the experiment block.
func plant(t *testing.T, dir, options, settings string) tree {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var prompts strings.Builder
	for i := range 40 {
		fmt.Fprintf(&prompts, "{\"prompt\": \"Judge candidate %d\"}\n", i)
	}
	hcl := `
dataset "d" {
  path   = "prompts.jsonl"
  repeat = true
}
model "m" {
  openai = { model = "m" }
}
platform "sim" {
  backend = "simulator"
  options = { ` + options + ` }
}
experiment "kill" {
  dataset  = dataset.d
  platform = platform.sim
  model    = model.m
  capture {
    outputs = "all"
  }
  generate {
    max_tokens = 4
    min_tokens = 0
  }
  warmup {
    requests = 1
  }
` + settings + "}\n"
	for name, content := range map[string]string{"prompts.jsonl": prompts.String(), "kill.hcl": hcl} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return tree{t, dir, bin}
}

// command is one run of matrix in the tree's folder.
func (r tree) command(args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(r.t.Context(), args[0], args[1:]...)
	out := &bytes.Buffer{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, out, out
	cmd.WaitDelay = 10 * time.Second // what holds the output after the end is a process that outlived it
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "HOME="+r.dir, "XDG_CACHE_HOME="+filepath.Join(r.dir, "cache"))
	return cmd, out
}

// apply runs to the end, or is killed after d (0: never); killed tells.
func (r tree) apply(d time.Duration, args ...string) (killed bool, code int, out string) {
	r.t.Helper()
	cmd, text := r.command(append([]string{r.bin, "apply", "--auto-approve", "kill.hcl"}, args...)...)
	if err := cmd.Start(); err != nil {
		r.t.Error(err)
		return false, -1, ""
	}
	if d > 0 {
		defer time.AfterFunc(d, func() { _ = cmd.Process.Kill() }).Stop()
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Errorf("apply: %v\n%s", err, text)
	}
	return cmd.ProcessState.ExitCode() == -1, cmd.ProcessState.ExitCode(), text.String()
}

func (r tree) store() *store.Store {
	r.t.Helper()
	store, err := store.Open(filepath.Join(r.dir, "results"))
	if err != nil {
		r.t.Fatal(err)
	}
	return store
}

func (r tree) history() []store.Past {
	r.t.Helper()
	past, err := r.store().History(context.Background(), "")
	if err != nil {
		r.t.Fatal(err)
	}
	return past
}

// nothingLeft waits five seconds for the last process of an attempt of this tree to end.
func (r tree) nothingLeft() {
	r.t.Helper()
	var alive []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if alive = r.running(); len(alive) == 0 {
			return
		}
	}
	r.t.Errorf("still running after 5 s: %v", alive)
}

func (r tree) running() (alive []string) {
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, file := range found {
		env, err := os.ReadFile(file)
		if err == nil && bytes.Contains(env, []byte("MATRIX_ATTEMPT=")) && bytes.Contains(env, []byte(r.dir)) {
			alive = append(alive, filepath.Dir(file))
		}
	}
	return alive
}

// verified runs `matrix verify`, as a user would.
func (r tree) verified() {
	r.t.Helper()
	cmd, out := r.command(r.bin, "verify")
	if err := cmd.Run(); err != nil {
		r.t.Errorf("verify: %v\n%s", err, out)
	}
}

// eachOnce: of every complete attempt each request has one row and one output; of the others none has two.
func (r tree) eachOnce(p store.Past) (warmups map[int32]int) {
	r.t.Helper()
	rows, outputs, warmups := make([]int, p.Planned), make([]int, p.Planned), map[int32]int{}
	err := table.ReadRequests(p.Dir, func(row record.RequestRow) error {
		if row.Phase != "measure" {
			warmups[row.Segment]++
			return nil
		}
		rows[row.Seq]++
		return nil
	})
	err = errors.Join(err, table.ReadOutputs(p.Dir, func(o record.OutputRow) error { outputs[o.Seq]++; return nil }))
	if err != nil {
		r.t.Errorf("attempt %s: %v", p.Attempt, err)
	}
	for seq := range rows {
		if rows[seq] > 1 || outputs[seq] > rows[seq] || p.Status == record.Complete && (rows[seq] != 1 || outputs[seq] != 1) {
			r.t.Errorf("%s attempt %s: request %d has %d rows and %d outputs", p.Status, p.Attempt, seq, rows[seq], outputs[seq])
			return warmups
		}
	}
	return warmups
}
