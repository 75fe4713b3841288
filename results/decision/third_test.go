package decision

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Nor does a third that lacks metrics, or a batch size: everybody stands to everybody as they would alone, unless each of three
// is ahead of the next; and whoever wins is ahead of all, two by two. (In a tie other criteria decide, between the two that lead.)
func TestThirdThatLacksSwapsNobody(t *testing.T) {
	for seed := range uint64(trees() / 2) {
		w := lacking(rand.New(rand.NewPCG(seed, 9)))
		all := w.decided(t, nil)
		order := places(all)
		alone := make([]map[string]map[string]bool, len(order)) // who is ahead of whom
		tied := map[int]bool{}
		for i := range alone {
			alone[i] = map[string]map[string]bool{}
		}
		for _, x := range w.engines {
			for _, y := range w.engines {
				if x.name == y.name {
					continue
				}
				two := w.changed("", nil, nil)
				two.cells = slices.DeleteFunc(two.cells, func(c *tally) bool { return c.platform != x.name && c.platform != y.name })
				both := two.decided(t, nil)
				for i, at := range places(both) {
					tied[i] = tied[i] || both.Questions[i].Verdict == Tie || all.Questions[i].Verdict == Tie
					if alone[i][x.name] == nil {
						alone[i][x.name] = map[string]bool{}
					}
					alone[i][x.name][y.name] = at[x.name] < at[y.name]
				}
			}
		}
		for i, of := range alone {
			if tied[i] {
				continue
			}
			ring := map[int]bool{}
			for x := range of {
				ahead := 0
				for y, is := range of[x] {
					if is {
						ahead++
					}
					if is && all.Questions[i].Verdict == Winner && y == platform(all.Questions[i]) {
						t.Errorf("seed %d: %s wins, and alone %s is ahead of it", seed, y, x)
					}
				}
				ring[ahead] = true
			}
			for x := range of {
				for y, is := range of[x] {
					if len(ring) == len(of) && is != (order[i][x] < order[i][y]) {
						t.Errorf("seed %d: %s before %s is %v alone, but %v", seed, x, y, is, order[i])
					}
				}
			}
		}
	}
}

// lacking is a random world of nearly equally fast engines, of which the last lacks metrics, and now and then the larger sizes.
func lacking(r *rand.Rand) world {
	w := randomWorld(r)
	last, rate := w.engines[len(w.engines)-1].name, w.engines[0].rate
	w.cells = nil
	for i := range w.engines {
		w.engines[i].rate, w.engines[i].load, w.engines[i].noise = rate*(1+0.1*r.Float64()), 20, quiet
		w.cells = append(w.cells, w.engines[i].measured(r, threeSizes, 3)...)
	}
	lacks, small := r.IntN(4), r.IntN(2) == 0
	for _, c := range w.cells {
		for _, l := range c.launches {
			for k, name := range []string{mEnergy, mCPU, mMemory, mFootprint, mPackages, mSettings} {
				if c.platform == last && (lacks == 0 || k%3 == lacks-1) {
					delete(l.values, name)
				}
			}
		}
	}
	w.cells = slices.DeleteFunc(w.cells, func(c *tally) bool { return small && c.platform == last && c.size > threeSizes[0] })
	return w
}
