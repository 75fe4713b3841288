package process

import (
	"regexp"
	"strings"
)

// plainWord needs no quotes. The list is of what is safe: what a shell takes for itself is longer, and differs between
// shells.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// Quote writes a word as a POSIX shell reads it: as it is where nothing of it means anything to a shell.
func Quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
