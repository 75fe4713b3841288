package predict

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// fitted is a series by size.
type fitted struct {
	Series
	sizes []size // ascending

	unfilled bool // even the largest was under way all at once
}

// size is the launches of one batch size.
type size struct {
	n       float64
	logD    []float64 // of each launch, as if measured in one piece
	logRate []float64 // of the launches with a completion curve
	around  []float64 // d₀ of the same launches, s
	waves   float64   // of their windows, mean
	answerS float64   // mean length of an answer
}

func fit(s Series) fitted {
	f := fitted{Series: s}
	bySize := map[int64]*size{}
	// By value, not by place: a sum must not depend on the order in which launches are given.
	for _, l := range slices.SortedFunc(slices.Values(s.Launches), compare) {
		if l.Requests <= 0 || !(l.DurationS > 0) {
			continue
		}
		if bySize[l.Requests] == nil {
			bySize[l.Requests] = &size{n: float64(l.Requests)}
		}
		bySize[l.Requests].add(l)
	}
	for _, n := range slices.Sorted(maps.Keys(bySize)) {
		at := bySize[n]
		if k := float64(len(at.logRate)); k > 0 {
			at.waves, at.answerS = at.waves/k, at.answerS/k
		}
		f.sizes = append(f.sizes, *at)
	}
	f.full()
	f.slope()
	return f
}

// full leaves the curves out of batches too small to fill the engine as a larger one did: ten at once of an engine that answers
// sixty tell no steady rate, nor how far it varies.
func (f *fitted) full() {
	most := 0.0 // answers under way, by Little's law
	for i := range slices.Backward(f.sizes) {
		at := &f.sizes[i]
		if len(at.logRate) == 0 {
			continue
		}
		level := math.Exp(meanOf(at.logRate)) * at.answerS
		f.unfilled = f.unfilled || most == 0 && level > steadyAt*at.n
		if level < steadyAt*most {
			at.logRate, at.around = nil, nil
		}
		most = max(most, level)
	}
}

func compare(a, b Launch) int {
	return cmp.Or(cmp.Compare(a.Requests, b.Requests), cmp.Compare(a.DurationS, b.DurationS), cmp.Compare(a.Curve.RatePerS, b.Curve.RatePerS),
		cmp.Compare(a.Curve.Waves, b.Curve.Waves), cmp.Compare(a.Segments, b.Segments))
}

func (at *size) add(l Launch) {
	segments := float64(max(1, l.Segments))
	whole := l.DurationS
	if c := l.Curve; c.RatePerS > 0 {
		// Each segment had a ramp and a tail of its own.
		around := (l.DurationS - at.n/c.RatePerS) / segments
		whole -= (segments - 1) * around
		at.logRate, at.around = append(at.logRate, math.Log(c.RatePerS)), append(at.around, around)
		at.waves, at.answerS = at.waves+c.Waves, at.answerS+c.AnswerS
	}
	at.logD = append(at.logD, math.Log(whole))
}

// slope gives a series without any completion curve a rate: that between its two largest sizes, or n/D of the only one.
func (f *fitted) slope() {
	for i := range f.sizes {
		if len(f.sizes[i].logRate) > 0 {
			return
		}
	}
	if len(f.sizes) == 0 {
		return
	}
	last := &f.sizes[len(f.sizes)-1]
	took := math.Exp(meanOf(last.logD))
	rate := last.n / took
	last.waves = 2
	if len(f.sizes) > 1 {
		before := f.sizes[len(f.sizes)-2]
		if more := took - math.Exp(meanOf(before.logD)); more > 0 {
			// A small batch that took nearly as long does not make the rest as fast as that.
			rate, last.waves = min((last.n-before.n)/more, 2*rate), 3
		}
	}
	for _, log := range last.logD {
		own := math.Log(rate) + meanOf(last.logD) - log
		last.logRate, last.around = append(last.logRate, own), append(last.around, math.Exp(log)-last.n/math.Exp(own))
	}
}

// phase is D(n) with what is known of it; variances are of ln D and multiply the variance between launches where said.
type phase struct {
	seconds  float64
	measured bool
	mean     float64 // × variance between launches: the sampling error of the mean
	shape    float64 // the fit's own error beside sampling
	distance float64 // by how much the machine may drift between the sizes measured and the one asked for
}

// at is D(n); ok is false where nothing was measured, or nothing that was measured can be used.
func (f *fitted) at(n int64) (p phase, ok bool) {
	if f.Yield == nil {
		return f.asked(n)
	}
	if p, ok = f.asked(n); !ok || *f.Yield <= 0 {
		return phase{}, false
	}
	p.seconds /= *f.Yield
	return p, true
}

// asked is D of n requests, whatever their answers.
func (f *fitted) asked(n int64) (p phase, ok bool) {
	if len(f.sizes) == 0 || n <= 0 {
		return phase{}, false
	}
	for _, at := range f.sizes {
		if at.n == float64(n) {
			return phase{seconds: math.Exp(meanOf(at.logD)), measured: true, mean: 1 / float64(len(at.logD))}, true
		}
	}
	return f.between(float64(n)), true
}

// between combines the sizes: each counts by how sure its rate is and how near it lies.
func (f *fitted) between(n float64) phase {
	var total, logRate, around, answer float64
	weights := make([]float64, len(f.sizes))
	for i, at := range f.sizes {
		if k := float64(len(at.logRate)); k > 0 {
			far := drift * math.Log(n/at.n)
			weights[i] = 1 / (weighedNoise*weighedNoise/k + square(edges/at.waves) + far*far)
			total += weights[i]
		}
	}
	var p phase
	var shape, scatter, distance float64
	for i, at := range f.sizes {
		k := float64(len(at.logRate))
		if k == 0 {
			continue
		}
		w := weights[i] / total
		logRate, around, answer = logRate+w*meanOf(at.logRate), around+w*meanOf(at.around), answer+w*at.answerS
		p.mean += w * w / k
		shape += square(w * edges / at.waves)
		distance += w * math.Abs(math.Log(n/at.n))
		if k > 1 {
			var s spread
			s.add(at.around)
			scatter += w * w * s.squares / (k - 1) / k
		}
	}
	steady := n / math.Exp(logRate)
	p.seconds = steady + max(0, around)
	share := steady / p.seconds
	p.mean *= share * share
	// The last wave may be full or one answer: d₀ is uniform within the length of an answer.
	p.shape = square(share)*shape + (scatter+square(answer)/12)/square(p.seconds)
	p.distance = square(share * drift * distance)
	return p
}

func square(x float64) float64 { return x * x }
