package matrix_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

var update = flag.Bool("update", false, "write the picture of imports into docs/architecture.md")

// picture is where docs/architecture.md shows the imports.
var picture = regexp.MustCompile("(?s)```mermaid\n.*?```\n")

// TestArchitecture: the picture of imports is that of the code.
func TestArchitecture(t *testing.T) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedImports}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string]map[string]bool{}
	for _, p := range pkgs {
		name, ours := strings.CutPrefix(p.PkgPath, "matrix/")
		if room, _, _ := strings.Cut(name, "/"); !ours || room == "bench" || room == "scripts" {
			continue
		}
		imports[name] = map[string]bool{}
		for path := range p.Imports {
			if to, ours := strings.CutPrefix(path, "matrix/"); ours {
				imports[name][to] = true
			}
		}
	}
	want := "```mermaid\n" + drawn(imports) + "```\n"
	page := filepath.Join("docs", "architecture.md")
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if picture.FindString(string(content)) == want {
		return
	}
	if !*update {
		t.Fatalf("%s shows imports that are not the code's: go test . -run TestArchitecture -update", page)
	}
	content = picture.ReplaceAllLiteral(content, []byte(want))
	if err := os.WriteFile(page, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// drawn is a graph of packages, a box a room. An import that also stands on a longer way is left out.
func drawn(imports map[string]map[string]bool) string {
	var b strings.Builder
	b.WriteString("graph TD\n")
	names := slices.Sorted(maps.Keys(imports))
	room := ""
	for _, name := range names {
		if r, _, _ := strings.Cut(name, "/"); r != room {
			if room != "" {
				b.WriteString("  end\n")
			}
			room = r
			fmt.Fprintf(&b, "  subgraph %s\n", room)
		}
		fmt.Fprintf(&b, "    %s[%s]\n", node(name), name)
	}
	b.WriteString("  end\n")
	for _, from := range names {
		for _, to := range slices.Sorted(maps.Keys(imports[from])) {
			if !longWay(imports, from, to) {
				fmt.Fprintf(&b, "  %s --> %s\n", node(from), node(to))
			}
		}
	}
	return b.String()
}

func node(name string) string { return strings.ReplaceAll(name, "/", "_") }

// longWay reports that a package is also reached through another one.
func longWay(imports map[string]map[string]bool, from, to string) bool {
	for by := range imports[from] {
		if by != to && reaches(imports, by, to) {
			return true
		}
	}
	return false
}

func reaches(imports map[string]map[string]bool, from, to string) bool {
	if imports[from][to] {
		return true
	}
	for by := range imports[from] {
		if reaches(imports, by, to) {
			return true
		}
	}
	return false
}

// link is a relative one of Markdown.
var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

// said is a link to code and a piece of that code, on one line.
var said = regexp.MustCompile("\\]\\(([^)\\s]+\\.go)\\)[^`\n]*`([^`]+)`")

// TestLinks: what a page points to is there, and says what the page says of it.
func TestLinks(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	links := 0
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range link.FindAllStringSubmatch(string(content), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), to[1])); err != nil {
				t.Errorf("%s points to %s: %v", page, to[1], err)
			}
		}
		for _, quoted := range said.FindAllStringSubmatch(string(content), -1) {
			code, err := os.ReadFile(filepath.Join(filepath.Dir(page), quoted[1]))
			if err == nil && !strings.Contains(string(code), quoted[2]) {
				t.Errorf("%s: %s says nothing of %s", page, quoted[1], quoted[2])
			}
		}
	}
	if links < 20 {
		t.Errorf("%d links in %d pages", links, len(pages))
	}
}
