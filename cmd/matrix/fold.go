package main

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// terminalWidth is where lines end: the terminal's edge as it is now, nowhere (0) in a pipe.
func (a *app) terminalWidth() int {
	if a.screen == nil {
		return 0
	}
	if w, _, err := term.GetSize(int(a.screen.Fd())); err == nil && w > 0 {
		return w
	}
	return a.width
}

// terminalSize is the terminal's as it is now, in columns and lines.
func (a *app) terminalSize() (width, height int) {
	if a.screen != nil {
		if w, h, err := term.GetSize(int(a.screen.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return a.width, 24
}

// fold breaks a line at words so that it fits so many columns, the rest two columns further in; 0 leaves it whole, for
// pipes. The live view needs it: what the terminal wraps by itself is not cleared when the view is drawn again.
func fold(line string, width int) string {
	if width <= 0 || ansi.StringWidth(line) <= width {
		return line
	}
	rest := strings.TrimLeft(line, " ")
	indent := len(line) - len(rest)
	hang := strings.Repeat(" ", indent+2)
	if strings.HasPrefix(rest, "| ") { // a log's margin goes on
		hang = line[:indent+2]
	}
	wrapped := ansi.Wrap(rest, max(20, width-indent-2), "")
	return line[:indent] + strings.ReplaceAll(wrapped, "\n", "\n"+hang)
}

// head is the first n bytes of an id; what a damaged manifest says may be shorter.
func head(id string, n int) string { return id[:min(n, len(id))] }
