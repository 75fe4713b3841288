package dataset

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// Streams keep the uses of one seed apart.
const (
	shuffleStream   = 0x73687566666c65
	prefixStream    = 0x707265666978
	syntheticStream = 0x73796e74680000 // plus the prompt's number
)

// random draws numbers that are the same on every platform and in every version: PCG's stream is fixed by its
// definition, and what is made of it stands below, because rand.Rand's own methods may change.
type random struct{ pcg *rand.PCG }

// newRandom is one of the streams of a seed. It is not safe for concurrent use.
func newRandom(seed, stream uint64) *random { return &random{rand.NewPCG(seed, stream)} }

// below draws from 0 ≤ x < n. Its bias, n/2⁶⁴, is far under anything that can be seen.
func (r *random) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.pcg.Uint64(), n)
	return hi
}

// normal draws with mean 0 and deviation 1, as the sum of twelve uniform numbers: sums of integers are exact
// everywhere, where logarithms and cosines are not. Tails end at ±6.
func (r *random) normal() float64 {
	sum := uint64(0)
	for range 12 {
		sum += r.pcg.Uint64() >> 32
	}
	return float64(sum)/(1<<32) - 6
}

// shuffle is Fisher and Yates's, written out: rand.Shuffle may draw otherwise in another version of Go, and a shuffled
// dataset's order is part of what a result was measured with.
func shuffle(r *random, list []uint32) {
	for i := len(list) - 1; i > 0; i-- {
		j := r.below(uint64(i + 1))
		list[i], list[j] = list[j], list[i]
	}
}

// exp and ln avoid math.Exp and math.Log, which are assembly on some platforms and differ in the last bit; the
// conversions keep compilers from fusing a multiplication with an addition.

// exp is eˣ for |x| < 700: a series for x/2¹⁰, then ten squarings.
func exp(x float64) float64 {
	y := x / 1024
	sum, term := 1.0, 1.0
	for i := 1; i < 12; i++ {
		term = float64(term * y / float64(i))
		sum = float64(sum + term)
	}
	for range 10 {
		sum = float64(sum * sum)
	}
	return sum
}

// ln is the natural logarithm of x > 0.
func ln(x float64) float64 {
	frac, power := math.Frexp(x) // exact
	z := (frac - 1) / (frac + 1)
	square, term, sum := float64(z*z), z, 0.0
	for i := 1; i < 60; i += 2 {
		sum = float64(sum + term/float64(i))
		term = float64(term * square)
	}
	return float64(2*sum) + float64(float64(power)*math.Ln2)
}
