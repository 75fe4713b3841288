package view

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// ascii spells what a terminal without UTF-8 cannot show, and what a person who wants no colours asked to have plain.
// A sign that is not here stays as it is.
var ascii = strings.NewReplacer("×", "x", "−", "-", "≥", ">=", "≤", "<=", "±", "+-", "–", "-", "—", "-", "…", "...", "→", "->", "Δ", "delta ", "½", "1/2", "≈", "~", "·", "-",
	"€", "EUR", "µ", "u", "✓", "v", "✗", "x", "★", "*", "│", "|", "─", "-", "┼", "+", "“", "\"", "”", "\"", "’", "'", "\u00a0", " ", "\u202f", " ")

// spelled is text in ASCII whose columns stand where they stood: what a sign takes more is taken of the next gap between
// columns on its line, one space of which stays. Tables are drawn long before it is known where they go, and by libraries.
func spelled(text string) string {
	var out strings.Builder
	grown, gap := 0, 0
	for _, r := range text {
		if r == ' ' {
			gap++
			continue
		}
		taken := min(grown, max(0, gap-1))
		out.WriteString(strings.Repeat(" ", gap-taken))
		grown, gap = grown-taken, 0
		sign := string(r)
		switch {
		case r == '\n':
			grown = 0
		case r >= utf8.RuneSelf:
			sign = ascii.Replace(sign)
			grown += max(0, ansi.StringWidth(sign)-ansi.StringWidth(string(r)))
		}
		out.WriteString(sign)
	}
	return out.String() + strings.Repeat(" ", gap)
}
