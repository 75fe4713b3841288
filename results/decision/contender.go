package decision

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"matrix/results/stats"
	"matrix/results/summary"
)

// contender is one way to run the model: a platform with the settings that tell it from others of that platform.
type contender struct {
	name, platform string
	selectors      []string // axis=value, as `matrix apply --only` takes them
	at             map[int64]*tally
	series         int // its place in the model of finish times
}

// sizes are the batch sizes at which it has a cell, ascending.
func (c *contender) sizes() []int64 { return slices.Sorted(maps.Keys(c.at)) }

// cells are the contender's, by size.
func (c *contender) cells() []*tally {
	var out []*tally
	for _, size := range c.sizes() {
		out = append(out, c.at[size])
	}
	return out
}

// evidence are the cells that tell of n requests: of batches up to n, or of the smallest where all are larger.
func (c *contender) evidence(n int64) []*tally {
	var out []*tally
	for _, at := range c.cells() {
		if at.tried() && (at.size <= n || len(out) == 0) {
			out = append(out, at)
		}
	}
	return out
}

// broke is the smallest batch up to n that was tried and did not come through, nor did a larger one; nil = none.
func (c *contender) broke(n int64) *tally {
	var out *tally
	for _, at := range c.cells() {
		switch {
		case at.complete > 0:
			out = nil
		case at.broken() && at.size <= n && out == nil:
			out = at
		}
	}
	return out
}

// reached is the largest batch of which a launch came through; 0 = none.
func (c *contender) reached() int64 {
	var out int64
	for _, at := range c.cells() {
		if at.complete > 0 {
			out = at.size
		}
	}
	return out
}

// requests are those over all attempts that tell of n requests, retries of a launch included.
func (c *contender) requests(n int64) (answered, planned int64) {
	for _, at := range c.evidence(n) {
		answered, planned = answered+at.answered, planned+at.planned
	}
	return answered, planned
}

// attempts that tell of n requests, and how many came to their end.
func (c *contender) attempts(n int64) (complete, all int) {
	for _, at := range c.evidence(n) {
		complete += at.complete
		all += at.complete + at.failed + at.censored
	}
	return complete, all
}

// constant is a figure that is the same at every size: the median over all launches.
func (c *contender) constant(name string) *float64 {
	var all []float64
	for _, at := range c.cells() {
		all = append(all, at.values(name)...)
	}
	if len(all) == 0 {
		return nil
	}
	return new(stats.Median(all))
}

// launches that came through, at all sizes.
func (c *contender) launches() int {
	n := 0
	for _, at := range c.cells() {
		n += len(at.launches)
	}
	return n
}

// most launches of one cell.
func (c *contender) most() int {
	n := 0
	for _, at := range c.cells() {
		n = max(n, len(at.launches))
	}
	return n
}

// repeated reports that some cell was launched twice: without it nothing tells how much identical launches differ.
func (c *contender) repeated() bool { return c.most() > 1 }

// imported reports that one of its cells was measured by another tool.
func (c *contender) imported() bool {
	return slices.ContainsFunc(c.cells(), func(at *tally) bool { return at.imported })
}

func (c *contender) sources(cells []*tally) []Source {
	var out []Source
	for _, at := range cells {
		out = append(out, at.source)
	}
	return out
}

// contendersOf names the cells of a group. Settings that are the same in the whole group are no part of a name; where
// two cells would still share a name and size, the experiment tells them apart, and else the folder.
func contendersOf(cells []*tally) []*contender {
	varying := varying(cells)
	type key struct {
		name string
		size int64
	}
	name := func(c *tally, more string) string {
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
			byName[n] = &contender{name: n, platform: c.platform, selectors: selectorsOf(c, varying), at: map[int64]*tally{}}
		}
		byName[n].at[c.size] = c
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *contender) int { return cmp.Compare(a.name, b.name) })
}

func selectorsOf(c *tally, varying []string) []string {
	out := []string{"platform=" + c.platform, "model=" + c.model}
	for _, axis := range varying {
		if label, ok := c.settings[axis]; ok {
			out = append(out, axis+"="+label)
		}
	}
	return out
}

// varying are the axes whose label is not the same in all cells, sorted.
func varying(cells []*tally) []string {
	var settings []map[string]string
	for _, c := range cells {
		settings = append(settings, c.settings)
	}
	return summary.Varying(settings...)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
