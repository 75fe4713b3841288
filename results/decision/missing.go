package decision

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/results/format"
	"matrix/results/metrics"
	"matrix/results/predict"
	"matrix/results/record"
	"matrix/results/stats"
)

// mostLaunches is where more of them stop being advice.
const mostLaunches = 40

// missing is what an inquiry into one contest lacks.
type missing struct {
	*rules
	g *contest
	a *inquiry
}

// needs are what would decide more.
func (m missing) needs() []Need {
	a := m.a
	switch {
	case a.onlyFar:
		return m.largerBatch()
	case a.verdict == NotComparable && advised[a.red[0].Name] != "":
		return []Need{{Text: advised[a.red[0].Name] + "; then measure again"}}
	case a.verdict == Nobody, a.verdict == Provisional && a.second == nil:
		return m.again()
	case a.verdict == Provisional && a.alike == nil, a.verdict == Tie && a.rival != nil:
		return m.moreLaunches()
	case a.verdict != Undecided:
		return nil
	case len(m.g.contenders) == 1:
		return []Need{{Declare: "measure another platform in the same way"}} // else whatever of the plan is pending
	case a.untried != nil:
		return []Need{try(a.first, min(a.untried.size, a.n))}
	}
	if open := notShown(a.admitted[a.first].held); len(open) > 0 {
		return []Need{m.moreRequests(a.first, open)}
	}
	return nil
}

// try asks for a batch that a contender was never measured at.
func try(c *contender, size int64) Need {
	return Need{Text: fmt.Sprintf("try %s at %s requests", c.name, format.Whole(size)), Only: append(slices.Clone(c.selectors), atSizeOf(size)),
		Declare: fmt.Sprintf("add %d to its batch_size", size)}
}

// again asks for another launch of who came through, where none of it was repeated, and another try of those that are out by what
// may be chance.
func (m missing) again() []Need {
	a := m.a
	var out []Need
	if a.first != nil && !a.first.repeated() {
		out = append(out, m.another(a.first))
	}
	for _, c := range m.g.contenders {
		switch at, n := c.broke(a.n), m.failures(c); {
		case a.admitted[c].why == "" || a.admitted[c].sure:
		case at != nil:
			out = append(out, Need{Text: fmt.Sprintf("try %s again once the cause is gone: it %s", c.name, at.trouble()), Rerun: "failed,censored",
				Only: append(slices.Clone(c.selectors), atSizeOf(at.size))})
		case n != nil:
			out = append(out, *n)
		default:
			out = append(out, m.another(c))
		}
	}
	return out
}

// toLaunch is what brings a contender to so many launches where no command does it.
func (c *contender) toLaunch(n int) string {
	if c.imported() {
		return "import the results of further runs (matrix import)"
	}
	return fmt.Sprintf("set launches = %d in the experiment", n)
}

// another asks for one launch more of the largest batch that tells of the number asked about.
func (m missing) another(c *contender) Need {
	evidence := c.evidence(m.a.n)
	last := evidence[len(evidence)-1]
	launches := len(last.launches) + 1
	return Need{Text: fmt.Sprintf("one more launch of %s at %s requests would show whether it was chance", c.name, format.Whole(last.size)), Launches: launches,
		Declare: c.toLaunch(launches), Only: append(slices.Clone(c.selectors), atSizeOf(last.size))}
}

// failures asks for launches of one that is out for a success rate below the bar, which its failures do not show; nil = it is
// not. As many as show it where as many requests fail as did.
func (m missing) failures(c *contender) *Need {
	a := m.a
	adm := a.admitted[c]
	at := slices.IndexFunc(adm.held, func(q Requirement) bool { return q.Metric == mSuccess && q.Status == Unmet })
	if adm.why == "" || adm.sure || at < 0 {
		return nil
	}
	answered, planned := c.requests(a.n)
	evidence := c.evidence(a.n)
	last := evidence[len(evidence)-1]
	share := float64(planned-answered) / float64(planned)
	more := 1
	for ; more < mostLaunches; more++ {
		all := planned + int64(more)*last.size
		if 1-metrics.SuccessBound(int64(math.Round(share*float64(all))), all) < adm.held[at].Bound {
			break
		}
	}
	launches := len(last.launches) + more
	return &Need{Text: fmt.Sprintf("%s of %s would show that it fails so often", format.Count(more, "more launch"), c.name), Launches: launches,
		Declare: c.toLaunch(launches), Only: append(slices.Clone(c.selectors), atSizeOf(last.size))}
}

// largerBatch asks for a batch from which what is asked about is not far: the smallest of those asked about, else a hundredth.
func (m missing) largerBatch() []Need {
	a := m.a
	size := (a.n + farFrom - 1) / farFrom
	for _, n := range m.requests {
		if n >= size && n > a.nearest().reached() {
			size = n
			break
		}
	}
	pair, launches := []*contender{a.first}, max(2, a.first.most())
	if other := cmp.Or(a.unfilled(), a.second); other != nil {
		pair, launches = append(pair, other), max(2, min(a.first.most(), other.most()))
	}
	return m.launch(pair, size, 0, launches, "show it there")
}

// moreRequests asks for what a requirement needs to be shown.
func (m missing) moreRequests(c *contender, open []Requirement) Need {
	n := m.a.n
	at := c.evidence(n)
	last := at[len(at)-1]
	if i := slices.IndexFunc(open, func(q Requirement) bool { return q.Value == nil && q.Metric != mSuccess }); i >= 0 {
		return m.untold(c, open[i].Metric)
	}
	launches := len(last.launches) + 1
	for _, q := range open {
		if q.Metric == mSuccess && q.Bound > 0 && q.Bound < 1 && last.size > 0 {
			_, planned := c.requests(n)
			more := float64(int64(stats.NeededToShow(q.Bound)) - planned)
			launches = max(launches, len(last.launches)+int(math.Ceil(more/float64(last.size))))
		}
	}
	return Need{Text: fmt.Sprintf("%s of %s would show it", format.Count(launches-len(last.launches), "more launch"), c.name), Launches: launches,
		Declare: c.toLaunch(launches), Only: append(slices.Clone(c.selectors), atSizeOf(last.size))}
}

// untold asks for a metric that a contender's largest batch lacks: a larger one where it is a percentile, which takes its requests.
// What an engine never tells no command brings.
func (m missing) untold(c *contender, metric string) Need {
	for _, p := range record.Percentiles {
		if least := int64(p.Min); strings.Contains(metric, "_"+p.Name+"_") && least > c.reached() {
			size := least
			if i := slices.IndexFunc(m.requests, func(asked int64) bool { return asked >= least }); i >= 0 {
				size = m.requests[i]
			}
			return Need{Text: fmt.Sprintf("%s takes a batch of %s requests", metric, format.Whole(least)), Only: append(slices.Clone(c.selectors), atSizeOf(size)),
				Declare: fmt.Sprintf("add %d to batch_size", size)}
		}
	}
	return Need{Text: fmt.Sprintf("%s does not tell %s", c.name, metric), Declare: "leave it out of require"}
}

// moreLaunches asks for as many launches as tell the first from its rival: of what was run, or of a larger batch that is asked
// about, whichever takes less time.
func (m missing) moreLaunches() []Need {
	g, a := m.g, m.a
	pair := []*contender{a.first, a.rival}
	size := common(pair, a.n)
	if size == 0 {
		return []Need{try(a.rival, a.first.reached())}
	}
	have := min(len(a.first.at[size].launches), len(a.rival.at[size].launches))
	total, what := 3, "show how much identical ones differ"
	ratio, ok := m.ratio(g, a.rival, a.first, a.n)
	score := a.between(a.first, a.rival)
	switch lead, margin := score.apart(), score.margin(m.level(), ratio.DF); {
	case !ok || !a.first.repeated() || !a.rival.repeated() || ratio.Assumed:
	case score.shares[Performance] > 0 && ratio.Low <= 1 && ratio.High >= 1:
		var target float64
		target, what = toTell(ratio)
		total = launchesFor(ratio, have, have+1, target, m.level())
		within := g.lasts(pair, size, total-have)
		if total > mostLaunches { // or never
			within = math.Inf(1)
		}
		if n, launches := m.larger(pair, size, target, within); n > 0 {
			return m.launch(pair, n, 0, launches, what)
		}
	case lead > margin:
		total, what = 2*have, "tell whether the failures are chance"
	default:
		what = "tell them apart by the weights"
		for total = have + 1; total <= mostLaunches && lead <= margin*math.Sqrt(float64(have)/float64(total)); total++ {
		}
	}
	total = max(total, have+1)
	if total > mostLaunches {
		return []Need{{Text: fmt.Sprintf("it takes more than %s each of %s and %s to tell them apart: they differ by less than launches of one do",
			format.Count(mostLaunches, "launch"), a.first.name, a.rival.name)}}
	}
	return m.launch(pair, size, have, total, what)
}

// launch asks for so many launches in all of a contender, or of each of a pair, at a size at which there are some, or none: one need where
// one command takes both, else one of each, which names the one that its command runs.
func (m missing) launch(pair []*contender, size int64, have, total int, what string) []Need {
	noun := "more launch"
	if have == 0 {
		noun = "launch"
	}
	need := func(only []string, who, also string, of ...*contender) Need {
		n := Need{Only: only, Launches: total, Declare: of[0].toLaunch(total), Text: fmt.Sprintf("%s %s at %s requests (about %s)%s would %s",
			format.Count(total-have, noun), who, format.Whole(size), Span(m.g.lasts(of, size, total-have)), also, what)}
		if have == 0 && !of[0].imported() {
			n.Declare = fmt.Sprintf("add %d to batch_size, with launches = %d", size, total)
		}
		return n
	}
	if only, joined := together(pair, size); joined {
		who := "of " + pair[0].name
		if len(pair) > 1 {
			who = "each " + who + " and " + pair[1].name
		}
		return []Need{need(only, who, "", pair...)}
	}
	var out []Need
	for i, c := range pair {
		out = append(out, need(append(slices.Clone(c.selectors), atSizeOf(size)), "of "+c.name, ", with as many of "+pair[1-i].name+",", c))
	}
	return out
}

// lasts is how many seconds so many launches of each of a pair take.
func (g *contest) lasts(pair []*contender, size int64, launches int) float64 {
	var sum float64
	for _, c := range pair {
		if f, ok := g.times.Finish(c.series, size); ok {
			sum += f.Seconds * float64(launches)
		}
	}
	return sum
}

// larger is the batch that is asked about, or a hundredth or a tenth of what is, larger than all that both ran, at which launches tell as
// much in less time than given, and how many; 0 = there is none. Its launches are taken to vary like those of the size that was run,
// and its windows to be as much longer as it is larger.
func (m missing) larger(pair []*contender, size int64, target, within float64) (batch int64, launches int) {
	g, a := m.g, m.a
	near, ok := m.ratio(g, a.rival, a.first, size)
	if !ok || near.Assumed {
		return 0, 0
	}
	have := min(len(pair[0].at[size].launches), len(pair[1].at[size].launches))
	n, ran := launchesFor(near, have, 3, target, m.level()), max(pair[0].reached(), pair[1].reached())
	far, _ := m.ratio(g, a.rival, a.first, a.n)
	for _, asked := range append(slices.Clone(m.requests), (a.n+farFrom-1)/farFrom, (a.n+9)/10) {
		tells := asked == a.n || far.Fixed*float64(ran)/float64(asked) < target/2
		if asked > ran && asked <= a.n && tells && n <= mostLaunches && g.lasts(pair, asked, n) < within {
			batch, launches, within = asked, n, g.lasts(pair, asked, n)
		}
	}
	return batch, launches
}

// toTell is the half width, of a logarithm, that an interval is to have, and what that tells: the lead that there is, with
// a half more so that four tries in five tell it; no less than 5%; where that is reached already, this lead or that it is none.
func toTell(ratio predict.Ratio) (half float64, what string) {
	now, lead, least := math.Log(ratio.High/ratio.Low)/2, math.Abs(math.Log(ratio.Ratio)), math.Log(1+equal)
	switch {
	case now <= least:
		return max(lead, least-lead), "tell so small a difference"
	case lead/1.5 > least:
		return lead / 1.5, fmt.Sprintf("tell a lead of %s", format.Percent(math.Exp(lead)-1))
	}
	return least, "tell a 5% difference"
}

// launchesFor is how many launches of each side, from the fewest on, make an interval's half width no more than a target; more than
// mostLaunches where none do.
func launchesFor(ratio predict.Ratio, have, fewest int, target, level float64) int {
	half := math.Log(ratio.High/ratio.Low) / 2
	sampled := math.Sqrt(max(0, half*half-ratio.Fixed*ratio.Fixed))
	at := func(n int) float64 {
		freedom := ratio.DF + 2*float64(n-have)
		return math.Hypot(ratio.Fixed, sampled*math.Sqrt(float64(have)/float64(n))*stats.Student(freedom, level)/stats.Student(ratio.DF, level))
	}
	n := fewest
	for n <= mostLaunches && at(n) > target {
		n++
	}
	return n
}

// together are selectors of one contender, or of two that differ in one axis alone, at a size.
func together(pair []*contender, size int64) ([]string, bool) {
	a, b := pair[0].selectors, pair[len(pair)-1].selectors
	if len(a) != len(b) {
		return nil, false
	}
	out := append(slices.Clone(a), atSizeOf(size))
	joined := 0
	for i := range a {
		axis, label, _ := strings.Cut(a[i], "=")
		if other, of := strings.CutPrefix(b[i], axis+"="); !of {
			return nil, false
		} else if other != label {
			labels := []string{label, other}
			slices.Sort(labels)
			out[i], joined = axis+"="+strings.Join(labels, ","), joined+1
		}
	}
	return out, joined < 2
}
