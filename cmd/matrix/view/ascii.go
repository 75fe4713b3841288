package view

import "strings"

// ascii spells what a terminal without UTF-8 cannot show, and what a person who wants no colours asked to have plain.
// A sign that is not here stays as it is.
var ascii = strings.NewReplacer("×", "x", "−", "-", "≥", ">=", "≤", "<=", "±", "+-", "–", "-", "—", "-", "…", "...", "→", "->", "Δ", "delta ", "½", "1/2", "≈", "~", "·", "-",
	"€", "EUR", "µ", "u", "✓", "v", "✗", "x", "★", "*", "│", "|", "─", "-", "┼", "+", "“", "\"", "”", "\"", "’", "'", "\u00a0", " ", "\u202f", " ")
