package decision

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/results/predict"
	"matrix/results/stats"
)

// mostLaunches is where more of them stop being advice.
const mostLaunches = 40

// Command is what to type for a need where the declaration is not at hand: the last saved plan's files are meant.
func (n Need) Command() string {
	if len(n.Only) == 0 {
		return ""
	}
	return "matrix apply" + n.Flags()
}

// Flags narrow a plan to what is needed.
func (n Need) Flags() string {
	var b strings.Builder
	if n.Launches > 0 {
		fmt.Fprintf(&b, " --launches %d", n.Launches)
	}
	if n.Rerun != "" {
		b.WriteString(" --rerun " + n.Rerun)
	}
	for _, sel := range n.Only {
		b.WriteString(" --only " + quoted(sel))
	}
	return b.String()
}

// quoted is a word for a shell.
func quoted(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=.,:/+@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func atSizeOf(size int64) string { return fmt.Sprintf("batch_size=%d", size) }

// needs are what would decide more.
func (r *rules) needs(g *built, a *asking) []Need {
	switch {
	case a.verdict == Nobody, a.verdict == Provisional && a.second == nil:
		return r.again(g, a)
	case a.verdict == Provisional:
		return r.moreLaunches(g, a)
	case a.verdict != Undecided:
		return nil
	case len(g.contenders) == 1:
		return []Need{{}} // whatever of the plan is pending
	case a.untried != nil:
		return []Need{r.try(a.first, a.untried.size)}
	}
	if open := notShown(a.admitted[a.first].held); len(open) > 0 {
		return []Need{r.moreRequests(a.first, a.n, open)}
	}
	return nil
}

// try asks for a batch that a contender was never measured at.
func (r *rules) try(c *contender, size int64) Need {
	return Need{Text: fmt.Sprintf("%s has not been tried at %s requests", c.name, whole(size)), Only: append(slices.Clone(c.selectors), atSizeOf(size)),
		Declare: fmt.Sprintf("add %d to its batch_size", size)}
}

// again asks for another try of those that broke.
func (r *rules) again(g *built, a *asking) []Need {
	var out []Need
	for _, c := range g.contenders {
		if at := c.broke(a.n); at != nil && !a.admitted[c].sure {
			out = append(out, Need{Text: fmt.Sprintf("%s %s: once the cause is gone, try again", c.name, at.trouble()), Rerun: "failed,censored",
				Only: append(slices.Clone(c.selectors), atSizeOf(at.size))})
		}
	}
	return out
}

// moreRequests asks for what a requirement needs to be shown.
func (r *rules) moreRequests(c *contender, n int64, open []Requirement) Need {
	at := c.evidence(n)
	last := at[len(at)-1]
	launches := len(last.launches) + 1
	for _, q := range open {
		if q.Metric == mSuccess && q.Bound > 0 && q.Bound < 1 && last.size > 0 {
			_, planned := c.requests(n)
			more := float64(int64(stats.NeededToShow(q.Bound)) - planned)
			launches = max(launches, len(last.launches)+int(math.Ceil(more/float64(last.size))))
		}
	}
	return Need{Text: fmt.Sprintf("%s of %s would show it", counted(launches-len(last.launches), "more launch"), c.name), Launches: launches,
		Declare: fmt.Sprintf("set launches = %d in the experiment", launches),
		Only:    append(slices.Clone(c.selectors), atSizeOf(last.size))}
}

// moreLaunches asks for as many launches as tell the first from its rival.
func (r *rules) moreLaunches(g *built, a *asking) []Need {
	pair := []*contender{a.first, a.rival}
	size := common(pair, a.n)
	if size == 0 {
		return []Need{r.try(a.rival, a.first.reached())}
	}
	have := min(len(a.first.at[size].launches), len(a.rival.at[size].launches))
	total, text := 3, "%s of %s and %s each would show how much identical ones differ"
	if ratio, ok := r.ratio(g, a.rival, a.first, a.n); ok && a.first.repeated() && a.rival.repeated() && !ratio.Assumed {
		total, text = launchesFor(ratio, have, r.level())
		if ratio.Low > 1 || ratio.High < 1 { // the times are told apart
			total, text = 2*have, "%s of %s and %s would tell whether the failures are chance"
		}
	}
	total = max(total, have+1)
	text = fmt.Sprintf(text, counted(total-have, "more launch"), a.first.name, a.rival.name)
	if total > mostLaunches {
		text = fmt.Sprintf("they differ by less than %s of %s and %s would tell", counted(mostLaunches, "launch"), a.first.name, a.rival.name)
		total = mostLaunches
	}
	declare := fmt.Sprintf("set launches = %d in the experiment", total)
	if joined, ok := together(pair, size); ok {
		return []Need{{Text: text, Launches: total, Only: joined, Declare: declare}}
	}
	var out []Need
	for _, c := range pair {
		out = append(out, Need{Text: text, Launches: total, Only: append(slices.Clone(c.selectors), atSizeOf(size)), Declare: declare})
	}
	return out
}

// launchesFor is how many launches of each side tell a difference of 5%; where those that there are do, how many tell this
// one, or that it is less than 5%.
func launchesFor(ratio predict.Ratio, have int, level float64) (total int, text string) {
	half, lead := math.Log(ratio.High/ratio.Low)/2, math.Abs(math.Log(ratio.Ratio))
	target, text := math.Log(1+equal), "%s of %s and %s would tell a 5%% difference"
	if half <= target {
		target, text = max(lead, target-lead), "%s of %s and %s would tell so small a difference"
	}
	at := func(n int) float64 {
		freedom := ratio.DF + 2*float64(n-have)
		return half * math.Sqrt(float64(have)/float64(n)) * quantile(freedom, level) / quantile(ratio.DF, level)
	}
	for total = have + 1; total <= mostLaunches && at(total) > target; total++ {
	}
	return total, text
}

// together are selectors of two contenders at a size, where they differ in platform alone.
func together(pair []*contender, size int64) ([]string, bool) {
	a, b := pair[0].selectors, pair[1].selectors
	if len(a) != len(b) || !slices.Equal(a[1:], b[1:]) {
		return nil, false
	}
	out := []string{a[0]}
	if a[0] != b[0] {
		names := []string{pair[0].platform, pair[1].platform}
		slices.Sort(names)
		out[0] = "platform=" + strings.Join(names, ",")
	}
	return append(append(out, a[1:]...), atSizeOf(size)), true
}
