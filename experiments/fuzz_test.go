package experiments_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
	"matrix/experiments/syntax"
)

// FuzzLoad gives any bytes to the loader as HCL and as JSON: whatever they are, it answers with diagnostics or cells.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/mistakes/*.hcl*")
	if err != nil {
		f.Fatal(err)
	}
	seeds = append(seeds, "testdata/gemma3.hcl", "testdata/twin.hcl", "testdata/twin.hcl.json", "testdata/base.hcl")
	for _, path := range seeds {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	for _, s := range []string{
		strings.Repeat("(", 100_000), "a = " + strings.Repeat("!", 100_000) + "true", "a = " + strings.Repeat("-", 50_000) + "1",
		"locals {\n a = " + strings.Repeat("1?", 50_000) + "\n}", "locals {\n a = 1" + strings.Repeat("+1", 100_000) + "\n}",
		"locals {\n a = x" + strings.Repeat("[0]", 100_000) + "\n}", "locals {\n a = \"" + strings.Repeat("${", 10_000) + "\"\n}",
		`{"a":` + strings.Repeat("[", 100_000), `{"locals":{"a":"` + strings.Repeat("${", 10_000) + `"}}`,
		"locals {\n a = format(\"%10000d\", 1)\n}", "locals {\n a = setproduct(range(1000), range(1000))\n}",
		"\xef\xbb\xbfa = 1", "\x00\xff", "experiment \"e\" {\n matrix {\n platform = {}\n }\n}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, name := range []string{"x.hcl", "x.hcl.json"} {
			if strings.Contains(string(src), "file") {
				continue // the fuzzer shall not read the machine
			}
			// Source, not the disk: imports lead nowhere.
			config, diags := grid.Load([]string{name}, lang.Options{Source: map[string][]byte{name: src}})
			if !diags.HasErrors() {
				for _, e := range config.Experiments {
					x := e.Expand(grid.Hooks{})
					for range x.Cells() {
						continue
					}
					diags = append(diags, x.Diagnostics()...)
				}
			}
			var out bytes.Buffer
			diagnostic.Write(&out, config.Files, diags, true, 40)
			for _, d := range diags {
				cell.Canonical(diagnostic.JSON(d))
			}
		}
		if formatted, diags := syntax.Format(src, "x.hcl"); !diags.HasErrors() {
			if again, diags := syntax.Format(formatted, "x.hcl"); diags.HasErrors() || !bytes.Equal(again, formatted) {
				t.Errorf("formatting twice differs: %q, then %q (%v)", formatted, again, diags)
			}
		}
	})
}

// TestHugeFile: a file that no one wrote by hand is refused before it is parsed.
func TestHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.hcl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(100 << 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, diags := grid.Load([]string{path}, lang.Options{})
	if len(diags) != 1 || diags[0].Summary != "Cannot read file" || !strings.Contains(diags[0].Detail, "larger than 4 MiB") {
		t.Errorf("diagnostics = %v", diags)
	}
}
