package document

import (
	"fmt"
	"strings"
	"testing"
)

func TestUnderscores(t *testing.T) {
	if got := fmt.Sprint(escapeMarkdown("vllm_serve"), escapeMarkdown("_a_")); got != `vllm_serve \_a\_` && got != `vllm_serve\_a\_` {
		t.Errorf("underscores: %s", got)
	}
}

// A column in which nobody has a figure goes, the first one never; what is missing for one alone stays.
func TestDropTakesEmptyColumnsAlone(t *testing.T) {
	missing := Value{Text: "–", Tone: "missing"}
	table := &Table{Columns: []Column{{Title: "a"}, {Title: "b"}, {Title: "c"}}, Rows: []Row{{Values: []Value{missing, missing, {Text: "1"}}}, {Values: []Value{missing, missing, missing}}}}
	table.Drop()
	if len(table.Columns) != 2 || table.Columns[1].Title != "c" || len(table.Rows[0].Values) != 2 || table.Rows[1].Values[1].Tone != "missing" {
		t.Errorf("%+v", table)
	}
}

// What a badge or a command says is text in all three forms, and is in all three.
func TestCardIsTextInEveryForm(t *testing.T) {
	const say = "<b>`no`</b>|x"
	d := &Document{Title: "t", Sections: []Section{{ID: "answer", Title: "A", Blocks: []Block{{Card: &Card{Badges: []Badge{{Name: "Sure", Level: "red", Text: say}}, Do: "matrix apply", Why: "It would tell."}}}}}}
	var page, md, text strings.Builder
	for _, err := range []error{d.WriteHTML(&page), d.WriteMarkdown(&md), d.WriteSummary(&text, 80, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(page.String(), "<b>`no`") || strings.Contains(md.String(), "<b>") || !strings.Contains(text.String(), say) {
		t.Errorf("markup got in, or was lost:\n%s\n%s\n%s", page.String(), md.String(), text.String())
	}
	for form, content := range map[string]string{"page": page.String(), "Markdown": md.String(), "text": text.String()} {
		if !strings.Contains(content, "matrix apply") || !strings.Contains(content, "It would tell.") || !strings.Contains(content, "Sure") {
			t.Errorf("%s lacks a part of the card:\n%s", form, content)
		}
	}
}

// What is folded is there in every form but the short one.
func TestFoldedSections(t *testing.T) {
	d := &Document{Title: "t", Sections: []Section{{ID: "answer", Title: "A", Blocks: []Block{{Text: Text{{Text: "first"}}}}}, {ID: "more", Title: "More", Folded: true, Blocks: []Block{{Text: Text{{Text: "second"}}}}}}}
	var page, md, text, short strings.Builder
	for _, err := range []error{d.WriteHTML(&page), d.WriteMarkdown(&md), d.WriteText(&text, 0), d.WriteSummary(&short, 0, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(page.String(), "<details open><summary><h2 id=\"more-title\">") || !strings.Contains(md.String(), "<summary>More</summary>") || !strings.Contains(text.String(), "second") {
		t.Errorf("the fold is not there:\n%s\n%s\n%s", page.String(), md.String(), text.String())
	}
	if strings.Contains(short.String(), "second") {
		t.Errorf("the short form tells it:\n%s", short.String())
	}
}

// A dot outside of its line is drawn at the end.
func TestDotStaysOnItsLine(t *testing.T) {
	at := 3.0
	d := &Document{Sections: []Section{{ID: "s", Blocks: []Block{{Table: &Table{Sorts: true, Columns: []Column{{Title: "a"}, {Title: "b", Numeric: true}},
		Rows: []Row{{Values: []Value{{Text: "x"}, {Text: "3", Order: &at, Dot: &Dot{Low: -1, At: 0.5, High: 7}}}}}}}}}}}
	var page strings.Builder
	if err := d.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`x="0.0" y="3" width="100.0"`, `x="50.0"`, `data-order="3"`, `class="sorts"`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %s in\n%s", want, page.String()[strings.Index(page.String(), "<table"):])
		}
	}
}

// A table that is too wide for a screen is a line a row there, with the figures that fit; the whole report has it all.
func TestBriefTable(t *testing.T) {
	d := &Document{Sections: []Section{{ID: "answer", Title: "A", Blocks: []Block{{Table: &Table{Caption: "what to decide on", Columns: []Column{{Title: "Platform"}, {Title: "Time"}, {Title: "Success, pooled over all", Short: "Success"}, {Title: "Energy"}}, Notes: []string{"short", "long"},
		Rows: []Row{{Values: []Value{{Text: "first"}, {Text: "105 s", Tone: "best", Detail: "from 100 s to 110 s"}, {Text: "100%"}, {Text: strings.Repeat("9", 40)}}},
			{Values: []Value{{Text: "second"}, {Text: "2.0 h"}, {Text: "99%"}, {Text: "8"}}}}}}}}}}
	var brief, whole strings.Builder
	if err := d.WriteSummary(&brief, 48, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteText(&whole, 48); err != nil {
		t.Fatal(err)
	}
	if want := "Platform  Time     Success\nfirst     105 s *  100%\nsecond    2.0 h    99%\n  and 1 column more: --full\n  short\n"; !strings.HasSuffix(brief.String(), want) {
		t.Errorf("%q", brief.String())
	}
	if !strings.Contains(whole.String(), "from 100 s to 110 s") || !strings.Contains(whole.String(), "long") {
		t.Errorf("%q", whole.String())
	}
}
