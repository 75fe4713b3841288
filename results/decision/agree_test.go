package decision

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

// askedWorld is a random tree with what is asked of it: contenders that are nearly alike, that lack sizes or a load, that
// crashed at the largest batch; prices, requirements and weights; few requests and a billion.
func askedWorld(r *rand.Rand) (w world, rules *cell.Decision, requests []int64) {
	w = randomWorld(r)
	of := func(size int64) func(*tally) bool {
		return func(c *tally) bool { return c.platform == "a" && c.size >= size }
	}
	switch r.IntN(6) {
	case 0, 1:
		noise, launches, rate, load := normal([]float64{0.005, 0.03, 0.1}[r.IntN(3)]), 1+r.IntN(6), w.engines[0].rate, w.engines[0].load
		w.cells = nil
		for i := range w.engines {
			w.engines[i].rate, w.engines[i].load, w.engines[i].noise = rate*(1+0.06*r.Float64()), load*(1+0.05*r.Float64()), noise
			w.cells = append(w.cells, w.engines[i].measured(r, threeSizes, launches)...)
		}
	case 2:
		w.cells = slices.DeleteFunc(w.cells, of(1000))
	case 3:
		w.engines[0].load = 0
	case 4:
		c := w.cells[slices.IndexFunc(w.cells, of(5000))]
		c.failed, c.complete, c.launches, c.runs, c.reason = 1+r.IntN(2), 0, nil, nil, "out of memory"
	}
	rules = &cell.Decision{Currency: "EUR", Require: map[string]float64{}}
	if r.IntN(2) == 0 {
		rules.PricePerHour = new(0.5 + 5*r.Float64())
	}
	if r.IntN(3) == 0 {
		rules.ElectricityPerKWh = new(0.3)
	}
	switch r.IntN(6) {
	case 0:
		rules.Require[mSuccess] = []float64{0.99, 0.999, 0.9999}[r.IntN(3)]
	case 1:
		rules.Require[mEnergy] = 15
	case 2:
		rules.Weights = map[string]float64{Performance: 1}
	case 3:
		rules.Weights = map[string]float64{Efficiency: 1, Performance: 0}
	}
	return w, rules, [][]int64{nil, {1, 7}, {5000}, threeSizes, {1e9}}[r.IntN(5)]
}

// What the sentences say is what the record says, whatever the tree: who, how long, at what price; who is out; and who does not
// win is told what would show it.
func TestSentencesAgreeWithTheRecord(t *testing.T) {
	for seed := range uint64(4 * trees()) {
		r := rand.New(rand.NewPCG(seed, 17))
		w, rules, requests := askedWorld(r)
		for _, q := range decided(t, r, w.cells, w.engines, rules, requests...).Questions {
			for _, wrong := range disagreements(q, rules) {
				t.Errorf("seed %d, %d requests, %s: %s\n%q", seed, q.Requests, q.Verdict, wrong, q.Sentences)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// launched are the contenders that a need says are launched.
var launched = regexp.MustCompile(`launch(?:es)? (?:each )?of (\w+)(?: and (\w+))?`)

// disagreements are what in a question's sentences, record and standings does not go together.
func disagreements(q Question, rules *cell.Decision) (out []string) {
	wrong := func(is bool, what string) {
		if is {
			out = append(out, what)
		}
	}
	first, all := q.Sentences[0], strings.Join(q.Sentences, " ")
	for _, odd := range []string{"NaN", "Inf", "%!", "  ", "..", "_s)"} {
		wrong(strings.Contains(all, odd), "says "+odd)
	}
	wrong(len(once(nil, q.Sentences)) < len(q.Sentences), "says a sentence twice")
	opens := map[string]string{Winner: "Choose ", Hybrid: "Choose ", Provisional: " leads for ", Tie: "equally fast", Undecided: "Undecided: ", Nobody: "Nobody for "}[q.Verdict]
	even := q.Verdict == Provisional && len(q.Among) > 0 // by the weights
	wrong(!strings.Contains(first, opens) && !even, "the first sentence does not say "+opens)
	wrong((q.Verdict == Tie) != (len(q.Among) > 0) && !even, "among")
	sure := q.Verdict == Winner || q.Verdict == Hybrid
	wrong(sure == (len(q.Missing) > 0) && q.Verdict != Tie && q.Verdict != Nobody && !even, "what is missing")
	for _, s := range q.Standings {
		wrong((s.Rank == 0) != (s.Why != ""), s.Contender+" is out without a reason")
		wrong(s.Rank == 0 && !strings.Contains(all, s.Contender+" "+strings.Fields(s.Why)[0]) && !strings.Contains(all, s.Contender+" is behind"), s.Contender+" is out, and not said")
	}
	for _, m := range q.Missing {
		for _, named := range launched.FindAllStringSubmatch(m.Text, -1) {
			for _, name := range named[1:] {
				wrong(m.Command != "" && !strings.Contains(strings.ReplaceAll(m.Command, ",", " --only platform="), "--only platform="+name), m.Command+" leaves "+name+" out of: "+m.Text)
			}
		}
	}
	if q.Platform == nil {
		return out
	}
	wrong(q.Standings[0].Contender != *q.Platform || q.Standings[0].Rank != 1, "another stands first")
	wrong(!strings.Contains(first, *q.Platform) || !strings.Contains(first, Span(*q.Seconds)), "the platform's time is not said")
	wrong(q.SecondsLow != nil && !(*q.SecondsLow <= *q.Seconds && *q.Seconds <= *q.SecondsHigh), "seconds outside of their range")
	wrong(q.SecondsLow != nil && !strings.Contains(first, Range(*q.SecondsLow, *q.SecondsHigh)), "the range is not said")
	wrong((q.Cost != nil) != strings.Contains(first, " EUR"), "the cost")
	wrong(rules.PricePerHour != nil && rules.ElectricityPerKWh == nil && q.Cost == nil, "no cost, with a price")
	if q.RunnerUp == nil {
		return out
	}
	second := q.standing(*q.RunnerUp)
	wrong(!strings.Contains(first, second.Contender+" takes "+Span(second.Time.Seconds)), "the next is not said")
	wrong(math.Abs(second.Time.Seconds / *q.Seconds / *q.Ratio - 1) > 1e-9, "the ratio is not that of the times")
	timed := slices.ContainsFunc(q.Weights, func(w Weight) bool { return w.Criterion == Performance && w.Share > 0 })
	wrong(sure && timed && (q.RatioLow == nil || *q.RatioLow <= 1 && *q.RatioHigh >= 1), "wins by a ratio that may be 1")
	return out
}

// What an answer says would turn it does: at that number of requests, or were the first that much slower, another leads.
func TestWhatWouldChangeItDoes(t *testing.T) {
	tried := map[bool]int{}
	for seed := range uint64(2 * trees()) {
		w, rules, requests := askedWorld(rand.New(rand.NewPCG(seed, 19)))
		for i := range w.engines {
			w.engines[i].noise = nil // the same load whenever it is asked
		}
		for _, q := range decided(t, nil, w.cells, w.engines, rules, requests...).Questions {
			name, rest, slower := strings.Cut(q.Change, " took ")
			then, at, by := w, q.Requests, rules
			switch {
			case strings.Contains(q.Change, " met "): // as if it were not required
				anything := *rules
				anything.Require = map[string]float64{mSuccess: 0.01}
				by = &anything
			case slower:
				more, percent := strings.CutSuffix(rest, "% longer")
				factor, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSuffix(more, " times as long"), ",", ""), 64)
				if err != nil {
					t.Fatalf("seed %d: %q", seed, q.Change)
				}
				if percent {
					factor = 1 + factor/100
				}
				factor *= 1.06 // it is said to two digits
				then = w.changed(name, func(e *engine) { e.load *= factor }, func(c *tally) { c.speed(1 / factor) })
			case q.turn != nil && q.turn.above:
				at = int64(math.Ceil(1.01 * pastTurn * q.turn.at))
			case q.turn != nil:
				at = int64(q.turn.at / pastTurn)
			default:
				continue
			}
			tried[slower]++
			if now := then.decided(t, by, at).Questions[0]; now.Verdict != Tie && platform(now) == *q.Platform {
				t.Fatalf("seed %d, %d requests: %q does not turn it: %q", seed, q.Requests, q.Change, now.Sentences)
			}
		}
	}
	if tried[true] < trees()/10 || tried[false] < trees()/10 {
		t.Errorf("only %v tried", tried)
	}
}
