package store

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"matrix/results/record"
)

// python is the interpreter with the readers that analysts use. It comes with the engines, so the test runs
// where they are asked for, and then never skips.
func python(t *testing.T) string {
	t.Helper()
	if os.Getenv("MATRIX_REAL") != "1" {
		t.Skip("needs MATRIX_REAL=1 and `just engines`")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	engines := cmp.Or(os.Getenv("MATRIX_ENGINES"), filepath.Join(home, ".cache", "matrix", "engines"))
	path := filepath.Join(engines, "tools", "bin", "python")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the readers are not installed (`just engines`): %v", err)
	}
	return path
}

const readerRows = 7000 // enough for a p99.9

// readerTree is a tree with a complete attempt of every kind of value, and a simulated one that crashed.
func readerTree(t *testing.T) (root, attempt string) {
	t.Helper()
	s := testStore(t)
	a := begin(t, s, readerRows)
	warm := okRow(0)
	warm.Phase = "warmup"
	mustAppend(t, a, warm, "")
	for seq := range int64(readerRows) {
		switch {
		case seq%1000 == 999:
			mustAppend(t, a, failedRow(seq, "failed"), "")
		case seq%70 == 3:
			row := okRow(seq)
			row.ChunkGapsS, row.CachedTokens = []float64{0.01, 0.02, float64(seq) / 1e6}, new(int64(0))
			mustAppend(t, a, row, "")
		default:
			mustAppend(t, a, okRow(seq), "größer 🙂")
		}
	}
	if err := a.Sample(record.SampleRow{TimeS: 1, Source: "process", Metric: "rss_bytes", Value: 1e9}); err != nil {
		t.Fatal(err)
	}
	run := record.Run{Planned: readerRows, Mode: "closed", LoadS: new(12.5), Concurrency: 64,
		Engine:        record.Engine{Name: "ollama", Version: "0.33.0", Argv: []string{"ollama", "serve"}, Env: map[string]string{"A": "b"}},
		EngineMetrics: map[string]float64{"x_total": 3}, Phases: map[string]float64{"weights": 3.5}}
	if _, err := a.Commit(record.Complete, "done", "", run); err != nil {
		t.Fatal(err)
	}
	b, err := s.Begin(testCell(readerRows), testIdentity(), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, b, failedRow(0, "disconnected"), "")
	if _, err := b.Commit(record.EngineFailed, "exit status 1", "", record.Run{Planned: readerRows, Mode: "closed", Simulated: true}); err != nil {
		t.Fatal(err)
	}
	return s.Root(), a.Manifest().Attempt
}

func TestReaders(t *testing.T) {
	interpreter := python(t)
	root, attempt := readerTree(t)
	out, err := exec.CommandContext(t.Context(), interpreter, filepath.Join("testdata", "readers.py"), root, attempt).Output()
	if exit := new(exec.ExitError); err != nil {
		if e, ok := err.(*exec.ExitError); ok {
			exit = e
		}
		t.Fatalf("readers.py: %v\n%s", err, exit.Stderr)
	}
	var got struct {
		Query   [][]any
		Axes    [][]string
		DuckDB  []int64
		Samples []float64
		Outputs []string
		Metrics int
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(got.Query) != 1 || got.Query[0][0] != "ollama" || got.Query[0][1] != float64(readerRows) || got.Query[0][2] == nil {
		t.Errorf("query = %v", got.Query)
	}
	tokens, ok, captured := int64(0), int64(0), int64(0)
	for seq := range int64(readerRows) {
		if seq%1000 != 999 {
			tokens, ok = tokens+*okRow(seq).OutputTokens, ok+1
			if seq%70 == 3 {
				captured++
			}
		}
	}
	want := []int64{readerRows, ok, tokens, ok, readerRows - ok, captured, ok, 16}
	for i := range want {
		if got.DuckDB[i] != want[i] {
			t.Errorf("duckdb = %v, want %v", got.DuckDB, want)
			break
		}
	}
	if got.Samples[0] != 1 || got.Samples[1] != 1e9 || got.Outputs[0] != "größer 🙂" || got.Axes[0][0] != "ollama" || got.Metrics < 50 {
		t.Errorf("got %s", out)
	}
}
