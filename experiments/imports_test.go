package experiments_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowed says which of our packages each room may import; the first entry whose prefix fits a package counts. A
// package may always import its own room's sub-packages where listed.
var allowed = []struct {
	room string
	may  []string // prefixes of our packages; "" as the only one means anything
}{
	{"matrix/cmd/", []string{""}},
	{"matrix/bench", []string{""}},
	{"matrix/scripts", []string{""}},
	{"matrix/runner", []string{"matrix/runner", "matrix/backends", "matrix/results", "matrix/experiments"}},
	{"matrix/backends", []string{"matrix/backends", "matrix/experiments"}},
	{"matrix/results", []string{"matrix/results", "matrix/experiments"}},
	{"matrix/experiments/cell", nil}, // the vocabulary: it imports nobody
	{"matrix/experiments/textfile", nil},
	{"matrix/experiments/wording", nil},
	{"matrix/experiments/syntax", nil},
	{"matrix/experiments/hclvalue", []string{"matrix/experiments/cell"}},
	{"matrix/experiments/diagnostic", []string{"matrix/experiments/cell", "matrix/experiments/hclvalue", "matrix/experiments/syntax", "matrix/experiments/wording"}},
	{"matrix/experiments/schema", []string{"matrix/experiments/cell", "matrix/experiments/hclvalue", "matrix/experiments/wording"}},
	{"matrix/experiments/lang", []string{"matrix/experiments/cell", "matrix/experiments/hclvalue", "matrix/experiments/syntax",
		"matrix/experiments/diagnostic", "matrix/experiments/schema", "matrix/experiments/textfile", "matrix/experiments/wording"}},
	{"matrix/experiments/dataset", []string{"matrix/experiments/cell", "matrix/experiments/textfile", "matrix/experiments/wording"}},
	{"matrix/experiments/", []string{"matrix/experiments/cell", "matrix/experiments/hclvalue", "matrix/experiments/syntax",
		"matrix/experiments/diagnostic", "matrix/experiments/schema", "matrix/experiments/textfile", "matrix/experiments/wording", "matrix/experiments/lang"}},
	{"matrix/experiments", []string{"matrix/experiments/cell", "matrix/experiments/grid", "matrix/experiments/lang", "matrix/experiments/syntax",
		"matrix/experiments/diagnostic", "matrix/experiments/textfile", "matrix/experiments/wording"}},
}

// engines are the packages of one engine each: nobody below the program imports them, and they do not import each other.
var engines = []string{"matrix/backends/vllm", "matrix/backends/ollama", "matrix/backends/llamacpp", "matrix/backends/openai", "matrix/backends/simulator", "matrix/backends/engines"}

// listedPackage is what `go list -json` tells of a package.
type listedPackage struct {
	ImportPath string
	Imports    []string
}

// TestImportsPointOneWay holds the house's rule over the whole module.
func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if why := forbidden(p.ImportPath, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

func TestForbidden(t *testing.T) {
	for _, test := range []struct {
		from, to string
		ok       bool
	}{
		{"matrix/experiments", "matrix/experiments/dataset", false},
		{"matrix/experiments/dataset", "matrix/experiments/cell", true},
		{"matrix/experiments/cell", "matrix/experiments/textfile", false},
		{"matrix/backends/vllm", "matrix/experiments/cell", true},
		{"matrix/backends/vllm", "matrix/experiments/dataset", false},
		{"matrix/results", "matrix/backends", false},
		{"matrix/results/report", "matrix/results", true},
		{"matrix/runner", "matrix/backends", true},
		{"matrix/runner", "matrix/backends/vllm", false},
		{"matrix/backends/openai", "matrix/backends/vllm", false},
		{"matrix/backends/ollama", "matrix/runner", false},
		{"matrix/backends/ollama", "matrix/experiments/dataset", false},
		{"matrix/cmd/matrix", "matrix/backends/vllm", true},
		{"matrix/runner", "github.com/apache/arrow-go/v18/parquet", false},
		{"matrix/results", "github.com/apache/arrow-go/v18/parquet", true},
		{"matrix/experiments", "github.com/apache/arrow-go/v18/arrow", false},
		{"matrix/experiments/dataset", "github.com/apache/arrow-go/v18/arrow", true},
	} {
		if why := forbidden(test.from, test.to); (why == "") != test.ok {
			t.Errorf("%s → %s: %q", test.from, test.to, why)
		}
	}
}

// forbidden says why one package must not import another; "" when it may.
func forbidden(from, to string) string {
	if strings.HasPrefix(to, "github.com/apache/arrow-go/") {
		if within(from, "matrix/results") || within(from, "matrix/experiments/dataset") || within(from, "matrix/bench") || within(from, "matrix/devdeps") {
			return ""
		}
		return "Arrow belongs to results and experiments/dataset alone"
	}
	if !within(to, "matrix") {
		return ""
	}
	if slices.Contains(engines, to) && !strings.HasPrefix(from, "matrix/cmd/") && !within(from, "matrix/bench") && !within(from, to) &&
		!within(from, "matrix/backends/real") && !within(from, "matrix/backends/engines") && !within(from, "matrix/backends/backendtest") {
		return "only the program knows the engines"
	}
	if within(from, "matrix/backends") && within(to, "matrix/experiments") &&
		to != "matrix/experiments" && to != "matrix/experiments/cell" && to != "matrix/experiments/textfile" && to != "matrix/experiments/wording" {
		return "backends see the cell types, how files are read and how messages are worded, only"
	}
	for _, rule := range allowed {
		if within(from, strings.TrimSuffix(rule.room, "/")) && (!strings.HasSuffix(rule.room, "/") || from+"/" != rule.room) {
			for _, prefix := range rule.may {
				if prefix == "" || within(to, prefix) {
					return ""
				}
			}
			return "imports point one way: cmd → runner → backends, results → experiments"
		}
	}
	return ""
}

// within reports that a package is another one or lies below it.
func within(pkg, room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") }

func packages(t *testing.T) []listedPackage {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listedPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 8 {
		t.Fatalf("go list found %d packages", len(list))
	}
	return list
}
