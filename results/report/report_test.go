package report

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"matrix/results/decision"
	"matrix/results/quality"
	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

var update = flag.Bool("update", false, "write the goldens")

var made = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

// tree is the folder that TestMain unpacks into.
var tree string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		panic(err)
	}
	tree = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// h100 unpacks the tree that a real card wrote, once.
func h100(t *testing.T) string {
	t.Helper()
	dir := tree
	if _, err := os.Stat(filepath.Join(dir, "gpu")); err == nil {
		return dir
	}
	summarytest.H100(t, dir)
	return dir
}

// build makes the report of a tree.
func build(t *testing.T, root string, change func(*Input), experiments ...string) *Document {
	t.Helper()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	set, err := summary.Load(t.Context(), store, "results", experiments...)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := quality.Measure(t.Context(), set, quality.Options{})
	if err != nil {
		t.Fatal(err)
	}
	weighed, err := decision.Decide(t.Context(), set, decision.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Set: set, Title: "Report", Made: made, Version: "test", Decision: weighed, Quality: answers}
	if change != nil {
		change(&in)
	}
	doc, err := Build(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func render(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdownGolden(t *testing.T) {
	got := render(t, build(t, h100(t), nil, "gpu").WriteMarkdown)
	const golden = "testdata/h100.md"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		path := filepath.Join(t.TempDir(), "got.md")
		_ = os.WriteFile(path, []byte(got), 0o644)
		diff, _ := exec.Command("diff", golden, path).CombinedOutput()
		t.Errorf("report.md differs (-update writes it):\n%.3000s", diff)
	}
}

// page is what a browser would find in the HTML.
type found struct {
	ids     map[string]int
	anchors []string
	outside []string // references that leave the file
	tags    map[string]int
	text    string
}

func parse(t *testing.T, page string) found {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	f := found{ids: map[string]int{}, tags: map[string]int{}}
	var text strings.Builder
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			text.WriteString(n.Data)
		case html.ElementNode:
			f.tags[n.Data]++
			f.attributes(n)
		}
	}
	f.text = text.String()
	return f
}

func (f *found) attributes(n *html.Node) {
	for _, a := range n.Attr {
		switch {
		case a.Key == "id":
			f.ids[a.Val]++
		case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
			f.anchors = append(f.anchors, a.Val[1:])
		case slices.Contains([]string{"href", "src", "srcset", "action", "data", "xlink:href"}, a.Key):
			f.outside = append(f.outside, a.Val)
		case strings.HasPrefix(a.Key, "on"):
			f.outside = append(f.outside, a.Key+"="+a.Val)
		}
	}
}

func TestPageStandsAlone(t *testing.T) {
	doc := build(t, h100(t), nil)
	page := render(t, doc.WriteHTML)
	f := parse(t, page)
	if len(f.outside) > 0 || strings.Contains(page, "@import") || strings.Contains(page, "url(") {
		t.Errorf("the page refers to something outside: %v", f.outside)
	}
	for id, n := range f.ids {
		if n > 1 {
			t.Errorf("id %q stands %d times", id, n)
		}
	}
	for _, a := range f.anchors {
		if f.ids[a] == 0 {
			t.Errorf("the link #%s leads nowhere", a)
		}
	}
	scripts := 2 // uPlot's and our own; the others are data
	for _, of := range doc.Figures() {
		if _, is := of.Chart.(chart.Panels); is || of.Curves != nil {
			scripts++
		}
	}
	if scripts == 2 || f.tags["script"] != scripts || f.tags["svg"] < 8 || f.tags["caption"] != f.tags["table"] {
		t.Errorf("tags: %v", f.tags)
	}
	if strings.Contains(page, Simulated) {
		t.Error("a measured tree is called simulated")
	}
}

func TestEveryFigureHasItsCells(t *testing.T) {
	doc := build(t, h100(t), nil)
	for _, f := range doc.Figures() {
		if len(f.Source) == 0 || f.Alt == "" {
			t.Errorf("%s: no cells, or nothing said for who cannot see it", f.ID)
		}
	}
	text := render(t, func(w io.Writer) error { return doc.WriteText(w, 0) })
	for _, want := range []string{"PROJECTED, not measured.", "context: 4096 tokens against 1024 tokens", "engine failed", "one launch"} {
		if !strings.Contains(strings.ReplaceAll(text, "\n", " "), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}

var linkPattern = regexp.MustCompile(`\]\(#([^)]*)\)`)

func TestMarkdownLinksResolve(t *testing.T) {
	doc := build(t, h100(t), nil)
	md := render(t, doc.WriteMarkdown)
	for _, m := range linkPattern.FindAllStringSubmatch(md, -1) {
		if !strings.Contains(md, `<a id="`+m[1]+`">`) {
			t.Errorf("the link #%s leads nowhere", m[1])
		}
	}
	for name := range doc.Charts() {
		if !strings.Contains(md, "]("+name+")") {
			t.Errorf("no picture %s in the Markdown", name)
		}
	}
}

const hostile = "<script>alert(1)</script>|`\"'><img src=x onerror=alert(1)>\x1b[2J\n# heading\n](javascript:alert(1))"

// hostileSet is a set in which whatever can be named is.
func hostileSet() *summary.Set {
	a := &summary.Attempt{Past: store.Past{Manifest: record.Manifest{Attempt: "01", Status: record.EngineFailed, Reason: hostile, Launch: 1, Planned: 0}}}
	c := &summary.Cell{Experiment: "x", Address: "0123456789abcdef0", Slug: "s", Name: hostile, Platform: hostile, Model: hostile, BatchSize: 10,
		Axes: map[string]string{hostile: hostile}, Simulated: true, Attempts: []*summary.Attempt{a}}
	return &summary.Set{Root: hostile, Cells: []*summary.Cell{c}, Problems: []store.Past{{Manifest: record.Manifest{Experiment: hostile, Slug: "q", Attempt: "02"}, Problem: "result_corrupt", Detail: hostile}}}
}

func TestNothingThatAModelSaysIsMarkup(t *testing.T) {
	doc, err := Build(context.Background(), Input{Set: hostileSet(), Title: hostile, Made: made, Decision: &decision.Result{Groups: []decision.Group{{Name: decision.Name{Model: hostile}, Questions: []decision.Question{{Answer: decision.Answer{Sentences: []string{hostile}}}}}}},
		Coverage: &Coverage{From: hostile, Cells: []Planned{{Name: hostile, State: "new", Reason: hostile}}}, Quality: &quality.Report{Warnings: []string{hostile}, Cells: []quality.Cell{{Name: hostile}}}})
	if err != nil {
		t.Fatal(err)
	}
	page := render(t, doc.WriteHTML)
	f := parse(t, page)
	if f.tags["script"] != 1 || f.tags["img"] != 0 || len(f.outside) > 0 {
		t.Errorf("markup got in: %v %v", f.tags, f.outside)
	}
	md := render(t, doc.WriteMarkdown)
	if strings.Contains(md, "<script") || strings.Contains(md, "<img") || strings.Contains(strings.ReplaceAll(md, `\]`, ""), "](javascript") || strings.Contains(md, "\n# heading") || strings.Contains(md, "\x1b") {
		t.Errorf("markup got into the Markdown:\n%s", md)
	}
	text := render(t, func(w io.Writer) error { return doc.WriteText(w, 80) })
	if strings.Contains(text, "\x1b") {
		t.Error("a terminal would obey what a model said")
	}
	for form, content := range map[string]string{"page": f.text, "Markdown": md, "text": text} {
		if n := strings.Count(content, Simulated); n < 4 {
			t.Errorf("%s: SIMULATED stands %d times only", form, n)
		}
	}
	if !strings.Contains(page, "<title>"+Simulated) || !strings.Contains(page, `class="banner"`) {
		t.Error("SIMULATED can be overlooked in the page")
	}
}

func TestHonestWords(t *testing.T) {
	empty := render(t, build(t, t.TempDir(), nil).WriteMarkdown)
	if !strings.Contains(empty, "no attempt has been recorded") {
		t.Errorf("an empty tree:\n%s", empty)
	}
	failed := render(t, build(t, h100(t), func(in *Input) { in.Decision = nil }, "partial").WriteMarkdown)
	if !strings.Contains(failed, "Failures") || strings.Contains(failed, "NaN") || strings.Contains(failed, "Inf") {
		t.Errorf("a tree of one cell:\n%.2000s", failed)
	}
	for _, experiments := range [][]string{nil, {"partial"}, {"gpu", "partial"}} {
		doc := build(t, h100(t), nil, experiments...)
		if len(doc.Answer()) == 0 {
			t.Errorf("%v: no answer at all", experiments)
		}
	}
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{three(1234.5): "1,234", three(0.012345): "0.0123", three(12.345): "12.3", three(0): "0", whole(1234567): "1,234,567",
		percent(1): "100%", percent(0.99996): "99.996%", percent(0.5): "50%", counted(2, "launch"): "2 launches"} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestWinnerComesWithItsScript(t *testing.T) {
	const script = "#!/bin/sh\nexec vllm 'a & b' <in\n"
	doc := build(t, h100(t), func(in *Input) {
		in.Recipe = func(c *summary.Cell) (Recipe, error) {
			if c.Platform == "ollama" {
				return Recipe{}, fmt.Errorf("not here")
			}
			return Recipe{Script: script, Command: "matrix recipe " + c.Address[:16], Note: "it has changed"}, nil
		}
	}, "gpu")
	root, err := html.Parse(strings.NewReader(render(t, doc.WriteHTML)))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for n := range root.Descendants() {
		found = found || n.Type == html.TextNode && n.Data == script
	}
	if !found {
		t.Error("the page does not hold the script byte for byte")
	}
	md := render(t, doc.WriteMarkdown)
	for _, want := range []string{strings.TrimSpace(script), "it has changed", "largest batch that survived", "What to expect"} {
		if !strings.Contains(md, want) {
			t.Errorf("the recipe does not say %q", want)
		}
	}
}
