package view

import (
	"io"
	"strings"
)

// screen is the few lines at the bottom of a terminal that change in place. It asks the terminal nothing: one that does
// not answer would hold every command up, and bubbletea asks as soon as it is linked in.
// Nobody else may write to the terminal meanwhile, but by above.
type screen struct {
	out   io.Writer
	shown string // the lines as they stand there
}

// Of ECMA-48: every terminal since the VT100 knows them.
const (
	lineUp    = "\x1b[A"
	lineRest  = "\x1b[K" // erased from the cursor on
	belowRest = "\x1b[J"
)

// draw replaces the lines, of which no more than height stay: what has left the screen cannot be reached again. A terminal
// that goes away must not end the measurement, so errors are nothing.
func (r *screen) draw(text string, height int) {
	if text = lastLines(text, height); text != r.shown {
		_, _ = io.WriteString(r.out, r.back()+strings.ReplaceAll(text, "\n", lineRest+"\n")+belowRest)
		r.shown = text
	}
}

// above writes what stays, and the lines again below it.
func (r *screen) above(text string) {
	_, _ = io.WriteString(r.out, r.back()+belowRest+text+r.shown)
}

// back goes to the first of the lines.
func (r *screen) back() string { return "\r" + strings.Repeat(lineUp, strings.Count(r.shown, "\n")) }

// lastLines are the last n lines; a text ends with a line break, so one part more is empty.
func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-1-max(n, 1)):], "")
}
