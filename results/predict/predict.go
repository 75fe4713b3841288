// Package predict says when a batch of any size is done:
//
//	T(n) = L + D(n),  D(n) = d₀ + n/r
//
// T, L, D and d₀ are seconds, n requests, r requests per second. L is the load (process start → first token of the
// first request); it belongs to engine × model × settings × machine × state of the caches and not to a batch size, so it
// is pooled over all starts that share them, and cold starts are never pooled with warm ones (load.go). D is the measured
// phase (first dispatch → last completion): a steady rate r, and d₀ for its ramp and tail, both taken from each launch's
// own completion curve (curve.go) and combined over all complete launches of all sizes (fit.go). Where a size was
// measured the measurement stands.
//
// The launch is the sample, and everything is log-normal between launches: figures are geometric means, variances are
// those of logarithms, pooled over like cells with Student's t. By the delta method
//
//	Var ln T = (L/T)² Var ln L + (D/T)² Var ln D
//
// with the degrees of freedom of Welch and Satterthwaite. A Finish tells the variance of the mean, which decides between
// two contenders (Model.Ratio), and that of one future run, which is what a person who waits wants to know.
//
// Plain values come in: no file is read here.
package predict

import "math"

// What is assumed where nothing was measured.
const (
	assumedRun   = 0.10 // standard deviation of ln D between launches where no size, and no two sizes, tell it
	assumedLoad  = 0.15 // likewise of ln L
	drift        = 0.01 // of ln r for each factor e between the size asked for and those measured: heat, caches, lengths
	edges        = 0.30 // standard deviation of ln r × waves: where a window of few waves begins and ends is chance
	weighedNoise = 0.03 // by which sizes are weighed against each other; a constant, so that weights do not follow the data
)

// Launch is one complete launch.
type Launch struct {
	Requests  int64
	DurationS float64 // D; of an attempt of several segments the sum over them
	Segments  int     // 0 = 1
	Curve     Curve   // zero: the completion curve is not known
}

// Series are the launches of one contender: everything but the batch size is the same.
type Series struct {
	Start string // key of its starts: engine, model, settings, machine, state of the caches as asked for
	Kin   string // key of starts that stand in where it has none: the same without the settings
	Pool  string // key of the series whose launches vary alike: platform, model, machine
	// NoLoad: the server is there already (attached), so that there is nothing to load.
	NoLoad bool
	// Yield is the share of the requests whose answers can be used; nil: all, or not known. n counts usable answers: for n of
	// them n/Yield are asked for, so that D(n) is as many times as long.
	Yield    *float64
	Launches []Launch
}

// Model predicts finish times. Make one with New; it does not change.
type Model struct {
	series []fitted
	loads  *Loads
	noise  map[string]spread // by pool
}

// New fits a model. The order of launches and starts does not matter.
func New(series []Series, starts []Start) *Model {
	m := &Model{series: make([]fitted, len(series)), loads: NewLoads(starts), noise: map[string]spread{}}
	pools := map[string][]*fitted{}
	for i, s := range series {
		m.series[i] = fit(s)
		pools[s.Pool] = append(pools[s.Pool], &m.series[i])
	}
	for name, pool := range pools {
		m.noise[name] = noiseOf(pool)
	}
	return m
}

// Loads of all starts that the model knows.
func (m *Model) Loads() *Loads { return m.loads }

// spread is a sum of squares of logarithms with its degrees of freedom.
type spread struct {
	squares float64
	freedom int
}

func (s *spread) add(logs []float64) {
	if len(logs) < 2 {
		return
	}
	mean := meanOf(logs)
	for _, x := range logs {
		s.squares += (x - mean) * (x - mean)
	}
	s.freedom += len(logs) - 1
}

func (s spread) and(t spread) spread { return spread{s.squares + t.squares, s.freedom + t.freedom} }

// variance and its degrees of freedom; +∞ of them where it is assumed.
func (s spread) variance(assumed float64) (v, freedom float64) {
	if s.freedom == 0 {
		return assumed * assumed, math.Inf(1)
	}
	return s.squares / float64(s.freedom), float64(s.freedom)
}

// noiseOf is how launches of one size differ; where no size has two, how the sizes differ by what the model expects of
// them, which is more than that.
func noiseOf(pool []*fitted) spread {
	var s spread
	for _, f := range pool {
		for _, at := range f.sizes {
			s.add(at.logD)
		}
	}
	if s.freedom > 0 {
		return s
	}
	for _, f := range pool {
		var rates []float64
		for _, at := range f.sizes {
			rates = append(rates, at.logRate...)
		}
		s.add(rates)
	}
	return s
}

func meanOf(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
