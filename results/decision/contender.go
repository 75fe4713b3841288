package decision

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"matrix/results"
	"matrix/results/stats"
)

// contender is one way to run the model: a platform with the settings that tell it from others of that platform.
type contender struct {
	name, platform string
	selectors      []string // axis=value, as `matrix apply --only` takes them
	at             map[int64]*cell
}

// scope is what a ranking looks at.
type scope struct {
	size  int64   // of one batch; 0 = overall
	sizes []int64 // batch sizes that anybody completed, ascending
	rate  string  // the rate that scalability is a ratio of
}

func (c *contender) sizes() []int64 { return slices.Sorted(maps.Keys(c.at)) }

// within are the contender's cells that a scope looks at, by size.
func (c *contender) within(s scope) []*cell {
	var out []*cell
	for _, size := range c.sizes() {
		if s.size == 0 || s.size == size {
			out = append(out, c.at[size])
		}
	}
	return out
}

// rateAt is a rate at a batch size. Where it was tried and nothing came through, none of these batches gets done in any
// time: the rate is 0, which is evidence and no missing value.
func rateAt(name string) func(*contender, scope) *float64 {
	return func(c *contender, s scope) *float64 {
		if c.at[s.size].broken() {
			return new(float64)
		}
		return c.at[s.size].median(name)
	}
}

// scalability is the rate at the largest batch / at the smallest of at least 100, over the sizes that anybody completed:
// the same two for all.
func (c *contender) scalability(s scope) *float64 {
	large := slices.DeleteFunc(slices.Clone(s.sizes), func(n int64) bool { return n < 100 })
	if len(large) < 2 {
		return nil
	}
	of := rateAt(s.rate)
	first, last := of(c, scope{size: large[0]}), of(c, scope{size: large[len(large)-1]})
	if first != nil && last != nil && *first == 0 {
		return new(float64)
	}
	return over(1, last, first)
}

// bound is the one-sided 95% lower bound of the success rate over all attempts, retries of a launch included.
func (c *contender) bound(s scope) *float64 {
	ok, planned := c.requests(s)
	if planned == 0 {
		return nil
	}
	b := results.SuccessBound(ok, planned)
	return &b
}

func (c *contender) requests(s scope) (ok, planned int64) {
	for _, at := range c.within(s) {
		ok, planned = ok+at.ok, planned+at.planned
	}
	return ok, planned
}

// ended is the share of attempts that came to their end.
func (c *contender) ended(s scope) *float64 {
	var complete, all float64
	for _, at := range c.within(s) {
		complete += float64(at.complete)
		all += float64(at.complete + at.failed + at.censored)
	}
	return over(1, &complete, &all)
}

// survived is the largest batch completed / the largest tried, up to the size in question.
func (c *contender) survived(s scope) *float64 {
	var largest, tried float64
	for size, at := range c.at {
		if !at.tried() || s.size > 0 && size > s.size {
			continue
		}
		tried = max(tried, float64(size))
		if at.complete > 0 {
			largest = max(largest, float64(size))
		}
	}
	return over(1, &largest, &tried)
}

// constant is a figure that is the same at every size: the median over all launches.
func (c *contender) constant(name string) *float64 {
	var all []float64
	for _, size := range c.sizes() {
		all = append(all, c.at[size].values(name)...)
	}
	if len(all) == 0 {
		return nil
	}
	m := stats.Median(all)
	return &m
}

// completed reports that anything came through in a scope.
func (c *contender) completed(s scope) bool {
	return slices.ContainsFunc(c.within(s), func(at *cell) bool { return len(at.launches) > 0 })
}

// fewest are the fewest launches behind a rate in a scope.
func (c *contender) fewest(s scope) int {
	n := 0
	for _, at := range c.within(s) {
		if k := len(at.launches); k > 0 && (n == 0 || k < n) {
			n = k
		}
	}
	return n
}

func (c *contender) imported() bool {
	return slices.ContainsFunc(c.within(scope{}), func(at *cell) bool { return at.imported })
}

// contendersOf names the cells of a group. Settings that are the same in the whole group are no part of a name; where
// two cells would still share a name and size, the experiment tells them apart, and else the folder.
func contendersOf(cells []*cell) []*contender {
	varying := varying(cells)
	type key struct {
		name string
		size int64
	}
	name := func(c *cell, more string) string {
		parts := []string{c.platform}
		for _, axis := range varying {
			if label, ok := c.settings[axis]; ok {
				parts = append(parts, axis+"="+label)
			}
		}
		if more != "" {
			parts = append(parts, more)
		}
		return strings.Join(parts, ", ")
	}
	seen, clash := map[key]bool{}, map[string]bool{}
	for _, c := range cells {
		k := key{name(c, ""), c.size}
		clash[k.name] = clash[k.name] || seen[k]
		seen[k] = true
	}
	byName := map[string]*contender{}
	for _, c := range cells {
		n := name(c, "")
		if clash[n] {
			n = name(c, "experiment="+c.origin)
		}
		if of := byName[n]; of != nil && of.at[c.size] != nil {
			n += ", " + c.source.Cell
		}
		if byName[n] == nil {
			byName[n] = &contender{name: n, platform: c.platform, selectors: selectorsOf(c, varying), at: map[int64]*cell{}}
		}
		byName[n].at[c.size] = c
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *contender) int { return cmp.Compare(a.name, b.name) })
}

func selectorsOf(c *cell, varying []string) []string {
	out := []string{"platform=" + c.platform, "model=" + c.model}
	for _, axis := range varying {
		if label, ok := c.settings[axis]; ok {
			out = append(out, axis+"="+label)
		}
	}
	return out
}

// varying are the axes whose label is not the same in all cells, sorted.
func varying(cells []*cell) []string {
	labels := map[string]map[string]bool{}
	for _, c := range cells {
		for axis, label := range c.settings {
			if labels[axis] == nil {
				labels[axis] = map[string]bool{}
			}
			labels[axis][label] = true
		}
	}
	var out []string
	for _, axis := range sortedKeys(labels) {
		if len(labels[axis]) > 1 {
			out = append(out, axis)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
