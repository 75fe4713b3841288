// Package real holds the tests that need real engines. They run with MATRIX_REAL=1 against the engines under
// MATRIX_ENGINES (put there by `just engines`), and are skipped without it. With CI set they fail where an engine
// is absent: they never pass by not running.
package real

import (
	"os"
	"path/filepath"
	"testing"

	"matrix/backends/process"
)

func TestMain(m *testing.M) {
	process.MainIfAsked()
	if os.Getenv("REAL_MODE") == "launch" {
		launchAndWait()
		return
	}
	os.Exit(m.Run())
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
