package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"matrix/backends/process"
	"matrix/backends/simulator"
	"matrix/results"
)

func TestMain(m *testing.M) {
	// Launches re-execute this binary: as the guard of an engine, and as the simulator.
	process.MainIfAsked()
	simulator.MainIfAsked()
	testscript.Main(m, map[string]func(){"matrix": func() {
		ctx, hard := signals(context.Background())
		os.Exit(run(ctx, hard, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}})
}

// TestScripts runs the command line as a user would: testdata/script/*.txtar.
func TestScripts(t *testing.T) {
	shipped, err := filepath.Abs("../../experiments")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("LANG", "C.UTF-8")
			env.Setenv("SHIPPED", shipped)
			return writePrompts(filepath.Join(env.WorkDir, "prompts.jsonl"), 40)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ndjson":   ndjson,
			"nothing":  nothingLeft,
			"attempts": attempts,
			"rows":     rows,
			"registry": registry,
		},
		RequireUniqueNames: true,
	})
}

// writePrompts is the dataset that the scripts share.
func writePrompts(path string, n int) error {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"prompt\": \"Judge candidate %d: is the answer correct, complete and kind?\"}\n", i)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// ndjson checks that stdout is one JSON object a line with these types among them, in order: ndjson TYPE…
func ndjson(ts *testscript.TestScript, neg bool, args []string) {
	next := 0
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var record struct{ Type string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			ts.Fatalf("not NDJSON: %q: %v", line, err)
		}
		if next < len(args) && record.Type == args[next] {
			next++
		}
	}
	if (next == len(args)) == neg {
		ts.Fatalf("records %v: %d of %d seen in order", args, next, len(args))
	}
}

// rows waits until the apply under way has so many measured requests on disk: rows RESULTS N
func rows(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		store, err := results.Open(ts.MkAbs(args[0]))
		ts.Check(err)
		unfinished, _ := store.Unfinished(context.Background()) // the folder may not be there yet
		for _, a := range unfinished {
			if a.Done() >= int64(want) {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%d rows did not come", want)
}

// nothingLeft checks that no process of an attempt is alive whose results lie under this script's folder.
func nothingLeft(ts *testscript.TestScript, neg bool, args []string) {
	work := ts.Getenv("WORK")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		alive := running(ts, work)
		if len(alive) == 0 {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("still running: %v", alive)
		}
	}
}

// running are the processes of an attempt that belong to a script's folder.
func running(ts *testscript.TestScript, work string) (alive []string) {
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	ts.Check(err)
	for _, file := range found {
		env, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(env), "MATRIX_ATTEMPT=") && strings.Contains(string(env), work) {
			alive = append(alive, filepath.Dir(file))
		}
	}
	return alive
}

// attempts counts committed attempts by status: attempts RESULTS STATUS N
func attempts(ts *testscript.TestScript, neg bool, args []string) {
	found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", "*", "*", "manifest.json"))
	ts.Check(err)
	n := 0
	for _, file := range found {
		var m struct{ Status string }
		content, err := os.ReadFile(file)
		ts.Check(err)
		ts.Check(json.Unmarshal(content, &m))
		if m.Status == args[1] {
			n++
		}
	}
	if fmt.Sprint(n) != args[2] {
		ts.Fatalf("%d attempts are %s, want %s", n, args[1], args[2])
	}
}
