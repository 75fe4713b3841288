// Package real holds the tests that need real engines. They run with MATRIX_REAL=1 against the engines under
// MATRIX_ENGINES (put there by `just engines`), and are skipped without it. With CI set they fail where an engine
// is absent: they never pass by not running.
package real

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"matrix/backends/process"
)

func TestMain(m *testing.M) {
	process.MainIfAsked()
	if os.Getenv("REAL_OLLAMA") != "" {
		ollamaParent()
		return
	}
	os.Exit(run(m))
}

// shared is a folder that the tests share: the program, what it and engines cache.
var shared string

func run(m *testing.M) int {
	var err error
	if shared, err = os.MkdirTemp("", "matrix-real-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(shared)
	return m.Run()
}

// engines is the folder of the real engines; the test is skipped where they are not asked for.
func engines(t *testing.T, need ...string) string {
	t.Helper()
	dir := os.Getenv("MATRIX_ENGINES")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(home, ".cache", "matrix", "engines")
	}
	if os.Getenv("MATRIX_REAL") != "1" {
		t.Skip("needs real engines: set MATRIX_REAL=1")
	}
	for _, name := range need {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("needs a real engine: %v", err)
			}
			t.Skipf("needs a real engine: %v", err)
		}
	}
	return dir
}

// within ends what hangs, so that it names itself and fails alone. It is many times what is needed on a quiet machine.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
