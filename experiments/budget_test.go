package experiments_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// repeated is n locals, each made of the one before by step ("%s").
func repeated(first, step string, n int) string {
	src := "locals {\n  a0 = " + first + "\n"
	for i := range n {
		src += fmt.Sprintf("  a%d = %s\n", i+1, strings.ReplaceAll(step, "%s", fmt.Sprintf("local.a%d", i)))
	}
	return src + "}\n"
}

// A value that grows from local to local, or is made by one count, is refused before it fills the memory.
func TestRunaway(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"range":      {"locals {\n  x = range(1e12)\n}\n", "a range holds at most"},
		"product":    {"locals {\n  x = setproduct(range(1000), range(1000))\n}\n", "a product holds at most"},
		"format":     {"locals {\n  x = format(\"%999999999d\", 5)\n}\n", "a width is at most"},
		"indent":     {"locals {\n  x = indent(1e9, \"a\\nb\")\n}\n", "a width is at most"},
		"concat":     {repeated("[1]", "concat(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", 9), "more than 16 MiB"},
		"join":       {repeated(`"0123456789"`, `join("", [%s, %s, %s, %s, %s, %s, %s, %s, %s, %s])`, 9), "more than 16 MiB"},
		"replace":    {repeated(`"a"`, `replace(%s, "a", "aaaaaaaaaa")`, 9), "more than 16 MiB"},
		"for in for": {thirtyThousand + "locals {\n  x = [for a in local.v : a if length([for b in local.v : b if b == a]) == 1]\n}\n", "steps stand in this for"},
		"search":     {thirtyThousand + "locals {\n  x = [for a in local.v : a if contains(local.v, a)]\n}\n", "steps stand in this for"},
		"for of for": {thirtyThousand + "locals {\n  x = [for a in [for b in local.v : b] : [for b in local.v : b]]\n}\n", "steps stand in this for"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, "x.hcl", c.src, c.want) })
	}
}

// thirtyThousand is a list that no range makes.
const thirtyThousand = "locals {\n  w = split(\"\", format(\"%200d\", 0))\n  v = [for p in setproduct(range(150), local.w) : p[0]]\n}\n"

// Nothing can be divided by 0: the library's own 5 % 0 is 5. That holds for a divisor that only a for knows, too.
func TestRemainderOfZero(t *testing.T) {
	for _, expr := range []string{"5 % 0", "[for d in [2, 0] : 5 % d]"} {
		refused(t, "x.hcl", "locals {\n  x = "+expr+"\n}\n", "nothing can be divided by 0")
	}
	refused(t, "x.hcl.json", `{"locals": {"x": "${5 % 0}"}}`, "nothing can be divided by 0")
}

// A function that has no value for its arguments is a mistake at its place, without the library's stack.
func TestFunctionThatPanics(t *testing.T) {
	for _, call := range []string{"log(-1, 10)", "pow(-8, 0.5)"} {
		refused(t, "x.hcl", "locals {\n  x = "+call+"\n}\n", " failed: it has no value for these arguments.")
	}
}

func refused(t *testing.T, name, src, want string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	_, diags := grid.Load([]string{path}, lang.Options{})
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
  apart  = [for a in range(1000) : a if !contains(range(1000), a + 1)]
  rest   = [for a in range(10) : a % 3]
  joined = join(", ", formatlist("%04d", range(1000)))
  again  = replace(regexreplace(local.joined, "0+", "-"), ", ", "\n")
  deeper = indent(4, local.again)
}
`
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, diags := grid.Load([]string{path}, lang.Options{}); len(diags) > 0 {
		t.Error(diags)
	}
}
