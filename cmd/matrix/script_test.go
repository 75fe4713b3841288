package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"matrix/backends/fake"
	"matrix/backends/process"
	"matrix/cmd/matrix/cli/app"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

func TestMain(m *testing.M) {
	// Launches re-execute this binary: as the guard of an engine, and as the simulator.
	process.MainIfAsked()
	fake.MainIfAsked()
	testscript.Main(m, map[string]func(){"matrix": func() {
		ctx, i := app.Signals(context.Background())
		os.Exit(run(ctx, i, os.Args[1:], os.Stdin, checked(os.Stdout), os.Stderr))
	}})
}

// matrixProgram is this test's binary under the name by which it is matrix itself.
func matrixProgram(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	path := filepath.Join(t.TempDir(), "matrix")
	if err = errors.Join(err, os.Symlink(self, path)); err != nil {
		t.Fatal(err)
	}
	return path
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
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("SHIPPED", shipped)
			env.Setenv("MANY", `\b1 (answers|attempts|cells|entries|experiments|files|launches|lines|marks|prompts|requests|rows|segments|settings|sources)\b`)
			env.Setenv(schemaEnv, filepath.Join(shipped, "..", "docs", "records.schema.json"))
			return writePrompts(filepath.Join(env.WorkDir, "prompts.jsonl"), 40)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ndjson":   ndjson,
			"nothing":  nothingLeft,
			"attempts": attempts,
			"rows":     rows,
			"listen":   listen,
			"requests": requests,
			"exits":    exits,
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

// rows waits until an unfinished attempt has so many measured requests on disk, or with + so many more than at first:
// rows RESULTS [+]N
func rows(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.ParseInt(args[1], 10, 64) // takes the sign
	ts.Check(err)
	if strings.HasPrefix(args[1], "+") {
		want += onDisk(ts, args[0])
	}
	for deadline := time.Now().Add(2 * time.Minute); onDisk(ts, args[0]) < want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%d rows did not come", want)
		}
	}
}

// onDisk is how many measured requests the furthest unfinished attempt has.
func onDisk(ts *testscript.TestScript, root string) (most int64) {
	store, err := store.Open(ts.MkAbs(root))
	ts.Check(err)
	unfinished, _ := store.Unfinished(context.Background()) // the folder may not be there yet
	for _, a := range unfinished {
		most = max(most, a.Done())
	}
	return most
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

// listen takes a port for as long as the script runs, and puts it into a file in place of PORT: listen FILE
func listen(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	file := ts.MkAbs(args[0])
	content, err := os.ReadFile(file)
	ts.Check(err)
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	ts.Check(os.WriteFile(file, []byte(strings.ReplaceAll(string(content), "PORT", port)), 0o644))
	ts.Setenv("PORT", port)
}

// exits runs a command and checks its exit code: exits CODE COMMAND…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// requests counts the measured rows of committed attempts by how they ended: requests CELLS STATUS N, where CELLS is a
// glob of cell folders and the status * means any.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", "manifest.json"))
	ts.Check(err)
	n := 0
	for _, manifest := range found {
		ts.Check(table.ReadRequests(filepath.Dir(manifest), func(r record.RequestRow) error {
			if r.Phase == "measure" && (args[1] == "*" || r.Status == args[1]) {
				n++
			}
			return nil
		}))
	}
	if (fmt.Sprint(n) == args[2]) == neg {
		ts.Fatalf("%d rows are %s, want %s (negated: %t)", n, args[1], args[2], neg)
	}
}
