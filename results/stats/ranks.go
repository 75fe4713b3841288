package stats

import (
	"math"
	"slices"
)

// fewestTested launches on each side make a test: 3 against 3 cannot fall below p = 0.1.
const fewestTested = 4

// mannWhitney is the two-sided p of the Mann–Whitney test, twice the smaller tail, exact with ties at any size: the
// share of all ways to pick len(a) of the pooled values whose rank sum is as small, or as large, as a's. nil where
// there are too few launches, or where all are equal.
//
// Not go-moremath's test, which golang.org/x/perf uses: with ties and unequal sizes it mirrors U although its
// distribution is not symmetric, so that a against b and b against a tell a different p.
func mannWhitney(a, b []float64) *float64 {
	if min(len(a), len(b)) < fewestTested {
		return nil
	}
	pooled := slices.Concat(a, b)
	if slices.Min(pooled) == slices.Max(pooled) {
		return nil
	}
	ranks := make([]int, len(pooled)) // doubled, so that midranks are whole
	seen := 0
	for i, rank := range Midranks(pooled) {
		if ranks[i] = int(2 * rank); i < len(a) {
			seen += ranks[i]
		}
	}
	slices.Sort(ranks)
	atMost, atLeast := tails(ranks, len(a), seen)
	return new(min(1, 2*min(atMost, atLeast)))
}

// Midranks are the ranks of values in their order, from 1; equal values have the mean of theirs, so half ranks occur.
func Midranks(values []float64) []float64 {
	sorted := slices.Sorted(slices.Values(values))
	out := make([]float64, len(values))
	for i, v := range values {
		first, _ := slices.BinarySearch(sorted, v)
		last := first
		for last+1 < len(sorted) && sorted[last+1] == v {
			last++
		}
		out[i] = float64(first+last)/2 + 1
	}
	return out
}

// tails are the shares of the picks of n ranks whose sum is at most, and at least, the one seen.
func tails(ranks []int, n, seen int) (atMost, atLeast float64) {
	most := 0
	for _, r := range ranks {
		most += r
	}
	ways := make([][]float64, n+1) // picked so far → sum → how often; a float holds C(100, 50)
	for k := range ways {
		ways[k] = make([]float64, most+1)
	}
	ways[0][0] = 1
	for i, r := range ranks {
		for k := min(i+1, n); k > 0; k-- {
			for sum := most; sum >= r; sum-- {
				ways[k][sum] += ways[k-1][sum-r]
			}
		}
	}
	total := sum(ways[n])
	return sum(ways[n][:seen+1]) / total, sum(ways[n][seen:]) / total
}

// Fisher is the two-sided p of Fisher's exact test, twice the smaller tail: that badA of a and badB of b differ by chance.
func Fisher(badA, a, badB, b int64) float64 {
	if a <= 0 || b <= 0 {
		return 1
	}
	bad := badA + badB
	var atMost, atLeast float64
	for k := max(0, bad-b); k <= min(a, bad); k++ {
		p := math.Exp(lnChoose(a, k) + lnChoose(b, bad-k) - lnChoose(a+b, bad))
		if k <= badA {
			atMost += p
		}
		if k >= badA {
			atLeast += p
		}
	}
	return min(1, 2*min(atMost, atLeast))
}

func lnChoose(n, k int64) float64 {
	of := func(x int64) float64 { l, _ := math.Lgamma(float64(x) + 1); return l }
	return of(n) - of(k) - of(n-k)
}
