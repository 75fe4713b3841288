package decision

import (
	"fmt"
	"math"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// unit is how a person tells a time of that length.
type unit struct {
	least, seconds float64 // from how long on, and how long one is
	format, name   string
}

var units = []unit{{2 * 86400, 86400, "%.1f", "days"}, {2 * 3600, 3600, "%.1f", "h"}, {6000, 60, "%.0f", "min"}, {120, 60, "%.1f", "min"}, {10, 1, "%.0f", "s"}, {0, 1, "%.2g", "s"}}

func unitOf(seconds float64) unit {
	for _, u := range units {
		if seconds >= u.least {
			return u
		}
	}
	return units[len(units)-1]
}

// Span says how long in the unit that a person would use: "34 min".
func Span(seconds float64) string {
	u := unitOf(seconds)
	return fmt.Sprintf(u.format+" "+u.name, seconds/u.seconds)
}

// Range is an interval of times in one unit: "32–36 min".
func Range(low, high float64) string {
	u := unitOf(high)
	return fmt.Sprintf(u.format+"–"+u.format+" "+u.name, low/u.seconds, high/u.seconds)
}

// rounded is a number of requests to two digits.
func rounded(n float64) int64 {
	unit := math.Pow(10, max(0, math.Floor(math.Log10(n))-1))
	return int64(math.Round(n/unit) * unit)
}

// counted is "1 more launch", "3 launches".
func counted(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "ch"):
		return whole(int64(n)) + " " + one + "es"
	}
	return whole(int64(n)) + " " + one + "s"
}

func percent(x float64) string {
	switch {
	case x >= 0.995 && x < 1: // never rounded up to certainty
		return fmt.Sprintf("%.1f%%", math.Floor(1000*x)/10)
	case math.Abs(x) < 0.095 && x != 0:
		return fmt.Sprintf("%.1f%%", 100*x)
	}
	return fmt.Sprintf("%.0f%%", 100*x)
}

// numerals writes 1,000 as the report's tables do.
var numerals = message.NewPrinter(language.English)

func whole(n int64) string { return numerals.Sprintf("%d", n) }

func upper(s string) string {
	if s == "" || strings.ContainsAny(s[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return s
	}
	if name, _, _ := strings.Cut(s, " "); strings.ContainsAny(name, "_0123456789") {
		return s // a platform's name is written as it is
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
