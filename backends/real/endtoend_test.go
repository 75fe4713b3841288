package real

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"matrix/backends/process"
)

// needed is what the whole path takes: the three platforms, both eras of Ollama, the model in two formats, the readers.
var needed = []string{vllmPython, vllmModel, ollamaModel, ollamaEras["0.33.0"], ollamaEras["0.11.4"], readersPython}

const readersPython = "tools/bin/python"

// program is the command line, built from this checkout, in a folder of its own with the experiments of testdata.
type program struct {
	t       *testing.T
	engines string
	binary  string
	dir     string
}

// built is the program, built once.
var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(shared, "matrix")
	out, err := exec.Command("go", "build", "-o", binary, "matrix/cmd/matrix").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

func newProgram(t *testing.T) program {
	t.Helper()
	p := program{t: t, engines: engines(t, needed...), dir: t.TempDir()}
	var err error
	if p.binary, err = built(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"platforms.hcl", "endtoend.hcl", "killed.hcl", "prompts.jsonl"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// command is matrix with these arguments; models that it creates stay in a folder of the tests.
func (p program) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(within(p.t, 12*time.Minute), p.binary, args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "MATRIX_VAR_engines="+p.engines, "XDG_CACHE_HOME="+filepath.Join(shared, "cache"))
	return cmd
}

// run is a command that must end with this exit code; it returns what it said.
func (p program) run(code int, args ...string) string {
	p.t.Helper()
	cmd := p.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, p.t.Output()), p.t.Output()
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		p.t.Fatalf("matrix %s: %v, want exit code %d", strings.Join(args, " "), err, code)
	}
	return out.String()
}

// found is what testdata/check.py tells of a results folder.
type found struct {
	Query   [][]any
	Runs    map[string]foundRun
	Prompts struct {
		Count           int
		DistinctLengths int `json:"distinct_lengths"`
		PlatformsMin    int `json:"platforms_min"`
		PlatformsMax    int `json:"platforms_max"`
	}
}

type foundRun struct {
	Kind, Version string
	Segments, OK  int
	RowsBySegment map[string]int     `json:"rows_by_segment"`
	InputTokens   float64            `json:"input_tokens"`
	OutputTokens  float64            `json:"output_tokens"`
	Throughput    float64            `json:"output_throughput"`
	LoadS         float64            `json:"load_s"`
	Engine        map[string]float64 // what the engine itself counted
	EngineMetrics int                `json:"engine_metrics"`
}

// check reads an experiment's results with DuckDB, pandas, polars and pyarrow, and holds them against the engines' counts.
func (p program) check(experiment string) found {
	p.t.Helper()
	folder := filepath.Join(p.dir, "results", experiment)
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(p.engines, readersPython), filepath.Join("testdata", "check.py"),
		folder, strings.ReplaceAll(documentedQuery(p.t), "results/gemma3/", folder+"/"), filepath.Join("testdata", "prompts.jsonl"))
	cmd.Stderr = p.t.Output()
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("check.py: %v", err)
	}
	p.t.Logf("%s", out)
	var f found
	if err := json.Unmarshal(out, &f); err != nil {
		p.t.Fatalf("%v in %s", err, out)
	}
	return f
}

// documentedQuery is the SQL that the README shows.
func documentedQuery(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	query := regexp.MustCompile("(?s)```sql\n(.*?)```").FindSubmatch(readme)
	if query == nil || !bytes.Contains(query[1], []byte("'results/gemma3/*/*/run.parquet'")) {
		t.Fatal("the README shows no query over results/gemma3")
	}
	return string(query[1])
}

// nothingRuns: an apply that has ended has left no process of its attempts.
func (p program) nothingRuns(experiment string) {
	p.t.Helper()
	attempts, err := filepath.Glob(filepath.Join(p.dir, "results", experiment, "*", "*", "run.parquet"))
	if err != nil || len(attempts) == 0 {
		p.t.Fatalf("attempts: %v (%v)", attempts, err)
	}
	for _, file := range attempts {
		attempt := filepath.Base(filepath.Dir(file))
		if left := process.OfAttempt(attempt); len(left) > 0 {
			p.t.Errorf("left running of %s: %v", attempt, left)
		}
	}
}

// TestEndToEnd runs one model on the same prompts through every platform, from the command line to Parquet, and reads
// that as an analyst would. testdata/check.py holds the sums against what the engines counted.
func TestEndToEnd(t *testing.T) {
	p := newProgram(t)
	said := p.run(0, "apply", "--auto-approve", "platforms.hcl", "endtoend.hcl")
	if !strings.Contains(said, "4 complete") || strings.Contains(said, "SIMULATED") {
		t.Error("the apply did not say that 4 are complete")
	}
	p.nothingRuns("endtoend")
	f := p.check("endtoend")
	if len(f.Query) != 4 {
		t.Errorf("the README's query gives %v, want a row for each of 4 platforms", f.Query)
	}
	if f.Prompts.Count != 6 || f.Prompts.PlatformsMin != 4 || f.Prompts.PlatformsMax != 4 || f.Prompts.DistinctLengths < 5 {
		t.Errorf("prompts: %+v, want 6 unlike ones, each on 4 platforms", f.Prompts)
	}
	kinds := map[string]string{"vllm_offline/6": "vllm_offline", "vllm_serve/6": "vllm_serve", "ollama/6": "ollama", "ollama_old/6": "ollama"}
	for name, kind := range kinds {
		if r := f.Runs[name]; r.Kind != kind || r.Segments != 1 || r.OK != 6 || len(r.Engine) == 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if f.Runs["ollama/6"].Version != "0.33.0" || f.Runs["ollama_old/6"].Version != "0.11.4" {
		t.Errorf("versions of Ollama: %q and %q", f.Runs["ollama/6"].Version, f.Runs["ollama_old/6"].Version)
	}
	p.run(0, "plan", "--detailed-exitcode", "platforms.hcl", "endtoend.hcl")
}
