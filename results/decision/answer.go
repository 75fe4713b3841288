package decision

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// launchesEnough is from how many launches on more of them are not asked for: a median has an interval of its own then.
const launchesEnough = 6

// answer is what a group's rankings come down to.
func (r *rules) answer(g *built) Answer {
	ranked := g.Overall.ranked()
	if len(ranked) == 0 {
		return g.noneRanked()
	}
	first := ranked[0]
	a := Answer{Kind: Winner, Contender: first.Contender}
	switch {
	case len(g.contenders) == 1:
		return undecided(a, g.Missing, "Only "+first.Contender+" was measured like this: there is nothing to rank it against. Equal models, precision, limits and sampling make platforms comparable.")
	case status(first.Requirements) == NotShown:
		return r.notShown(a, g, first)
	case len(ranked) == 1:
		a.Sentences = []string{first.Contender + " is the only one that qualifies: " + g.whyNot(first.Contender) + "."}
		return a
	case g.Overall.share(Performance) == 0 && r.weights[Performance] > 0:
		return undecided(a, g.Missing, "The speed of the platforms cannot be compared: they share no batch size with a rate.")
	}
	a = r.contested(a, g)
	if from := g.foreign(); from != "" {
		a.Sentences[0] = from + ": " + a.Sentences[0]
	}
	return a
}

// foreign says when the answer rests on figures that matrix did not measure, "" when it does not.
func (g *built) foreign() string {
	imported, ranked := 0, g.Overall.ranked()
	for _, st := range ranked {
		if st.Imported {
			imported++
		}
	}
	switch imported {
	case 0:
		return ""
	case len(ranked):
		return "Nothing here was measured by matrix, and imported figures keep to no common definitions"
	}
	return "Partly on imported figures, by other definitions"
}

// contested answers where two or more are ranked.
func (r *rules) contested(a Answer, g *built) Answer {
	l := g.Overall.Lead
	if ranges := g.ranges(); len(ranges) > 1 {
		a.Kind, a.Ranges = Hybrid, ranges
		a.Sentences = append(a.Sentences, hybridWords(ranges))
		a.Sentences = append(a.Sentences, "For one platform at every batch size: "+l.Words+".")
		return a
	}
	if !l.Level {
		a.Sentences = append(a.Sentences, "Choose "+a.Contender+": "+l.Words+".")
		return a
	}
	fewest := launchesEnough
	for _, st := range g.Overall.ranked()[:2] {
		fewest = min(fewest, st.Launches)
	}
	if fewest >= launchesEnough {
		a.Kind = Level
		a.Sentences = append(a.Sentences, l.Words+".", "Choose by what is not measured here.")
		return a
	}
	return undecided(a, append(r.moreLaunches(g, l), g.Missing...), "Not decidable yet: "+l.Words+".")
}

func undecided(a Answer, missing []Missing, sentence string) Answer {
	a.Kind, a.Missing = Undecided, missing
	a.Sentences = append(a.Sentences, sentence)
	if len(missing) > 0 {
		a.Sentences = append(a.Sentences, "Run: "+missing[0].Command)
	}
	return a
}

// notShown answers where the best may or may not meet what is required.
func (r *rules) notShown(a Answer, g *built, first Standing) Answer {
	var notes []string
	for _, q := range first.Requirements {
		if q.Status == NotShown {
			notes = append(notes, q.words()+" is not shown: "+q.Note)
		}
	}
	var more []Missing
	for _, c := range g.contenders {
		if c.name == first.Contender {
			m := r.run(c, nil, "", "more requests, or more launches, of "+c.name)
			m.Decides = true
			more = append(more, m)
		}
	}
	return undecided(a, append(more, g.Missing...), fmt.Sprintf("Not decidable yet: %s would come first, but %s.", first.Contender, strings.Join(notes, "; ")))
}

func (g *built) noneRanked() Answer {
	var a Answer
	a.Kind = Nobody
	a.Sentences = []string{"None qualifies: " + g.whyNot("") + "."}
	return a
}

// whyNot says of all but one why they have no rank.
func (g *built) whyNot(but string) string {
	var parts []string
	for _, st := range g.Overall.Standings {
		if st.Contender != but && st.Rank == 0 {
			parts = append(parts, st.Contender+" "+st.Why)
		}
	}
	return strings.Join(parts, "; ")
}

func (q Requirement) words() string {
	return fmt.Sprintf("%s %s %v", q.Metric, map[string]string{"min": "≤", "max": "≥"}[q.Goal], q.Bound)
}

func (k *Ranking) ranked() []Standing {
	return slices.DeleteFunc(slices.Clone(k.Standings), func(s Standing) bool { return s.Rank == 0 })
}

func (k *Ranking) share(criterion string) float64 {
	for _, w := range k.Weights {
		if w.Criterion == criterion {
			return w.Share
		}
	}
	return 0
}

// ranges are the stretches of batch sizes with one winner. A size at which the first two are not told apart belongs to
// its neighbours: noise makes no hybrid.
func (g *built) ranges() []Range {
	var out []Range
	for i, k := range g.BySize {
		ranked := k.ranked()
		if len(ranked) == 0 || k.Lead != nil && k.Lead.Level || len(ranked) == 1 && !g.alone(i) {
			continue
		}
		name := ranked[0].Contender
		if n := len(out); n > 0 && out[n-1].Contender == name {
			out[n-1].To = k.BatchSize
			continue
		}
		if n := len(out); n > 0 {
			out[n-1].BreakEven = g.breakEven(out[n-1].Contender, name, out[n-1].To, k.BatchSize)
		}
		out = append(out, Range{Contender: name, From: k.BatchSize, To: k.BatchSize})
	}
	return out
}

// alone reports that the others failed at a size, rather than were never tried there: then its one survivor has won.
func (g *built) alone(i int) bool {
	return !slices.ContainsFunc(g.contenders, func(c *contender) bool { return !c.at[g.BySize[i].BatchSize].tried() })
}

// breakEven is where the scores of two contenders cross, between two batch sizes: linear in the logarithm of the size.
func (g *built) breakEven(first, second string, from, to int64) *float64 {
	ahead := func(size int64) (float64, bool) {
		k := g.BySize[slices.Index(g.Sizes, size)]
		var a, b *float64
		for _, st := range k.Standings {
			switch st.Contender {
			case first:
				a = st.Score
			case second:
				b = st.Score
			}
		}
		if a == nil || b == nil {
			return 0, false
		}
		return *a - *b, true
	}
	d1, ok1 := ahead(from)
	d2, ok2 := ahead(to)
	if !ok1 || !ok2 || d1 <= 0 || d2 >= 0 {
		return nil
	}
	x := math.Exp(math.Log(float64(from)) + (math.Log(float64(to))-math.Log(float64(from)))*d1/(d1-d2))
	return &x
}

// numerals writes 1,000 as the report's tables do.
var numerals = message.NewPrinter(language.English)

func hybridWords(ranges []Range) string {
	var parts []string
	for i, r := range ranges {
		sizes := numerals.Sprintf("at %d requests", r.From)
		switch {
		case i == 0:
			sizes = numerals.Sprintf("up to %d requests", r.To)
		case i == len(ranges)-1:
			sizes = numerals.Sprintf("from %d", r.From)
		case r.From != r.To:
			sizes = numerals.Sprintf("from %d to %d", r.From, r.To)
		}
		part := r.Contender + " " + sizes
		if r.BreakEven != nil {
			part += numerals.Sprintf(" (they cross near %d: interpolated, not measured)", int64(math.Round(*r.BreakEven)))
		}
		parts = append(parts, part)
	}
	return "It depends on the batch: " + strings.Join(parts, "; ") + "."
}
