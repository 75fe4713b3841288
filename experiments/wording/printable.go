package wording

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is text that others wrote (a label, an engine's log, a holder's name) as it may be shown: what would move a
// terminal's cursor, turn the direction of a line or break an XML document stands as �. Line ends and tabs stay.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || Shows(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}

// Shows reports whether a rune is shown as itself.
func Shows(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return true
	case unicode.IsControl(r): // C0, DEL, C1
		return false
	case r < 0x600:
		return true
	case r == 0x61c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // direction, line ends
		return false
	}
	return r < 0xe0000 && r != 0xfeff && r != 0xfffe && r != 0xffff // tags, and what no text has
}
