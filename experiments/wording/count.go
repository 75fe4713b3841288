package wording

import (
	"fmt"
	"strings"
)

// Count is a number with its noun, in the plural but for one: "1 answer", "2 answers", "0 prompts". The noun is given in
// the plural, as most sentences have it; one that ends in -ies loses these for a y.
func Count[N int | int64](n N, plural string) string {
	noun := plural
	if n == 1 {
		if stem, ok := strings.CutSuffix(plural, "ies"); ok {
			noun = stem + "y"
		} else {
			noun = strings.TrimSuffix(plural, "s")
		}
	}
	return fmt.Sprintf("%d %s", n, noun)
}
