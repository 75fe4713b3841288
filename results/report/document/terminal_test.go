package document

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"matrix/results/report/chart"
)

// What does not fit on a line goes on below its own text, not below its name, and no word of it is lost.
func TestHangs(t *testing.T) {
	const why = "three more launches of each of the two that lead would tell"
	d := &Document{Title: "t", Sections: []Section{{ID: "answer", Title: "A", Blocks: []Block{
		{Card: &Card{For: "200,000 requests: one leads", N: 200_000, Badges: []Badge{{Name: "Sure", Text: why}}, Do: "matrix apply --launches 6 --only platform=one,two", Why: why,
			Others: []Card{{For: "5,000 requests: two", Behind: true}}}},
		{Tone: "lead", Text: Text{{Text: "one leads for 200,000 requests, not shown: 13 min"}}},
		{List: []Text{{{Text: why}}}}}}}}
	var b strings.Builder
	if err := d.WriteSummary(&b, 40, nil); err != nil {
		t.Fatal(err)
	}
	want := `t

A
For 200,000 requests: one leads
Sure:            three more launches of
                 each of the two that
                 lead would tell
Do next:         three more launches of
                 each of the two that
                 lead would tell
    matrix apply --launches 6 \
      --only platform=one,two

one leads for 200,000 requests, not
  shown: 13 min
- three more launches of each of the two
  that lead would tell
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

// A summary has as much as fits into its lines: a card for each model, the first rows below it, and of the rest what there is room for.
func TestSummaryFitsTheScreen(t *testing.T) {
	for _, test := range []struct {
		width, height, models, rows int
		want                        []string
		not                         []string
	}{
		{60, 0, 1, 2, []string{"a sentence", "0.9–1.1 s", "_01", "an item"}, []string{"more"}},
		{60, 14, 1, 2, []string{"a sentence", "_01", "an item"}, []string{"0.9–1.1 s", "more"}},
		{60, 0, 1, 20, []string{"a sentence", "_19", "an item"}, []string{"0.9–1.1 s", "more"}}, // too wide
		{0, 0, 1, 20, []string{"a sentence", "_19", "an item"}, []string{"0.9–1.1 s", "more"}},  // in a pipe, too
		{60, 24, 1, 20, []string{"a sentence", "_10", "an item", "and 9 rows more", "how to read it"}, []string{"_11"}},
		{60, 20, 1, 20, []string{"a sentence", "_07", "and 12 rows more"}, []string{"an item", "_08"}},
		{60, 16, 1, 20, []string{"Sure:", "_05", "and 14 rows more"}, []string{"a sentence", "an item", "_06"}},
		{60, 38, 2, 20, []string{"a sentence", "Sure:", "_07", "and 12 rows more"}, []string{"an item", "_08"}},
	} {
		table := &Table{Caption: "what to decide on", Columns: []Column{{Title: "Platform"}, {Title: "time"}, {Title: "cost"}}, Notes: []string{"how to read it"}}
		for i := range test.rows {
			table.Rows = append(table.Rows, Row{Values: []Value{{Text: fmt.Sprintf("platform_%02d", i)}, {Text: "1 s", Detail: "0.9–1.1 s"}, {Text: "2", Detail: "1 to 3"}}})
		}
		model := []Block{{Card: &Card{For: "5 requests: one", Badges: []Badge{{Name: "Sure", Text: "shown"}}}}, {Tone: "lead", Text: Text{{Text: "a sentence"}}},
			{Table: table}, {List: []Text{{{Text: "an item"}}}}}
		d := &Document{Title: "t", Sections: []Section{{ID: "answer", Title: "A"}}}
		for range test.models {
			d.Sections[0].Blocks = append(d.Sections[0].Blocks, model...)
		}
		var b strings.Builder
		if err := d.WriteSummary(&b, test.width, func(text string) bool { return test.height == 0 || strings.Count(text, "\n") <= test.height }); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "\n"); test.height > 0 && n > test.height {
			t.Errorf("%d lines in %d", n, test.height)
		}
		for _, want := range test.want {
			if strings.Count(b.String(), want) < test.models {
				t.Errorf("%d lines, %d models: no %q in\n%s", test.height, test.models, want, b.String())
			}
		}
		for _, not := range test.not {
			if strings.Contains(b.String(), not) {
				t.Errorf("%d lines, %d models: %q in\n%s", test.height, test.models, not, b.String())
			}
		}
	}
}

// What has no room is counted: of several models the tables of the last ones, then these models. The reason why a card names nobody
// stays, and so does who is out: beside the name, and below the rows with the reason.
func TestWhatIsLeftOutIsSaid(t *testing.T) {
	var blocks []Block
	for i := range 3 {
		table := &Table{Caption: "what to decide on", Columns: []Column{{Title: "Platform"}, {Title: "time"}, {Title: "a column that has no room in forty columns"}},
			Rows: []Row{{Values: []Value{{Text: "slow"}, {Text: "9 s"}, {}}}, {Out: "does not meet it", Values: []Value{{Text: "quick"}, {Text: "1 s"}, {}}}}}
		blocks = append(blocks, Block{Heading: fmt.Sprintf("model %d", i)}, Block{Card: &Card{For: "5 requests: nobody"}}, Block{Tone: "lead", Text: Text{{Text: "a sentence"}}},
			Block{Tone: "lead", Reason: true, Text: Text{{Text: "a reason"}}}, Block{Table: table}, Block{List: []Text{{{Text: "an item"}}}})
	}
	blocks = append(blocks, Block{Text: Text{{Text: "a price"}}}, Block{Tone: "warn", Text: Text{{Text: "a warning"}}})
	d := &Document{Title: "t", Sections: []Section{{ID: "answer", Title: "A", Blocks: blocks}}}
	for _, test := range []struct {
		height, cards, tables int
		more                  string
	}{{40, 3, 3, "! a warning\n"}, {36, 3, 2, "  and 1 table more: --full\n"}, {29, 3, 1, "  and 2 tables more: --full\n"}, {24, 2, 1, "  and 1 model and 1 table more: --full\n"}, {18, 1, 1, "  and 2 models more: --full\n"}} {
		var b strings.Builder
		if err := d.WriteSummary(&b, 40, func(text string) bool { return strings.Count(text, "\n") <= test.height }); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for words, n := range map[string]int{"5 requests: nobody": test.cards, "a reason": test.cards, "quick ✗": test.tables, "1 column more: --full": test.tables, "Out: quick does not meet it": test.tables, "a warning": 1, "a price": 0, "an item": 0} {
			if strings.Count(text, words) != n {
				t.Errorf("%d lines: not %d × %q in\n%s", test.height, n, words, text)
			}
		}
		if !strings.HasSuffix(text, test.more) || strings.Count(text, "\n") > test.height {
			t.Errorf("%d lines, no %q at the end of\n%s", test.height, test.more, text)
		}
	}
}

// A long name keeps its beginning and its end: what it shares with its family stands in between.
func TestShortened(t *testing.T) {
	for name, want := range map[string]string{"short": "short", "platform_of_a_long_name_07": "platf…me_07", "好的引擎的名字很长": "好的…字很长"} {
		if got := shortened(name, 11); got != want || ansi.StringWidth(got) > 11 {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Of the cards of several numbers of requests one is open; the others are there for the box to turn to.
func TestOneCardIsOpen(t *testing.T) {
	d := &Document{Sections: []Section{{ID: "s", Blocks: []Block{{Card: &Card{For: "50: b <i>", N: 50, Figure: "f", Others: []Card{{For: "5: a", N: 5, Figure: "f", Behind: true}}}}}}}}
	var page, md strings.Builder
	if err := d.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<div class="card" hidden data-of="f" data-n="5"><p><strong>For 5: a</strong>`, `<div class="card" data-of="f" data-n="50"><p><strong>For 50: b &lt;i&gt;</strong>`} {
		if strings.Count(page.String(), want) != 1 {
			t.Errorf("no %s in\n%s", want, page.String()[strings.Index(page.String(), "<main"):])
		}
	}
	if err := d.WriteMarkdown(&md); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(md.String(), "**For 50: b &lt;i&gt;**") || strings.Contains(md.String(), "For 5:") {
		t.Errorf("in Markdown the last card stands alone:\n%s", md.String())
	}
}

// wide is a document of long words and wide tables.
func wide() *Document {
	long := strings.Repeat("a word and another ", 30)
	t := &Table{ID: "t", Caption: "what to decide on", Columns: []Column{{Title: "Platform"}}, Notes: []string{long, long}}
	for i := range 9 {
		t.Columns = append(t.Columns, Column{Title: fmt.Sprintf("metric %d", i), Unit: "s", Numeric: true})
	}
	for i := range 7 {
		r := Row{ID: fmt.Sprintf("row-%d", i), Values: []Value{{Text: fmt.Sprintf("platform_%d", i)}}}
		for k := range 9 {
			r.Values = append(r.Values, Value{Text: fmt.Sprintf("%d.%d", k, i), Detail: "1.00–2.00, pooled 95% of 3", Unlike: map[bool]string{true: "unlike in precision"}[k == 3]})
		}
		t.Rows = append(t.Rows, r)
	}
	return &Document{Title: "t", Sections: []Section{
		{ID: "answer", Title: "A", Blocks: []Block{{Tone: "lead", Text: Text{{Text: long}}}, {Tone: "warn", Text: Text{{Text: long}}}, {Card: &Card{Badges: []Badge{{Name: "Would change if", Text: long}}}},
			{Table: t}, {List: []Text{{{Text: long}}}}, {Figure: &Figure{ID: "f", Title: "F", Alt: long, Chart: chart.Plot{}}}, {Fold: &Fold{Title: "more", Blocks: []Block{{Table: t}}}}}},
		{ID: "comparison", Title: "C", Folded: true, Blocks: []Block{{Table: t}}}}}
}

// No line of a terminal's report is longer than the terminal: what is, is broken there, in the middle of a word.
func TestLinesFit(t *testing.T) {
	for _, width := range []int{60, 80, 200} {
		var short, full strings.Builder
		for _, err := range []error{wide().WriteSummary(&short, width, nil), wide().WriteText(&full, width)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for form, text := range map[string]string{"short": short.String(), "full": full.String()} {
			for line := range strings.Lines(text) {
				if line = strings.TrimSuffix(line, "\n"); ansi.StringWidth(line) > width || strings.HasSuffix(line, " ") {
					t.Errorf("%s, %d columns: a line of %d: %q", form, width, ansi.StringWidth(line), line)
				}
			}
		}
		for _, want := range []string{"platform_6", "8.6", "unlike in precision"} {
			if !strings.Contains(full.String(), want) {
				t.Errorf("%d columns: the whole report has no %q", width, want)
			}
		}
		if lines := strings.Count(short.String(), "\n"); lines > 80 || !strings.Contains(short.String(), "platform_6") || strings.Contains(short.String(), "[chart]") {
			t.Errorf("%d columns: the short one has %d lines:\n%s", width, lines, short.String())
		}
	}
}

// Code is what it is in every form, whatever it holds: fences, markup, spaces at its beginning.
func TestCodeIsVerbatim(t *testing.T) {
	const code = "#!/bin/sh\n  cat <<'E' # ```\n<b>&amp;</b> *x* _y_ [z](#q)\nE\n"
	d := &Document{Title: "t", Sections: []Section{{ID: "s", Title: "S", Blocks: []Block{{Code: code}}}}}
	var page, md, text strings.Builder
	for _, err := range []error{d.WriteHTML(&page), d.WriteMarkdown(&md), d.WriteText(&text, 20)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(md.String(), "````\n"+code+"````\n") {
		t.Errorf("Markdown:\n%s", md.String())
	}
	if !strings.Contains(page.String(), "  cat &lt;&lt;&#39;E&#39; # ```\n&lt;b&gt;&amp;amp;&lt;/b&gt;") {
		t.Errorf("page:\n%s", page.String())
	}
	for line := range strings.Lines(code) {
		if !strings.Contains(text.String(), "    "+line) {
			t.Errorf("text lacks %q:\n%s", line, text.String())
		}
	}
}

// Each figure, fold, note, anchor and heading is in the Markdown, and nothing of it in another's place.
func TestMarkdownHasAll(t *testing.T) {
	d := &Document{Title: "t", Made: "Made now.", Banner: "SIMULATED: x", Mark: "SIMULATED", Sections: []Section{{ID: "s", Title: "S", Blocks: []Block{
		{Heading: "H", ID: "h"}, {Tone: "lead", Text: Text{{Text: "led"}}}, {Tone: "warn", Text: Text{{Text: "warned"}, {Text: "link", Anchor: "a"}, {Text: "bold", Strong: true}}},
		{Figure: &Figure{ID: "f", Title: "F|1", Alt: "told", Note: "noted", Source: Text{{Text: "cell", Anchor: "c"}}, Chart: chart.Plot{Title: "told"}}},
		{Table: &Table{ID: "t", Caption: "C", Columns: []Column{{Title: "a"}, {Title: "b", Unit: "s", Numeric: true}}, Rows: []Row{{ID: "r", Values: []Value{{Text: "x", Anchor: "c"}, {Text: "1", Tone: "best", Detail: "2–3", Unlike: "unlike in y"}}}}, Notes: []string{"n"}}},
		{Fold: &Fold{Title: "more", Blocks: []Block{{List: []Text{{{Text: "item"}}}}}}}}}}}
	var b strings.Builder
	if err := d.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	want := "# SIMULATED: t\n\n> **SIMULATED: x**\n\nMade now.\n\n<a id=\"s\"></a>\n\n## SIMULATED: S\n\n<a id=\"h\"></a>\n\n### H\n\n**led**\n\n> ⚠ warned[link](#a)**bold**\n\n" +
		"<a id=\"f\"></a>\n\n**F\\|1**\n\n![told](f.svg)\n\nnoted From [cell](#c).\n\n<a id=\"t\"></a>\n\n**C**\n\n| a | b (s) |\n| --- | ---: |\n" +
		"| <a id=\"r\"></a>[x](#c) | **1** ★ <br> 2–3 <br> unlike in y |\n\nn\n\n<details><summary>more</summary>\n\n- item\n\n</details>\n\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
	if charts := d.Charts(); len(charts) != 1 || !strings.Contains(charts["f.svg"], "<title>told</title>") || !strings.Contains(charts["f.svg"], "SIMULATED</text>") {
		t.Errorf("%v", charts)
	}
}
