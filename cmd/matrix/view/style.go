package view

import (
	"os"
	"strings"

	"matrix/runner/plan"
)

// utf8Locale goes by the first variable that is set, as the C library does.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}

// bar is a share of a whole, so many columns wide.
func (s Style) bar(share float64, width int) string {
	full, empty := "█", "░"
	if s.ASCII {
		full, empty = "#", "."
	}
	width = max(width, 1)
	// a share beyond its bounds is a full or an empty bar
	n := min(max(int(share*float64(width)+0.5), 0), width)
	return s.paint(cyan, strings.Repeat(full, n)) + s.Dim(strings.Repeat(empty, width-n))
}

// Style draws marks and colours, or plain ASCII where there can be none.
// Its zero value is plain text.
type Style struct {
	Color bool // escape sequences may be written
	ASCII bool // no character beyond ASCII
}

// newStyle is how a stream is drawn on. Who wants no colour gets no characters beyond ASCII either.
func newStyle(tty, noColor bool) Style {
	noColor = noColor || os.Getenv("TERM") == "dumb"
	return Style{Color: tty && !noColor, ASCII: noColor || !utf8Locale(os.Getenv)}
}

// What is painted with: the colours are those of the terminal's own palette, which its user has made readable.
const (
	bold    = "1"
	red     = "31"
	green   = "32"
	yellow  = "33"
	magenta = "35"
	cyan    = "36"
	grey    = "90" // bright black, grey on either ground
)

// paint leaves an empty text empty, so that no escape sequence stands alone.
func (s Style) paint(with, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + with + "m" + text + "\x1b[0m"
}

// Bad paints what failed.
func (s Style) Bad(t string) string { return s.paint(red, t) }

// Warn paints what to know before believing or going on.
// Without colours each of these is its text.
func (s Style) Warn(t string) string { return s.paint(yellow, t) }

// Good paints what is as it should be.
func (s Style) Good(t string) string { return s.paint(green, t) }

// Dim paints what may be passed over.
func (s Style) Dim(t string) string { return s.paint(grey, t) }

// Bold marks names; it is no colour, and goes with them all the same.
func (s Style) Bold(t string) string { return s.paint(bold, t) }

// Dot separates parts of a line.
func (s Style) Dot() string {
	if s.ASCII {
		return " - "
	}
	return " · "
}

// Arrow stands between before and after.
func (s Style) Arrow() string {
	if s.ASCII {
		return " -> "
	}
	return " → "
}

// marks of a cell's state.
// No two share a sign and a colour but stale and partial, which both run again.
var marks = map[plan.State]struct{ sign, ascii, colour string }{
	plan.Done:        {"✓", "v", green},
	plan.New:         {"+", "+", cyan},
	plan.Stale:       {"~", "~", yellow},
	plan.Partial:     {"~", "~", yellow},
	plan.FailedState: {"!", "!", red},
	plan.Infeasible:  {"✗", "x", red},
	plan.Excluded:    {"·", ".", grey},
	plan.Unavailable: {"?", "?", magenta},
}

// Mark is the sign of a state, in its colour.
func (s Style) Mark(state plan.State) string {
	m := marks[state]
	if s.ASCII {
		return s.paint(m.colour, m.ascii)
	}
	return s.paint(m.colour, m.sign)
}
