// Package bisect finds the version at which a metric got worse, by as few measured versions and launches as show each step.
// It decides from figures alone: what is measured next, and what that shows. It runs nothing.
package bisect

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"matrix/results/stats"
)

// Search is for the first of some versions, in order, whose metric is worse than the first one's by a share. It supposes that
// the versions before the step are alike, and so are those from it on.
type Search struct {
	Versions int
	Worse    float64 // 0.05: by 5%
	Falls    bool    // worse is lower; else it is higher
	Most     int     // launches of a version
}

// Least is how many launches a version begins with: fewer tell next to nothing of how much they differ.
const Least = 4

// Levels of the intervals that show a step: one-sided 95% at the last launch, as it is asked whether a version is worse. There is a look
// after each launch before it, and these have to be surer, or all together would mislead more often than the last one.
const (
	early = 0.998
	last  = 0.90
)

// Finding is what is known by now.
type Finding struct {
	First int    // the first version that is worse, as far as is known; Versions = none is
	Steps []Step // that were shown, in the order of the search, then the open one
	// Need is how many launches some versions must have for the search to go on; nil: it is over.
	Need map[int]int
	Open bool // the last step is not shown either way after Most launches: it is somewhere after the last good version
}

// Step is one version against those before the step.
type Step struct {
	Version        int
	Launches       int     // of the version
	Ratio          float64 // over the good versions
	Low, High      float64
	Worse, Settled bool
}

// Look holds the launches of each version so far against each other; nil = none. All is held against the first version, so
// that this one has all its launches from the beginning.
func (s Search) Look(launches func(version int) []float64) Finding {
	f := Finding{First: s.Versions}
	if len(launches(0)) < s.Most {
		f.Need = map[int]int{0: s.Most}
		return f
	}
	good := 0
	fine, slow := [][]float64{launches(0)}, [][]float64{}
	for f.First-good > 1 { // as if one more version, behind the last, were a worse one
		version := (good + f.First) / 2
		step, need := s.step(version, launches(version), fine, slow)
		if need > 0 {
			f.Need = map[int]int{version: need}
			return f
		}
		f.Steps = append(f.Steps, step)
		switch {
		case !step.Settled:
			f.Open = true
			return f
		case step.Worse:
			f.First, slow = version, append(slow, launches(version))
		default:
			good, fine = version, append(fine, launches(version))
		}
	}
	if f.First < s.Versions { // what was found, against all that came out good since
		step := s.judge(f.First, launches(f.First), fine, slow[:len(slow)-1], true)
		if f.Open = !step.Worse || !step.Settled; f.Open {
			step.Settled = false
			f.Steps = append(f.Steps, step)
		}
	}
	return f
}

// step is the judgement of a version by the fewest of its launches that show one; need > 0: it takes so many.
func (s Search) step(version int, have []float64, fine, slow [][]float64) (step Step, need int) {
	for n := Least; ; n++ {
		if len(have) < n {
			return Step{}, n
		}
		if step = s.judge(version, have[:n], fine, slow, n >= s.Most); step.Settled || n >= s.Most {
			return step, 0
		}
	}
}

// judge is one look: the mean of logarithms against that of the good versions, by the spread of all.
func (s Search) judge(version int, have []float64, fine, slow [][]float64, final bool) Step {
	pool := slices.Concat(fine...)
	spread := stats.Pool(slices.Concat(fine, slow, [][]float64{have})...)
	level := early
	if final {
		level = last
	}
	d := stats.MeanLog(have) - stats.MeanLog(pool)
	half := distuv.StudentsT{Sigma: 1, Nu: float64(spread.Freedom)}.Quantile((1+level)/2) * math.Sqrt(spread.Variance*(1/float64(len(have))+1/float64(len(pool))))
	step := Step{Version: version, Launches: len(have), Ratio: math.Exp(d), Low: math.Exp(d - half), High: math.Exp(d + half)}
	bound := math.Log1p(s.Worse)
	if s.Falls {
		d, bound = -d, -math.Log1p(-s.Worse)
	}
	// d is how much worse it is. Nearer to the step than to nothing, and shown to be more than nothing; or the other way round.
	switch {
	case d > bound/2:
		step.Worse, step.Settled = true, d-half > 0
	default:
		step.Settled = d+half < bound
	}
	return step
}
