package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"matrix/experiments/cell"
)

// order puts the pending launches in the order that the experiment asks for. The seed is recorded with every attempt.
func order(items []*Item) ([]Step, int64) {
	var steps []Step
	how, seed := "", int64(0)
	for _, item := range items {
		for _, n := range item.Launches {
			steps = append(steps, Step{Item: item, Launch: n})
		}
		if how == "" && item.Pending() {
			how, seed = cmp.Or(item.Cell.Order, "blocks"), item.Cell.Seed
		}
	}
	groups := together(steps)
	if how != "declared" {
		for i, g := range groups {
			shuffle(g, seed, uint64(i)<<32)
		}
	}
	switch how {
	case "declared":
	case "random":
		shuffle(groups, seed, 0)
	default:
		groups = blocks(groups, seed)
	}
	return slices.Concat(groups...), seed
}

// together brings the steps side by side that share a server: a launch is a fresh start for all of them. Any other step
// is a group of its own.
func together(steps []Step) [][]Step {
	type shared struct {
		server string
		launch int
	}
	var groups [][]Step
	at := map[shared]int{}
	for n, step := range steps {
		key := shared{step.Item.Server, step.Launch}
		if i, known := at[key]; known && key.server != "" {
			groups[i] = append(groups[i], step)
			continue
		}
		at[key] = len(groups)
		groups = append(groups, steps[n:n+1:n+1]) // one that grows moves elsewhere
	}
	return groups
}

// blocks: launch 1 of every cell, small batches first, so that a provisional report exists early; then each further
// launch of every cell. Each block has a shuffle of its own, so that drift of the machine is spread over the cells:
// in the first, over those of the same batch size. Of cells that share a server the smallest batch counts.
func blocks(groups [][]Step, seed int64) [][]Step {
	groups = ranked(groups, func(g []Step) int { return g[0].Launch })
	for from := 0; from < len(groups); {
		to := from
		for to < len(groups) && groups[to][0].Launch == groups[from][0].Launch {
			to++
		}
		block := groups[from:to]
		shuffle(block, seed, uint64(block[0][0].Launch))
		if block[0][0].Launch == 1 {
			copy(block, ranked(block, smallest))
		}
		from = to
	}
	return groups
}

// ranked are groups by a rank, the lowest first, else in their order: a counting sort, since there are few ranks, and a stable
// one by comparison takes some times as long for 300,000 groups.
func ranked(groups [][]Step, rank func([]Step) int) [][]Step {
	at := map[int]int{}
	for _, g := range groups {
		at[rank(g)]++
	}
	below := 0
	for _, r := range slices.Sorted(maps.Keys(at)) {
		at[r], below = below, below+at[r]
	}
	out := make([][]Step, len(groups))
	for _, g := range groups {
		r := rank(g)
		out[at[r]] = g
		at[r]++
	}
	return out
}

// smallest is the smallest batch of a group, which comes before a larger one in the first block.
func smallest(group []Step) int {
	n := group[0].Item.Cell.BatchSize
	for _, step := range group {
		n = min(n, step.Item.Cell.BatchSize)
	}
	return n
}

// shuffle is the same for the same seed. stream keeps apart the several lists that one seed shuffles.
func shuffle[T any](list []T, seed int64, stream uint64) {
	r := rand.New(rand.NewPCG(uint64(seed), stream))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// serverKey is equal for cells whose engines are launched alike: same platform after overrides, model, hardware, caches.
// It is "" for a cell that has a server of its own, and where there is none to launch.
func serverKey(c *cell.Cell) string {
	if c.Isolation == nil || c.Isolation.Server != "group" || c.Platform.Attached() {
		return ""
	}
	return engineKey(c)
}

// engineKey is equal for cells that one engine could serve, whether they share it or not.
func engineKey(c *cell.Cell) string {
	platform := *c.Platform
	platform.Place = cell.Place{}
	hardware := ""
	if c.Hardware != nil {
		hardware = c.Hardware.ID
	}
	i := c.Isolation
	key, err := json.Marshal([]any{platform, c.Model.ID, hardware, i.Caches, i.PrefixCache, i.Alone})
	if err != nil {
		panic(err) // values of the language: all of them have a JSON form
	}
	return string(key)
}

// share finds the cells that need the same server, and says so in the plan.
func (p *Plan) share() {
	cells := map[string]int{}
	for _, item := range p.Items {
		if item.Pending() {
			item.Server = serverKey(item.Cell)
			cells[item.Server]++
		}
	}
	for _, item := range p.Items {
		if item.Server == "" || !item.Pending() {
			continue
		}
		note := `has a server of its own though isolation.server = "group": no other pending cell needs the same`
		if n := cells[item.Server]; n > 1 {
			others := fmt.Sprintf("%d other cells", n-1)
			if n == 2 {
				others = "1 other cell"
			}
			note = "shares one server with " + others + ": no load time of its own"
		}
		item.Notes = append(item.Notes, note)
	}
}
