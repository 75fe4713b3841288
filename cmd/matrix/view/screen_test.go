package view

import (
	"strings"
	"testing"
)

// played is what a terminal shows after it was sent text: the few controls that screen uses.
func played(text string) string {
	var lines []string
	row := 0
	at := func() *string {
		for len(lines) <= row {
			lines = append(lines, "")
		}
		return &lines[row]
	}
	col := 0
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, lineUp):
			row, text = row-1, text[len(lineUp):]
		case strings.HasPrefix(text, lineRest):
			l := at()
			*l, text = (*l)[:min(col, len(*l))], text[len(lineRest):]
		case strings.HasPrefix(text, belowRest):
			l := at()
			*l = (*l)[:min(col, len(*l))]
			lines, text = lines[:row+1], text[len(belowRest):]
		case text[0] == '\r':
			col, text = 0, text[1:]
		case text[0] == '\n':
			row, col, text = row+1, 0, text[1:]
		default:
			l := at()
			*l = (*l)[:min(col, len(*l))] + text[:1] + (*l)[min(col+1, len(*l)):]
			col, text = col+1, text[1:]
		}
	}
	return strings.Join(lines, "\n")
}

func TestScreen(t *testing.T) {
	var sent strings.Builder
	r := screen{out: &sent}
	r.draw("one long line\ntwo\n", 10)
	r.above("ended\n")
	r.draw("one\n", 10)
	if got := played(sent.String()); got != "ended\none\n" {
		t.Errorf("%q", got)
	}
	before := sent.Len()
	r.draw("one\n", 10)
	if sent.Len() != before {
		t.Error("what stands there was written again")
	}
	r.draw("a\nb\nc\nd\n", 2)
	if got := played(sent.String()); got != "ended\nc\nd\n" {
		t.Errorf("higher than the screen: %q", got)
	}
	r.draw("", 1)
	if got := played(sent.String()); got != "ended\n" {
		t.Errorf("at the end: %q", got)
	}
}
