package experiments_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments"
)

// repeated is n locals, each made of the one before by step ("%s").
func repeated(first, step string, n int) string {
	src := "locals {\n  a0 = " + first + "\n"
	for i := range n {
		src += fmt.Sprintf("  a%d = %s\n", i+1, strings.ReplaceAll(step, "%s", fmt.Sprintf("local.a%d", i)))
	}
	return src + "}\n"
}

// What would run for hours or fill the memory is refused at once. (A failure of this test may well be a machine that
// is out of memory.)
func TestRunaway(t *testing.T) {
	nested := "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : a]]]"
	for name, c := range map[string]struct{ src, want string }{
		"range":            {"locals {\n  x = range(1e12)\n}\n", "a range holds at most"},
		"nested for":       {"locals {\n  x = " + nested + "\n}\n", "walk at most 1000000 elements"},
		"for over a local": {"locals {\n  r = range(1000)\n  x = [for a in local.r : [for b in local.r : [for c in local.r : a]]]\n}\n", "walk at most"},
		"loop of text":     {"locals {\n  t = \"" + strings.Repeat("x", 10_000) + "\"\n  x = \"%{for a in range(100000)}${local.t}%{endfor}\"\n}\n", "64 MiB"},
		"concat":           {repeated("[1]", "concat(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", 9), "more than 16 MiB"},
		"join":             {repeated(`"0123456789"`, `join("", [%s, %s, %s, %s, %s, %s, %s, %s, %s, %s])`, 9), "more than 16 MiB"},
		"replace":          {repeated(`"a"`, `replace(%s, "a", "aaaaaaaaaa")`, 9), "more than 16 MiB"},
		"indent":           {"locals {\n  x = indent(999999999, \"a\\nb\")\n}\n", "more than 16 MiB"},
		"format":           {"locals {\n  x = format(\"%999999999d\", 1)\n}\n", "more than 16 MiB"},
		"precision":        {"locals {\n  x = format(\"%.999999999f\", 1)\n}\n", "more than 16 MiB"},
		"formatlist":       {"locals {\n  x = formatlist(\"%1000d\", range(100000))\n}\n", "more than 16 MiB"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, "x.hcl", c.src, c.want) })
	}
	refused(t, "x.hcl.json", `{"locals": {"x": "${`+nested+`}"}}`, "write it in HCL")
}

func refused(t *testing.T, name, src, want string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	_, diags := experiments.Load([]string{path}, experiments.LoadOptions{})
	if !diags.HasErrors() || !strings.Contains(diags[0].Detail, want) {
		t.Errorf("got %v, want %q", diags, want)
	}
}

// The bounds stay out of the way of what people write.
func TestWithinBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.hcl")
	src := `locals {
  sizes  = [for a in range(10) : [for b in range(10) : pow(2, a) * b if b > 0]]
  text   = "%{for s in flatten(local.sizes)}${format("%8.2f", s)} %{endfor}"
  joined = join(", ", formatlist("%04d", range(1000)))
  again  = replace(regexreplace(local.joined, "0+", "-"), ", ", "\n")
  deeper = indent(4, local.again)
}
`
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, diags := experiments.Load([]string{path}, experiments.LoadOptions{}); len(diags) > 0 {
		t.Error(diags)
	}
}
