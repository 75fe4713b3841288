package decision

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// groupKey is what cells must share to be ranked against each other.
type groupKey struct{ model, precision, place, asked string }

// groupsOf sorts cells into groups, by model, then by their order in keys. What a cell does not tell (an imported one,
// one that crashed before it loaded) is taken from the group that it fits, where it fits only one.
func groupsOf(cells []*tally) [][]*tally {
	byModel := map[string][]*tally{}
	for _, c := range cells {
		byModel[c.model] = append(byModel[c.model], c)
	}
	var out [][]*tally
	for _, model := range sortedKeys(byModel) {
		out = append(out, split(byModel[model])...)
	}
	return out
}

// split is groupsOf for the cells of one model.
func split(cells []*tally) [][]*tally {
	keys := keysOf(cells)
	groups := map[groupKey][]*tally{}
	for i, c := range cells {
		k := settle(keys[i], keys)
		groups[k] = append(groups[k], c)
	}
	join(groups)
	var out [][]*tally
	for _, k := range slices.SortedFunc(maps.Keys(groups), groupKey.compare) {
		out = append(out, groups[k])
	}
	return out
}

// join makes one group of those that differ in what was asked of the same prompts alone, where each holds but one platform
// and not all the same one: a setting that only one side got. By themselves they would say that there is nothing to compare
// with; together a red check says why they are not comparable.
func join(groups map[groupKey][]*tally) {
	alike := map[groupKey][]groupKey{}
	for _, k := range slices.SortedFunc(maps.Keys(groups), groupKey.compare) {
		if prompts := groups[k][0].prompts; prompts != "" {
			of := groupKey{k.model, k.precision, k.place, prompts}
			alike[of] = append(alike[of], k)
		}
	}
	for _, keys := range alike {
		sides := map[string]bool{}
		apart := true
		for _, k := range keys {
			platforms := map[string]bool{}
			for _, c := range groups[k] {
				platforms[c.platform], sides[c.platform] = true, true
			}
			done := func(c *tally) bool { return len(c.launches) > 0 }
			apart = apart && len(platforms) == 1 && slices.ContainsFunc(groups[k], done)
		}
		if !apart || len(sides) < 2 {
			continue
		}
		for _, k := range keys[1:] {
			groups[keys[0]] = append(groups[keys[0]], groups[k]...)
			delete(groups, k)
		}
	}
}

// compare orders groups: widest weights first, then by what was asked, all by text.
func (k groupKey) compare(other groupKey) int {
	wide := func(s string) (n int) {
		_, _ = fmt.Sscanf(s, "%d-bit", &n)
		return n
	}
	if a, b := wide(k.precision), wide(other.precision); a != b {
		return b - a
	}
	return strings.Compare(k.precision+k.place+k.asked, other.precision+other.place+other.asked)
}

// keysOf gives each cell its key. A cell that crashed before it told its weights has those of the same platform and
// settings at other sizes.
func keysOf(cells []*tally) []groupKey {
	forms := make([]form, len(cells))
	told := map[string]form{}
	same := func(c *tally) string {
		var b strings.Builder
		for _, axis := range sortedKeys(c.settings) {
			b.WriteString("\x00" + axis + "\x00" + c.settings[axis])
		}
		return c.platform + b.String()
	}
	for _, c := range cells {
		if c.form.told() {
			told[same(c)] = c.form
		}
	}
	for i, c := range cells {
		forms[i] = c.form
		if !c.form.told() {
			forms[i] = told[same(c)]
		}
	}
	keys := make([]groupKey, len(cells))
	for i, p := range precisions(forms) {
		keys[i] = groupKey{cells[i].model, p, cells[i].place, cells[i].asked}
	}
	return keys
}

// settle fills what a key does not tell from the one full key that it fits; with several, it stays as it is.
func settle(k groupKey, all []groupKey) groupKey {
	if k.full() {
		return k
	}
	fits := map[groupKey]bool{}
	for _, other := range all {
		if other.full() && agree(k.precision, other.precision) && agree(k.place, other.place) && agree(k.asked, other.asked) {
			fits[other] = true
		}
	}
	if len(fits) != 1 {
		return k
	}
	for only := range fits {
		k = only
	}
	return k
}

// full reports that a cell told everything by which it is grouped.
func (k groupKey) full() bool { return k.precision != "" && k.place != "" && k.asked != "" }

func agree(a, known string) bool { return a == "" || a == known }

func precisionOf(cells []*tally) string {
	for _, k := range keysOf(cells) {
		if k.precision != "" {
			return k.precision
		}
	}
	return ""
}
