package runner

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// order puts the pending launches in the order that the experiment asks for. The seed is recorded with every attempt.
func order(items []*Item) ([]LaunchStep, int64) {
	var steps []LaunchStep
	how, seed := "", int64(0)
	for _, item := range items {
		for _, n := range item.Launches {
			steps = append(steps, LaunchStep{Item: item, Launch: n})
		}
		if how == "" && item.Pending() {
			how, seed = cmp.Or(item.Cell.Order, "blocks"), item.Cell.Seed
		}
	}
	switch how {
	case "declared":
	case "random":
		shuffle(steps, seed, 0)
	default:
		blocks(steps, seed)
	}
	return steps, seed
}

// blocks: launch 1 of every cell, small batches first, so that a provisional report exists early; then each further
// launch of every cell. Each block has a shuffle of its own, so that drift of the machine is spread over the cells:
// in the first, over those of the same batch size.
func blocks(steps []LaunchStep, seed int64) {
	slices.SortStableFunc(steps, func(a, b LaunchStep) int { return cmp.Compare(a.Launch, b.Launch) })
	for from := 0; from < len(steps); {
		to := from
		for to < len(steps) && steps[to].Launch == steps[from].Launch {
			to++
		}
		block := steps[from:to]
		shuffle(block, seed, uint64(block[0].Launch))
		if block[0].Launch == 1 {
			slices.SortStableFunc(block, func(a, b LaunchStep) int {
				return cmp.Compare(a.Item.Cell.BatchSize, b.Item.Cell.BatchSize)
			})
		}
		from = to
	}
}

func shuffle(steps []LaunchStep, seed int64, stream uint64) {
	r := rand.New(rand.NewPCG(uint64(seed), stream))
	r.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
}
