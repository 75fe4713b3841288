package document

import (
	"strings"
	"testing"
)

// What does not fit on a line goes on below its own text, not below its name, and no word of it is lost.
func TestHangs(t *testing.T) {
	const why = "three more launches of each of the two that lead would tell"
	d := &Document{Title: "t", Sections: []Section{{ID: "answer", Title: "A", Blocks: []Block{
		{Tone: "lead", Text: Text{{Text: "one leads for 200,000 requests, not shown: 13 min"}}},
		{Card: &Card{For: "200,000 requests: one leads", N: 200_000, Badges: []Badge{{Name: "Sure", Text: why}}, Do: "matrix apply --launches 6 --only platform=one,two", Why: why,
			Others: []Card{{For: "5,000 requests: two", Behind: true}}}},
		{List: []Text{{{Text: why}}}}}}}}
	var b strings.Builder
	if err := d.WriteSummary(&b, 40); err != nil {
		t.Fatal(err)
	}
	want := `t

A
one leads for 200,000 requests, not
  shown: 13 min

For 200,000 requests: one leads
Sure:            three more launches of
                 each of the two that
                 lead would tell
Do next:         three more launches of
                 each of the two that
                 lead would tell
    matrix apply --launches 6 --only platform=one,two
- three more launches of each of the two
  that lead would tell
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
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
