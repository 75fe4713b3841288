package decision

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/predict"
)

// engine is a made-up platform, for tests of the arithmetic.
type engine struct {
	name    string
	load    float64 // s; 0 = never recorded
	rate    float64 // requests/s
	noise   func(*rand.Rand) float64
	fail    float64            // of each request
	figures map[string]float64 // constants of a launch
}

// measured are its cells: so many launches at each size.
func (e engine) measured(r *rand.Rand, sizes []int64, launches int) []*tally {
	var out []*tally
	for _, size := range sizes {
		c := &tally{platform: e.name, model: "m", size: size, origin: "e", place: "gpu", asked: "prompts", form: form{dtype: "bfloat16", bytes: 8e9},
			source: Source{Cell: fmt.Sprintf("%s-%d", e.name, size), Name: fmt.Sprintf("%s/m/%d", e.name, size), BatchSize: size}}
		for i := range launches {
			c.add(e.launch(r, size), e.figures, fmt.Sprint(c.source.Cell, "-", i))
			c.answered -= int64(math.Round(e.fail * float64(size)))
		}
		out = append(out, c)
	}
	return out
}

func (e engine) launch(r *rand.Rand, size int64) predict.Launch {
	rate := e.rate
	if e.noise != nil {
		rate *= math.Exp(e.noise(r))
	}
	const answer = 2 // s
	return predict.Launch{Requests: size, DurationS: answer + float64(size)/rate, Curve: predict.Curve{RatePerS: rate, Waves: float64(size) / rate / answer, AnswerS: answer}}
}

func (c *tally) add(run predict.Launch, figures map[string]float64, attempt string) {
	values := map[string]float64{}
	for name, v := range figures {
		values[name] = v
	}
	c.runs, c.launches = append(c.runs, run), append(c.launches, launch{attempt, values})
	c.source.Attempts = append(c.source.Attempts, attempt)
	c.complete, c.answered, c.planned = c.complete+1, c.answered+c.size, c.planned+c.size
}

// modelOf makes the model of finish times from the cells' own runs; loads are those of the engines.
func modelOf(r *rand.Rand, engines []engine) func([]*contender) (times, error) {
	return func(all []*contender) (times, error) {
		var series []predict.Series
		var starts []predict.Start
		for _, c := range all {
			s := predict.Series{Start: c.name, Kin: c.name, Pool: c.name}
			for _, at := range c.cells() {
				s.Launches = append(s.Launches, at.runs...)
			}
			series = append(series, s)
			for _, e := range engines {
				if e.name != c.platform || e.load == 0 {
					continue
				}
				for range s.Launches {
					load := e.load
					if e.noise != nil && r != nil {
						load *= math.Exp(e.noise(r))
					}
					starts = append(starts, predict.Start{Key: c.name, Kin: c.name, LoadS: &load})
				}
			}
		}
		return predict.New(series, starts), nil
	}
}

// decided is the one group that engines make.
func decided(t testing.TB, r *rand.Rand, cells []*tally, engines []engine, rules *cell.Decision, requests ...int64) Group {
	t.Helper()
	res, err := rulesOf(Options{Rules: rules, Requests: requests}).decide(cells, modelOf(r, engines))
	if err != nil || len(res.Groups) != 1 {
		t.Fatalf("%d groups, %v", len(res.Groups), err)
	}
	return res.Groups[0]
}

func normal(sigma float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return sigma * r.NormFloat64() }
}

// heavy is Student's t with three degrees of freedom, scaled: launches that are off by far now and then.
func heavy(sigma float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 {
		sum := 0.0
		for range 3 {
			x := r.NormFloat64()
			sum += x * x
		}
		return sigma * r.NormFloat64() / math.Sqrt(sum/3)
	}
}

// randOf is a source of randomness of its own.
func randOf(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }
