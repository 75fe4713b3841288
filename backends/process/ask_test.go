package process_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matrix/backends/process"
)

// A question runs in an empty folder with the environment that it is given, and takes nothing along at its limit.
func TestAsk(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SECRET", "x")
	if err := os.WriteFile("trap", []byte("here"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _, err := process.Ask(t.Context(), process.Question{Path: "/bin/sh", Args: []string{"-c", `ls -A | wc -l; echo "[$SECRET$GIVEN]"; pwd; cat`}, Env: []string{"GIVEN=y"}, Stdin: "in"})
	lines := strings.Fields(string(out))
	if err != nil || len(lines) != 4 || lines[0] != "0" || lines[1] != "[y]" || lines[3] != "in" {
		t.Fatalf("%q, %v", out, err)
	}
	if _, err := os.Stat(lines[2]); !os.IsNotExist(err) {
		t.Errorf("its folder %s is still there: %v", lines[2], err)
	}
	if out, _, err := process.Ask(t.Context(), process.Question{Path: "/bin/sh", Args: []string{"-c", "echo $SECRET"}}); strings.TrimSpace(string(out)) != "" || err != nil {
		t.Errorf("without an environment: %q, %v", out, err)
	}
	pid := filepath.Join(t.TempDir(), "pid")
	began := time.Now()
	_, _, err = process.Ask(t.Context(), process.Question{Path: "/bin/sh", Args: []string{"-c", "sleep 60 & echo $! > " + pid + "; wait"}, Limit: 200 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "did not answer") || time.Since(began) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := process.Ask(ctx, process.Question{Path: "/bin/sh", Args: []string{"-c", "sleep 60"}}); err == nil {
		t.Error("a canceled question was asked")
	}
	var seen []string
	_, bad, err := process.Ask(t.Context(), process.Question{Path: "/bin/sh", Args: []string{"-c", "echo a; echo b; echo why >&2; exit 3"}, Line: func(l []byte) { seen = append(seen, string(l)) }})
	if strings.Join(seen, " ") != "a b" || strings.TrimSpace(string(bad)) != "why" || err == nil {
		t.Errorf("%q, %q, %v", seen, bad, err)
	}
}
