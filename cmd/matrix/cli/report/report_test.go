package report

import (
	"strings"
	"testing"
)

// What does not fit a screen is cut between paragraphs, never in a table, and no title is left alone.
func TestFirstScreen(t *testing.T) {
	lines := func(text string) []string { return strings.SplitAfter(strings.TrimRight(text, "\n"), "\n") }
	text := "Report\n\nTHE ANSWER\nChoose a.\nSure.\n\ntable\nrow\nrow\n\nCOMPARISON\n\nm\nrow\nrow\nrow\nrow\nrow\n"
	for most, want := range map[int]int{40: 18, 18: 18, 17: 9, 15: 9, 12: 9, 9: 9, 8: 5, 5: 5} {
		if got := firstScreen(lines(text), most); got != want {
			t.Errorf("of %d lines %d on a screen of %d, want %d: it ends with %q", len(lines(text)), got, most, want, lines(text)[got-1])
		}
	}
	if got := firstScreen(lines(strings.Repeat("row\n", 99)), 40); got != 40 {
		t.Errorf("without a paragraph: %d lines", got)
	}
}
