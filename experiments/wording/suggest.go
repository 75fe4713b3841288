// Package wording holds what messages to people are made of, whatever they are about: suggestions, lists, counts, and
// text of others that is safe to show.
package wording

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Suggest finds the candidate that a mistyped name most likely means; "" when none is near enough. Three edits
// are allowed for a long name, fewer for a short one: "top_q" is near "top_p", "url" is not near "env".
// Of candidates that are equally near the first in the alphabet wins, so that a message is always the same.
func Suggest(name string, candidates []string) string {
	best, near := "", editsFor(name)+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if strings.EqualFold(c, name) && c != name {
			return c
		}
		if d := levenshtein.Distance(name, c, nil); d < near {
			best, near = c, d
		}
	}
	if best == "" {
		best = sameWords(name, candidates)
	}
	return best
}

// editsFor is how many slips are forgiven: of three letters, two changes leave too little to go by.
func editsFor(name string) int {
	switch n := len(name); {
	case n < 4:
		return 1
	case n < 8:
		return 2
	}
	return 3
}

// sameWords finds a candidate that differs in its separators only ("max-num-seqs", "maxNumSeqs").
func sameWords(name string, candidates []string) string {
	flat := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(s))
	}
	for _, c := range candidates {
		if flat(c) == flat(name) {
			return c
		}
	}
	return ""
}

// DidYouMean is a sentence with its leading space that names the candidate which a mistyped name most likely means, or "".
func DidYouMean(name string, candidates []string) string {
	if s := Suggest(name, candidates); s != "" {
		return fmt.Sprintf(" Did you mean %q?", s)
	}
	return ""
}

// Listed joins names for a message: `"a", "b" or "c"`.
func Listed(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return Either(quoted)
}

// Either joins names of which each will do: "a, b or c".
func Either(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
