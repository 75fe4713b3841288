package predict

import (
	"math"

	"matrix/results/stats"
)

// Finish is T(n) of one contender.
type Finish struct {
	Seconds   float64 // T = LoadS + RunS; geometric means
	Low, High float64 // of one future run at stats.Level
	Load      Load
	RunS      float64 // D(n)
	Measured  bool    // n was measured: RunS is the measurement
	Unfilled  bool    // all requests of the largest batch were under way at once: how fast more would go is not known
	Launches  int     // complete launches of the series, of all sizes
	// Assumed: no two launches tell how much identical ones differ; the interval rests on what is usual.
	Assumed bool
	Log     Moments
}

// Moments of ln T.
type Moments struct {
	Mean    float64
	VarMean float64 // of the mean: for comparing two contenders
	VarRun  float64 // of one future run: VarMean, the spread between launches, and how far the size lies from those measured
	DF      float64 // degrees of freedom of VarRun; +Inf where it is assumed
}

// Within is the interval of one future run at a confidence, 0 to 1.
func (f Finish) Within(level float64) (low, high float64) {
	half := margin(f.Log.VarRun, f.Log.DF, level)
	return math.Exp(f.Log.Mean - half), math.Exp(f.Log.Mean + half)
}

// margin is t·√v, half the width of an interval of logarithms.
func margin(variance, freedom, level float64) float64 {
	if variance == 0 {
		return 0
	}
	return stats.Student(freedom, level) * math.Sqrt(variance)
}

// Finish predicts when n requests of a series are done, for a later start; ok is false where nothing of it was measured.
func (m *Model) Finish(series int, n int64) (f Finish, ok bool) {
	return m.finish(series, n, m.loads.Later(m.series[series].Series))
}

// First is Finish for the first start; ok is false where no cold start is known.
func (m *Model) First(series int, n int64) (f Finish, ok bool) {
	load := m.loads.First(m.series[series].Series)
	if !load.Known() {
		return Finish{}, false
	}
	return m.finish(series, n, load)
}

// Seconds are the parts of T for a later start, without how sure they are: load + run. ok is false where nothing of the
// series was measured. It is for who tries many n.
func (m *Model) Seconds(series int, n int64) (load, run float64, ok bool) {
	p, ok := m.series[series].at(n)
	return m.loads.Later(m.series[series].Series).Seconds, p.seconds, ok
}

// Run is Finish without the load, for an engine that runs already.
func (m *Model) Run(series int, n int64) (f Finish, ok bool) {
	return m.finish(series, n, Load{Source: LoadNone})
}

func (m *Model) finish(series int, n int64, load Load) (Finish, bool) {
	of := &m.series[series]
	run, ok := of.at(n)
	if !ok {
		return Finish{}, false
	}
	noise, load1 := m.noise[of.Pool], m.loads.noise
	vRun, dfRun := noise.variance(assumedRun)
	vLoad, dfLoad := load1.variance(assumedLoad)
	t := load.Seconds + run.seconds
	onRun, onLoad := square(run.seconds/t), square(load.Seconds/t)
	f := Finish{Seconds: t, Load: load, RunS: run.seconds, Measured: run.measured, Unfilled: !run.measured && of.unfilled, Assumed: noise.freedom == 0}
	for _, at := range of.sizes {
		f.Launches += len(at.logD)
	}
	perStart, other := load.errors()
	f.Log = Moments{Mean: math.Log(t), VarMean: onRun*(run.mean*vRun+run.shape) + onLoad*(perStart*vLoad+other)}
	parts := []part{{onRun * (1 + run.mean) * vRun, dfRun}, {onLoad * (1 + perStart) * vLoad, dfLoad},
		{onRun*(run.shape+run.distance) + onLoad*other, math.Inf(1)}}
	f.Log.VarRun, f.Log.DF = sum(parts)
	f.Low, f.High = f.Within(stats.Level)
	return f, true
}

// part is a part of a variance with its degrees of freedom.
type part struct{ variance, freedom float64 }

// sum adds independent parts up; degrees of freedom by Welch and Satterthwaite.
func sum(parts []part) (variance, freedom float64) {
	below := 0.0
	for _, p := range parts {
		variance += p.variance
		below += square(p.variance) / p.freedom
	}
	if below == 0 {
		return variance, math.Inf(1)
	}
	return variance, square(variance) / below
}

// Ratio is T of one series over T of another, for the same number of requests.
type Ratio struct {
	Ratio, Low, High float64 // of the means
	DF               float64
	Assumed          bool // no two launches tell how much identical ones differ
	LoadLeftOut      bool // one side's load is not known: both are without
	// Fixed is what of half the interval, of the logarithm, more launches of the same sizes would not lessen.
	Fixed float64
}

// Ratio compares two series, with an interval at a confidence, 0 to 1. Where one load is not known it is left out of both. That a
// machine may drift between the sizes measured and the one asked for is left out: it does so for both.
func (m *Model) Ratio(a, b int, n int64, level float64) (r Ratio, ok bool) {
	x, okX := m.Finish(a, n)
	y, okY := m.Finish(b, n)
	if !okX || !okY {
		return Ratio{}, false
	}
	if !x.Load.Known() || !y.Load.Known() {
		x, _ = m.Run(a, n)
		y, _ = m.Run(b, n)
		r.LoadLeftOut = true
	}
	noise := m.noiseNear(a, b, n)
	vRun, dfRun := noise.variance(assumedRun)
	vLoad, dfLoad := m.loads.noise.variance(assumedLoad)
	runX, _ := m.series[a].at(n)
	runY, _ := m.series[b].at(n)
	onX, onY := square(runX.seconds/x.Seconds), square(runY.seconds/y.Seconds)
	perStart, other := onLoads(x, y)
	parts := []part{{(onX*runX.mean + onY*runY.mean) * vRun, dfRun}, {perStart * vLoad, dfLoad},
		{onX*runX.shape + onY*runY.shape + other, math.Inf(1)}}
	_, df := sum(parts)
	log, half := x.Log.Mean-y.Log.Mean, margins(parts, level)
	r.Fixed = margins(parts[2:], level)
	r.Ratio, r.Low, r.High, r.DF, r.Assumed = math.Exp(log), math.Exp(log-half), math.Exp(log+half), df, noise.freedom == 0
	return r, true
}

// margins adds the margins of parts, each with its own t. Welch's and Satterthwaite's degrees of freedom are too many where
// a part is known by few launches and happens to be small: two identical platforms then have a winner in one case of ten.
func margins(parts []part, level float64) float64 {
	sum := 0.0
	for _, p := range parts {
		sum += square(margin(p.variance, p.freedom, level))
	}
	return math.Sqrt(sum)
}

// near is how many times as large or small a batch may be for its launches to vary like those of another: a smaller one is
// mostly ramp and tail, which vary less.
const near = 10

// noiseNear is how launches of two series, and of those pooled with them, differ at sizes near n, or near the largest
// where n lies beyond; over all sizes where none near was launched twice.
func (m *Model) noiseNear(a, b int, n int64) spread {
	x, y := m.series[a].Pool, m.series[b].Pool
	at := min(float64(n), max(m.series[a].largest(), m.series[b].largest()))
	var s spread
	for i := range m.series {
		if of := &m.series[i]; of.Pool == x || of.Pool == y {
			for _, size := range of.sizes {
				if size.n <= near*at && at <= near*size.n {
					s.add(size.logD)
				}
			}
		}
	}
	switch {
	case s.freedom > 0:
		return s
	case x == y:
		return m.noise[x]
	}
	return m.noise[x].and(m.noise[y])
}

func (f *fitted) largest() float64 {
	if len(f.sizes) == 0 {
		return 0
	}
	return f.sizes[len(f.sizes)-1].n
}

// onLoads is the variance of the ratio by the loads: what multiplies that between starts, and the rest. A load that both
// share is the same figure on both sides.
func onLoads(x, y Finish) (perStart, other float64) {
	shareX, shareY := x.Load.Seconds/x.Seconds, y.Load.Seconds/y.Seconds
	startX, otherX := x.Load.errors()
	if x.Load == y.Load {
		d := square(shareX - shareY)
		return d * startX, d * otherX
	}
	startY, otherY := y.Load.errors()
	return square(shareX)*startX + square(shareY)*startY, square(shareX)*otherX + square(shareY)*otherY
}
