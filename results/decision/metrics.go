package decision

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/results/predict"
	"matrix/results/stats"
)

// defaultWeights hold where a decision names none, in percent. Quality has none: without references nobody can measure it, and a
// default weight would drop it for most.
var defaultWeights = map[string]float64{Performance: 40, Reliability: 30, Efficiency: 20, Simplicity: 10}

// metric is one row of the table of criteria. Its factor in a score is (best / value)^weight, or (value / best)^weight
// where more is better.
type metric struct {
	criterion string
	name      string
	words     string  // in a sentence
	sub       float64 // weight within the criterion
	unit      string
	formula   string
	more      bool    // is better
	plus      float64 // added to both: a count may be 0
	instead   string  // stands in for this metric where somebody lacks that one
	latency   bool    // comparable only under the same load
	value     func(*contender, scope) *figure
}

// figure is a contender's value of a metric.
type figure struct {
	value    float64
	sd       float64 // of the value's logarithm; 0 = it has none
	freedom  float64 // degrees of freedom of sd
	launches int
	cells    []*tally
}

// scope is what a score is for.
type scope struct {
	times   times
	ns      []int64 // numbers of requests
	at      int64   // batch size at which figures per evaluation are compared, the same for all; 0 = there is none
	without bool    // the load is left out, for somebody's is not known
}

func (s scope) most() int64 { return s.ns[len(s.ns)-1] }

// criteriaTable is the table of criteria, in its order.
func criteriaTable() []metric {
	return []metric{
		{criterion: Performance, name: mTime, words: "time", sub: 1, unit: "s", formula: "T = load + measured phase for so many requests", value: timeOf},
		{criterion: Reliability, name: mFailures, words: "failed requests", sub: 0.5, unit: "per 10,000", formula: fmt.Sprintf("10,000 × (failed of %d + ½) / %d, Jeffreys", judged, judged+1), value: failures},
		{criterion: Reliability, name: mLaunches, words: "launches that completed", sub: 0.5, formula: "complete / (complete + failed + censored) attempts", more: true, value: ended},
		{criterion: Efficiency, name: mMemory, words: "memory in use", sub: 0.3, unit: "bytes", formula: "weights + KV cache in use on the GPU", value: atSize(mMemory)},
		{criterion: Efficiency, name: mEnergy, words: "GPU energy per evaluation", sub: 0.4, unit: "J", formula: "GPU energy of the measured phase / valid evaluations", value: atSize(mEnergy)},
		{criterion: Efficiency, name: mBusy, words: "GPU time per evaluation", sub: 0.4, unit: "s", formula: "GPU utilisation × D / valid evaluations", value: atSize(mBusy), instead: mEnergy},
		{criterion: Efficiency, name: mCPU, words: "CPU time per evaluation", sub: 0.3, unit: "s", formula: "engine CPU seconds / valid evaluations", value: atSize(mCPU)},
		{criterion: Simplicity, name: mFootprint, words: "installed size", sub: 0.4, unit: "bytes", formula: "installed size of the engine", value: overall(mFootprint)},
		{criterion: Simplicity, name: mPackages, words: "number of packages", sub: 0.3, unit: "packages", formula: "1 + packages of its installation", plus: 1, value: overall(mPackages)},
		{criterion: Simplicity, name: mSettings, words: "settings away from defaults", sub: 0.3, unit: "settings", formula: "1 + settings that differ from the engine's defaults", plus: 1, value: overall(mSettings)},
		{criterion: QualityName, name: mQuality, words: "quality", sub: 1, formula: "share of answers equal to the reference", more: true, value: qualityOf},
	}
}

// timeOf is T, its geometric mean where several numbers are asked about.
func timeOf(c *contender, s scope) *figure {
	out := &figure{cells: c.cells(), launches: c.launches()}
	for _, n := range s.ns {
		f, ok := s.times.Finish(c.series, n)
		if !ok {
			return nil
		}
		t := f.Seconds
		if s.without {
			t = f.RunS
		}
		out.value += math.Log(t) / float64(len(s.ns))
		out.sd += math.Sqrt(f.Log.VarMean) / float64(len(s.ns))
	}
	out.value = math.Exp(out.value)
	return out
}

// judged is how many requests everybody's failures are scaled to: evidence is no merit, so 6 clean launches are not better
// than 3, and nobody's figure depends on who else was measured.
const judged = 100

func failures(c *contender, s scope) *figure {
	answered, planned := c.requests(s.most())
	if planned == 0 {
		return nil
	}
	failed := float64(planned-answered) * judged / float64(planned)
	return &figure{value: 10_000 * (failed + 0.5) / (judged + 1), cells: c.evidence(s.most()), launches: c.launches()}
}

// ended is the share of attempts that came to their end. None at all is no figure: such a contender is out by its gate.
func ended(c *contender, s scope) *figure {
	complete, all := c.attempts(s.most())
	if complete == 0 {
		return nil
	}
	return &figure{value: float64(complete) / float64(all), cells: c.evidence(s.most()), launches: complete}
}

// likeSizes is the factor within which batch sizes have a spread in common, as those of the times have.
const likeSizes = 10

// medianVariance is that of the median of normal values over that of their mean, at the most: of many (π/2).
const medianVariance = math.Pi / 2

// atSize is a figure of the batch size at which all are compared. Its spread is pooled over like sizes, as that of the times is.
func atSize(name string) func(*contender, scope) *figure {
	return func(c *contender, s scope) *figure {
		at := c.at[s.at]
		values := at.values(name)
		if len(values) == 0 {
			return nil
		}
		var like [][]float64
		for _, other := range c.cells() {
			if other.size <= likeSizes*at.size && at.size <= likeSizes*other.size {
				like = append(like, other.values(name))
			}
		}
		spread := stats.Pool(like...)
		return &figure{value: stats.Median(values), cells: []*tally{at}, launches: len(values), freedom: float64(spread.Freedom),
			sd: math.Sqrt(medianVariance * spread.Variance / float64(len(values)))}
	}
}

// qualityOf is the share of answers that are right. Its spread is that of so many prompts: launches that give the same answers again
// tell no more of it. Both sides answer the same prompts, which makes the difference of two surer than this. None right counts as half
// an answer: it is no lack of a figure.
func qualityOf(c *contender, s scope) *figure {
	out := atSize(mQuality)(c, s)
	if out == nil || c.at[s.at].graded == 0 {
		return out
	}
	n := float64(c.at[s.at].graded)
	usual := (out.value*n + 1) / (n + 2) // all of few right are not sure to be all of many
	out.value, out.sd, out.freedom = max(out.value, 0.5/n), math.Sqrt((1-usual)/(usual*n)), math.Inf(1)
	return out
}

// overall is a figure that does not depend on the size.
func overall(name string) func(*contender, scope) *figure {
	return func(c *contender, _ scope) *figure {
		v := c.constant(name)
		if v == nil {
			return nil
		}
		return &figure{value: *v, cells: c.cells(), launches: c.launches()}
	}
}

// latencies are the columns whose goal makes them part of the performance score.
var latencies = []string{"ttft", "tpot", "e2e", "itl_weighted", "chunk_gap"}

// latencySub is the weight of a latency, or of goodput, that a goal names, beside 1 of T.
const latencySub = 0.4

// withGoals adds the latencies and the goodput that the decision block has goals for: batch users rarely care, so none is
// scored unasked.
func withGoals(all []metric, goals map[string]string) []metric {
	for _, name := range sortedKeys(goals) {
		latency := slices.ContainsFunc(latencies, func(l string) bool { return strings.HasPrefix(name, l+"_") })
		if !latency && name != "goodput" {
			continue
		}
		m := metric{criterion: Performance, name: name, words: name, sub: latencySub, unit: "s", formula: fmt.Sprintf("column %s, a goal of the decision", name),
			more: goals[name] == "max", latency: true, value: atSize(name)}
		if !latency {
			m.unit = "1/s"
		}
		all = append(all, m)
	}
	return all
}

// times are the finish times of contenders, by their series; package predict's Model.
type times interface {
	Finish(series int, n int64) (predict.Finish, bool)
	First(series int, n int64) (predict.Finish, bool)
	Seconds(series int, n int64) (load, run float64, ok bool)
	Ratio(a, b int, n int64, level float64) (predict.Ratio, bool)
}
