package view

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

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
	return s.paint(strconv.Itoa(6), strings.Repeat(full, n)) + s.Dim(strings.Repeat(empty, width-n))
}

// Style draws marks and colours, or plain ASCII where there can be none.
// Its zero value is plain text.
type Style struct {
	Color bool // escape sequences may be written
	ASCII bool // no character beyond ASCII
	r     *lipgloss.Renderer
}

// newStyle is how a stream is drawn on. Who wants no colour gets no characters beyond ASCII either.
func newStyle(tty, noColor bool) Style {
	noColor = noColor || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	s := Style{Color: tty && !noColor, ASCII: noColor || !utf8Locale(os.Getenv)}
	// it would ask the terminal for its background, and wait for an answer
	s.r = lipgloss.NewRenderer(io.Discard) // what it would find out of a terminal is said below
	if s.Color {
		s.r.SetColorProfile(termenv.ANSI256)
	} else {
		s.r.SetColorProfile(termenv.Ascii)
	}
	return s
}

func (s Style) paint(color, text string) string {
	if !s.Color {
		return text
	}
	return s.r.NewStyle().Foreground(lipgloss.Color(color)).Render(text)
}

// Bad paints what failed. All colours are numbers of the terminal's own palette, which its user has made readable.
func (s Style) Bad(t string) string { return s.paint("1", t) }

// Warn paints what to know before believing or going on.
// Without colours each of these is its text.
func (s Style) Warn(t string) string { return s.paint("3", t) }

// Good paints what is as it should be.
func (s Style) Good(t string) string { return s.paint("2", t) }

// Dim paints what may be passed over: bright black, grey on either ground.
func (s Style) Dim(t string) string { return s.paint("8", t) }

// Bold marks names; it is no colour, and goes with them all the same.
func (s Style) Bold(t string) string {
	if !s.Color {
		return t
	}
	return s.r.NewStyle().Bold(true).Render(t)
}

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

// marks of a cell's state: UTF-8, ASCII, colour.
// No two share a sign and a colour but stale and partial, which both run again.
var marks = map[plan.State][3]string{
	plan.Done:        {"✓", "v", "2"},
	plan.New:         {"+", "+", "6"},
	plan.Stale:       {"~", "~", "3"},
	plan.Partial:     {"~", "~", "3"},
	plan.FailedState: {"!", "!", "1"},
	plan.Infeasible:  {"✗", "x", "1"},
	plan.Excluded:    {"·", ".", "8"},
	plan.Unavailable: {"?", "?", "5"},
}

// Mark is the sign of a state, in its colour.
func (s Style) Mark(state plan.State) string {
	m := marks[state]
	if s.ASCII {
		return s.paint(m[2], m[1])
	}
	return s.paint(m[2], m[0])
}
