package main

import (
	"os"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"matrix/runner"
)

// style draws marks and colours, or plain ASCII where there can be none.
type style struct {
	color bool
	ascii bool
	r     *lipgloss.Renderer
}

func newStyle(tty, noColor bool) style {
	noColor = noColor || os.Getenv("NO_COLOR") != ""
	s := style{color: tty && !noColor, ascii: noColor || !utf8Locale(os.Getenv)}
	s.r = lipgloss.NewRenderer(os.Stdout)
	if s.color {
		s.r.SetColorProfile(termenv.ANSI256)
	} else {
		s.r.SetColorProfile(termenv.Ascii)
	}
	return s
}

func (s style) paint(color, text string) string {
	if !s.color {
		return text
	}
	return s.r.NewStyle().Foreground(lipgloss.Color(color)).Render(text)
}

// ANSI colours that read on light and dark backgrounds.
func (s style) err(t string) string  { return s.paint("1", t) }
func (s style) warn(t string) string { return s.paint("3", t) }
func (s style) good(t string) string { return s.paint("2", t) }
func (s style) dim(t string) string  { return s.paint("8", t) }

func (s style) bold(t string) string {
	if !s.color {
		return t
	}
	return s.r.NewStyle().Bold(true).Render(t)
}

// dot separates parts of a line.
func (s style) dot() string {
	if s.ascii {
		return " - "
	}
	return " · "
}

func (s style) arrow() string {
	if s.ascii {
		return " -> "
	}
	return " → "
}

// marks of a cell's state: UTF-8, ASCII, colour.
var marks = map[runner.State][3]string{
	runner.Done:        {"✓", "v", "2"},
	runner.New:         {"+", "+", "6"},
	runner.Stale:       {"~", "~", "3"},
	runner.Partial:     {"~", "~", "3"},
	runner.FailedState: {"!", "!", "1"},
	runner.Infeasible:  {"✗", "x", "1"},
	runner.Excluded:    {"·", ".", "8"},
	runner.Unavailable: {"?", "?", "5"},
}

func (s style) mark(state runner.State) string {
	m := marks[state]
	if s.ascii {
		return s.paint(m[2], m[1])
	}
	return s.paint(m[2], m[0])
}
