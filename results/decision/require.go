package decision

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/format"
	"matrix/results/metrics"
	"matrix/results/stats"
)

// leastSuccess is the observed success rate below which nobody is chosen, unless require names another.
const leastSuccess = 0.99

// requirements holds a contender against what the decision block requires, by metric, and against the default bar.
func (r *rules) requirements(c *contender, n int64) []Requirement {
	var out []Requirement
	for _, name := range sortedKeys(r.require) {
		q := Requirement{Metric: name, Bound: r.require[name], Goal: r.goal(name)}
		if name == mSuccess {
			q.Goal = "max"
			success(&q, c, n)
		} else {
			q.hold(worst(c, name, q.Goal, n))
		}
		out = append(out, q)
	}
	if _, asked := r.require[mSuccess]; !asked {
		answered, planned := c.requests(n)
		q := Requirement{Metric: mSuccess, Bound: leastSuccess, Goal: "max", Default: true, Note: fmt.Sprintf("%s of %s answered", format.Whole(answered), format.Whole(planned))}
		if planned == 0 {
			q.Status = NotShown // a totals-only import tells no requests
			return out
		}
		observed := float64(answered) / float64(planned)
		q.hold(&observed)
		out = append(out, q)
	}
	return out
}

// Unrecorded is said where an import does not tell which requests were answered.
const Unrecorded = "nobody recorded how requests ended"

// success holds a success rate that was asked for: it is met only when the requests show it at 95% confidence, not when
// none happened to fail.
func success(q *Requirement, c *contender, n int64) {
	answered, planned := c.requests(n)
	if planned == 0 {
		q.Status, q.Note = NotShown, Unrecorded
		return
	}
	low := metrics.SuccessBound(answered, planned)
	q.Value = &low
	switch {
	case float64(answered)/float64(planned) < q.Bound:
		q.Status, q.Note = Unmet, fmt.Sprintf("%s of %s answered", format.Whole(answered), format.Whole(planned))
	case low >= q.Bound:
		q.Status, q.Note = Met, fmt.Sprintf("%s of %s answered: at least %.5g with 95%% confidence", format.Whole(answered), format.Whole(planned), low)
	default:
		q.Status, q.Note = NotShown, fmt.Sprintf("%s of %s answered show %.5g", format.Whole(answered), format.Whole(planned), low)
		if q.Bound > 0 && q.Bound < 1 {
			q.Note += fmt.Sprintf("; %s without a failure would show %v", format.Whole(int64(stats.NeededToShow(q.Bound))), q.Bound)
		}
	}
}

func (q *Requirement) hold(v *float64) {
	q.Value = v
	switch {
	case v == nil:
		q.Status, q.Note = NotShown, "not measured"
	case q.Goal == "min" && *v > q.Bound, q.Goal == "max" && *v < q.Bound:
		q.Status = Unmet
	default:
		q.Status = Met
	}
}

func (q Requirement) words() string {
	return fmt.Sprintf("%s %s %v", q.Metric, map[string]string{"min": "≤", "max": "≥"}[q.Goal], q.Bound)
}

// worst is a metric's worst median over the batch sizes that tell of n requests; nil where the largest that was completed lacks
// it. A smaller one may be too small for it: a p99 takes 662 requests.
func worst(c *contender, name, goal string, n int64) *float64 {
	var out, largest *float64
	for _, at := range c.evidence(n) {
		if len(at.launches) == 0 {
			continue
		}
		largest = at.median(name)
		if largest != nil && (out == nil || goal == "min" && *largest > *out || goal == "max" && *largest < *out) {
			out = largest
		}
	}
	if largest == nil {
		return nil
	}
	return out
}

// goal is the direction of a metric: as declared, else as its row of the table says, else by the unit in its name: of
// seconds, joules and bytes, less is better.
func (r *rules) goal(name string) string {
	if g := r.goals[name]; g != "" {
		return g
	}
	for _, m := range criteriaTable() {
		if m.name == name {
			if m.more {
				return "max"
			}
			return "min"
		}
	}
	for _, suffix := range []string{"_s", "_j", "_bytes", "_per_token", "_per_s", "_count"} {
		if strings.HasSuffix(name, suffix) && name != "steady_span_s" {
			return "min"
		}
	}
	return "max"
}

// admit says whether a contender is weighed at all: whoever broke, has no rate or misses a requirement is out, however fast.
func (r *rules) admit(g *contest, c *contender, n int64) admission {
	if at := c.broke(n); at != nil {
		return admission{why: at.trouble(), sure: at.failed+at.censored > 1}
	}
	if c.useless() {
		return admission{why: "gave no answer that can be used", sure: c.repeated()}
	}
	if _, ok := g.times.Finish(c.series, n); !ok || c.reached() == 0 {
		return admission{why: "has no launch with a duration"}
	}
	a := admission{held: r.requirements(c, n)}
	for _, q := range a.held {
		if q.Status != Unmet {
			continue
		}
		a.why = "does not meet " + q.words()
		if q.Metric == mSuccess {
			answered, planned := c.requests(n)
			bar := "asked: " + format.Percent(q.Bound)
			if q.Default {
				bar = "fewer than " + format.Percent(q.Bound) + ", the bar where require names none"
			}
			a.why = fmt.Sprintf("answered %s of %s requests (%s)", format.Whole(answered), format.Whole(planned), bar)
			a.sure = 1-metrics.SuccessBound(planned-answered, planned) < q.Bound
		} else {
			a.sure = c.repeated()
		}
		return a
	}
	return a
}

// trouble says how a cell broke.
func (c *tally) trouble() string {
	what, reason := "failed", c.reason
	if c.failed == 0 {
		what = "ran into its limit"
	}
	if reason != "" {
		reason = " (" + reason + ")"
	}
	return fmt.Sprintf("%s at %s requests%s", what, format.Whole(c.size), reason)
}

// notShown are the requirements asked for that a contender has not shown yet.
func notShown(all []Requirement) []Requirement {
	return slices.DeleteFunc(slices.Clone(all), func(q Requirement) bool { return q.Status != NotShown || q.Default })
}
