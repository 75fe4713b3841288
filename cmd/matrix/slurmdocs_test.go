package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSlurmDocs runs each command of docs/slurm.md as it is written, on a cluster.
func TestSlurmDocs(t *testing.T) {
	c := newCluster(t)
	page, err := os.ReadFile("../../docs/slurm.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	inside := false
	for line := range strings.Lines(string(page)) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(line) == "```sh"
		case inside:
			script.WriteString(line)
		}
	}
	if strings.Count(script.String(), "matrix ") < 5 {
		t.Fatalf("the page shows too few commands:\n%s", script.String())
	}
	cmd := exec.Command("bash", "-euxo", "pipefail", "-c", script.String())
	cmd.Dir, cmd.Env = filepath.Dir(c.dir), c.env
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "4 complete") != 1 || !strings.Contains(string(out), "Nothing to do") || !strings.Contains(string(out), "Verified:") {
		t.Errorf("%v\n%s", err, out)
	}
}
