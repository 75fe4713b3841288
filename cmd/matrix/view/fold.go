package view

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Fold breaks a line between words so that it fits so many columns, the rest two columns further in; 0 leaves it whole, for
// pipes. Colours in it take no columns. A command stays together with its flags, and what is longer than a line is left to the
// terminal, which breaks it at its edge: who copies it, or a path, gets it whole.
func Fold(line string, width int) string {
	if width <= 0 || ansi.StringWidth(line) <= width {
		return line
	}
	rest := strings.TrimLeft(line, " ")
	// what is broken keeps its place below its beginning
	indent := len(line) - len(rest)
	hang := strings.Repeat(" ", indent+2)
	if strings.HasPrefix(rest, "| ") { // a log's margin goes on
		hang = line[:indent+2]
	}
	var parts []string
	last := ""
	for word := range strings.SplitSeq(rest, " ") {
		if last == "matrix" || strings.HasPrefix(last, "-") || (strings.HasPrefix(word, "-") || word == `\`) && last != "" {
			parts[len(parts)-1] += " " + word
		} else {
			parts = append(parts, word)
		}
		last = word
	}
	return line[:indent] + strings.Join(flow(parts, " ", max(20, width-indent-2)), "\n"+hang)
}

// Head is the first n bytes of an id; what a damaged manifest says may be shorter.
func Head(id string, n int) string { return id[:min(n, len(id))] }

// spread puts right at the end of a line of so many columns.
// At most 100 columns: on a wide screen the two would lose each other.
func spread(left, right string, width int) string {
	gap := max(2, min(width, 100)-ansi.StringWidth(left)-ansi.StringWidth(right))
	return left + strings.Repeat(" ", gap) + right
}

// flow puts parts into as few lines of so many columns as they fit, in order; a part is never broken.
// No parts make one empty line.
func flow(parts []string, dot string, width int) (lines []string) {
	line := ""
	for _, part := range parts {
		switch {
		case line == "":
			line = part
		case ansi.StringWidth(line+dot+part) <= width:
			line += dot + part
		default:
			lines, line = append(lines, line), part
		}
	}
	return append(lines, line)
}

// Clip cuts a line at the terminal's edge: a wrapped line would break the redraw.
func Clip(line string, width int) string { return ansi.Truncate(line, width, "…") }
