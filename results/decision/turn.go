package decision

import "math"

// Bounds within which a turn is looked for.
const (
	fewestRequests, mostRequests = 10, 2e6
	stepsSought                  = 60
	pastTurn                     = 1.1 // how far beyond a turn it has to hold
)

// findTurn looks for the nearest number of requests at which the scores of the two that lead cross, everything but T as it is, and
// holds it against what would be concluded there.
func (r *rules) findTurn(g *contest, a *inquiry) {
	if a.second == nil || a.verdict == Tie || a.sheet.shares[Performance] == 0 {
		return
	}
	pair := a.between(a.first, a.second)
	rest := pair.apart()
	weight := 0.0
	var time entry
	for _, e := range pair.entries {
		if e.name == mTime {
			weight, time = e.weight, e
		}
	}
	if weight == 0 {
		return
	}
	rest -= weight * (time.log(0) - time.log(1))
	seconds := func(c *contender, n float64) float64 {
		load, run, _ := a.scope.times.Seconds(c.series, int64(math.Round(n)))
		if a.scope.without {
			return run
		}
		return load + run
	}
	ahead := func(n float64) float64 { return rest + weight*math.Log(seconds(a.second, n)/seconds(a.first, n)) }
	a.turn = nearestTurn(float64(a.n), ahead)
	if a.turn == nil {
		return
	}
	beyond := a.turn.at / pastTurn
	if a.turn.above {
		beyond = a.turn.at * pastTurn
	}
	// A turn so near that it is said as the number itself tells nothing. There another batch size may tell of failures, memory and energy, or a third come first: then it is no turn of these two.
	there := r.gate(g, int64(math.Ceil(beyond)))
	if said := rounded(a.turn.at); said == a.n || (said > a.n) != a.turn.above || there.first != a.second && there.verdict != Tie {
		a.turn = nil
	}
}

// nearestTurn is the crossing of zero that is nearest to n by ratio, nil = there is none between the bounds.
func nearestTurn(n float64, ahead func(float64) float64) *turn {
	var out *turn
	for _, to := range []float64{fewestRequests, mostRequests} {
		step := math.Pow(to/n, 1.0/stepsSought)
		if (step > 1) != (to > fewestRequests) || step == 1 { // n lies beyond that bound
			continue
		}
		for x, k := n, 0; k < stepsSought; k++ {
			next := x * step
			if ahead(next) < 0 {
				at := bisect(x, next, ahead)
				if out == nil || math.Abs(math.Log(at/n)) < math.Abs(math.Log(out.at/n)) {
					out = &turn{at: at, above: step > 1}
				}
				break
			}
			x = next
		}
	}
	return out
}

// bisect narrows a crossing to 0.2%, by ratio: in is where the first is ahead, out where it is not.
func bisect(in, out float64, ahead func(float64) float64) float64 {
	for math.Abs(math.Log(out/in)) > 0.002 {
		if mid := math.Sqrt(in * out); ahead(mid) < 0 {
			out = mid
		} else {
			in = mid
		}
	}
	return out
}
