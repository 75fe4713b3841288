package experiments_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

var update = flag.Bool("update", false, "write the golden files")

// TestMistakes holds what each mistake of the gallery prints against its golden file.
func TestMistakes(t *testing.T) {
	t.Chdir("testdata/mistakes")
	files, err := filepath.Glob("*.hcl*")
	if err != nil || len(files) < 60 {
		t.Fatalf("gallery has %d files (%v), want at least 60", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.SplitN(file, ".", 2)[0], func(t *testing.T) {
			golden(t, strings.SplitN(file, ".", 2)[0]+".golden", said(t, file))
		})
	}
}

// said is what loading and expanding a file prints.
func said(t *testing.T, file string) []byte {
	t.Helper()
	config, diags := grid.Load([]string{file}, lang.Options{Vars: varsOf(t, file)})
	if !diags.HasErrors() {
		for _, e := range config.Experiments {
			x := e.Expand(grid.Hooks{Check: picky})
			for range x.Cells() {
				continue
			}
			diags = append(diags, x.Diagnostics()...)
		}
	}
	if len(diags) == 0 {
		t.Errorf("%s: nothing was said", file)
	}
	var out bytes.Buffer
	diagnostic.Write(&out, config.Files, diags, false, 100)
	return out.Bytes()
}

// varsOf reads "# --var n=v" lines at the top of a file.
func varsOf(t *testing.T, file string) []string {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vars []string
	for line := range strings.Lines(string(src)) {
		v, ok := strings.CutPrefix(strings.TrimSpace(line), "# --var ")
		if !ok {
			break
		}
		vars = append(vars, v)
	}
	return vars
}

// picky is an engine that objects to what real engines object to.
func picky(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	if c.Platform.Backend == "ollama" && c.Generate.IgnoreEOS {
		problems = append(problems, cell.Problem{Summary: "Ollama has no ignore_eos",
			Detail: `Set it for the others only: ignore_eos = cell.platform.backend != "ollama".`, Path: "generate.ignore_eos"})
	}
	if _, ok := c.Platform.Args["swap_space"]; ok {
		problems = append(problems, cell.Problem{Summary: "vLLM has no swap_space any more", Detail: "Remove it.", Path: "platform.args.swap_space"})
	}
	return problems
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update when it should:\n%s", path, diff)
	}
}
