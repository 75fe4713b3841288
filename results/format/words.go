package format

import (
	"fmt"
	"strings"
)

// Count writes "1 launch", "3 launches", "2 entries", "1,000 rows". The noun is regular, and its last word is what is counted.
func Count[T ~int | ~int64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Whole(n) + " " + plural(noun)
}

func plural(noun string) string {
	stem, endsInY := strings.CutSuffix(noun, "y")
	switch {
	case endsInY && !strings.ContainsAny(noun[len(stem)-1:len(stem)], "aeiou"):
		return stem + "ies"
	case strings.HasSuffix(noun, "ch"), strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "x"):
		return noun + "es"
	}
	return noun + "s"
}

// Verb is the present tense after so many: "waits" after one, "wait" after others.
func Verb[T ~int | ~int64](n T, plural string) string {
	if n == 1 {
		return plural + "s"
	}
	return plural
}

// Some lists the first few names and counts the rest: "a, b and 3 more".
func Some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(names[:most], ", "), Whole(len(names)-most))
}
