// The house rules that no compiler holds: how large a package may get, how tangled, and who may name an engine.
package matrix_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// figures are what is measured of a package.
type figures struct {
	files   int // without tests
	knot    int // the most files that all reach each other by the names that they use
	engines int // files whose code names an engine
	texts   int // files that name one in a sentence alone: an example of a command, where a column's figure comes from
	methods int // the most on one type
}

// limits hold for every package but those of exceptions.
var limits = figures{files: 25, knot: 8, engines: 0, methods: 30}

// exceptions are what is above a limit, each with what it may have at most. They only shrink: `go test -v .` says which could.
var exceptions = map[string]figures{
	"matrix/cmd/matrix/cli":         {texts: 1},
	"matrix/cmd/matrix/cli/machine": {texts: 2},
	"matrix/cmd/matrix/cli/report":  {texts: 2},
	"matrix/cmd/matrix/cli/tree":    {texts: 1},
	"matrix/cmd/matrix/view":        {texts: 1},
	"matrix/results/exchange":       {engines: 2},
	"matrix/results/record":         {texts: 1},
	"matrix/results/report":         {texts: 2},
	"matrix/results/table":          {texts: 1},
}

// engineNames are what only an engine's own package may say, in code or in a text. Model families are called llama too.
var engineNames = regexp.MustCompile(`(?i)vllm|ollama|llama[-_. ]?(cpp|server|runner)`)

// mayNameEngines: an engine's own package, the program's table of them, and what compares them.
var mayNameEngines = regexp.MustCompile(`^(backends/(vllm|ollama|llamacpp|openai|real|backendtest|fake|engines)/|bench/|scripts/)`)

func TestHouse(t *testing.T) {
	mode := packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedSyntax | packages.NeedExportFile
	pkgs, err := packages.Load(&packages.Config{Mode: mode}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 8 {
		t.Fatalf("%d packages", len(pkgs))
	}
	for _, p := range pkgs {
		got, said := measure(p, root)
		above := exceptions[p.PkgPath]
		for _, f := range []struct {
			what              string
			got, limit, above int
		}{
			{"files", got.files, limits.files, above.files}, {"files in one knot", got.knot, limits.knot, above.knot},
			{"files that name an engine", got.engines, limits.engines, above.engines},
			{"files that name an engine in a sentence", got.texts, limits.texts, above.texts}, {"methods on one type", got.methods, limits.methods, above.methods},
		} {
			if most := max(f.limit, f.above); f.got > most {
				t.Errorf("%s has %d %s, and may have %d%s", p.PkgPath, f.got, f.what, most, said[f.what])
			} else if f.got < f.above {
				t.Logf("%s has %d %s: its exception of %d can shrink", p.PkgPath, f.got, f.what, f.above)
			}
		}
	}
}

// measure also says, of a figure, what makes it up.
func measure(p *packages.Package, root string) (figures, map[string]string) {
	edges, methods := map[string]map[string]bool{}, map[string]int{}
	var named, texts []string
	for _, f := range p.Syntax {
		file := p.Fset.Position(f.Pos()).Filename
		edges[filepath.Base(file)] = uses(p, f)
		inside, _ := filepath.Rel(root, file)
		if word, text := namesEngine(f); mayNameEngines.MatchString(filepath.ToSlash(inside)) {
		} else if word != "" {
			named = append(named, filepath.Base(file)+" "+word)
		} else if text != "" {
			texts = append(texts, filepath.Base(file)+" "+text)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				methods[receiver(fn.Recv.List[0].Type)]++
			}
		}
	}
	knot, most, large := largestKnot(edges), 0, ""
	for name, n := range methods {
		if n > most {
			most, large = n, name
		}
	}
	slices.Sort(knot)
	return figures{len(edges), len(knot), len(named), len(texts), most}, map[string]string{
		"files in one knot":         fmt.Sprintf(": %v", knot),
		"files that name an engine": ": " + strings.Join(named, ", "),

		"files that name an engine in a sentence": ": " + strings.Join(texts, ", "),
		"methods on one type":                     ": " + large,
	}
}

// uses are the files of its package that a file reaches: by functions, methods, types, variables and constants, but not
// by fields, which come with the type.
func uses(p *packages.Package, f *ast.File) map[string]bool {
	reached := map[string]bool{}
	from := p.Fset.Position(f.Pos()).Filename
	ast.Inspect(f, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		o := p.TypesInfo.Uses[id]
		if o == nil || o.Pkg() != p.Types {
			return true
		}
		if _, method := o.(*types.Func); !method && o.Parent() != p.Types.Scope() {
			return true
		}
		if to := p.Fset.Position(o.Pos()).Filename; to != from {
			reached[filepath.Base(to)] = true
		}
		return true
	})
	return reached
}

// namesEngine is the first identifier or word of a file that names an engine, and the first sentence; "" when none does.
func namesEngine(f *ast.File) (word, text string) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false // the import rule has its own test
		case *ast.Ident:
			word = cmp.Or(word, engineNames.FindString(n.Name))
		case *ast.BasicLit:
			if strings.Contains(n.Value, " ") {
				text = cmp.Or(text, engineNames.FindString(n.Value))
			} else {
				word = cmp.Or(word, engineNames.FindString(n.Value))
			}
		}
		return true
	})
	return word, text
}

func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// largestKnot is the largest strongly connected component, by Tarjan's algorithm.
func largestKnot(edges map[string]map[string]bool) (largest []string) {
	index, low, stacked := map[string]int{}, map[string]int{}, map[string]bool{}
	var stack []string
	var visit func(string)
	visit = func(v string) {
		index[v] = len(index) + 1
		low[v] = index[v]
		stack, stacked[v] = append(stack, v), true
		for w := range edges[v] {
			if index[w] == 0 {
				visit(w)
			}
			if stacked[w] {
				low[v] = min(low[v], low[w])
			}
		}
		if low[v] != index[v] {
			return
		}
		at := slices.Index(stack, v)
		for _, w := range stack[at:] {
			stacked[w] = false
		}
		if len(stack)-at > len(largest) {
			largest = slices.Clone(stack[at:])
		}
		stack = stack[:at]
	}
	for v := range edges {
		if index[v] == 0 {
			visit(v)
		}
	}
	return largest
}

func TestLargestKnot(t *testing.T) {
	to := func(names ...string) map[string]bool {
		set := map[string]bool{}
		for _, n := range names {
			set[n] = true
		}
		return set
	}
	knot := largestKnot(map[string]map[string]bool{
		"a": to("b"), "b": to("c", "e"), "c": to("a"), "d": to("a"), "e": to("f"), "f": to("e"), "g": nil,
	})
	if slices.Sort(knot); !slices.Equal(knot, []string{"a", "b", "c"}) {
		t.Errorf("the largest knot is %v, want a, b and c", knot)
	}
}
