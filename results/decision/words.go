package decision

import (
	"math"
	"strings"

	"matrix/results/format"
)

// Span and Range write times as a sentence says them.
var Span, Range = format.Span, format.Range

// rounded is a number of requests to two digits.
func rounded(n float64) int64 {
	unit := math.Pow(10, max(0, math.Floor(math.Log10(n))-1))
	return int64(math.Round(n/unit) * unit)
}

// upper begins a sentence.
func upper(s string) string {
	if s == "" || strings.ContainsAny(s[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return s
	}
	if name, _, _ := strings.Cut(s, " "); strings.ContainsAny(name, "_0123456789") {
		return s // a platform's name is written as it is
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
