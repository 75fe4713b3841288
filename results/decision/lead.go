package decision

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/format"
)

// What a group's answers come down to, when they are read together: each sentence once.

// Lead are the first sentences: where it depends on the number of requests, that; then the answer to each number.
func (g Group) Lead() []string {
	var out []string
	if s := g.turnover(); s != "" {
		out = append(out, s)
	}
	from := "" // said once
	for i, q := range g.Questions {
		for _, s := range q.Sentences[:min(1, len(q.Sentences))] {
			if q.from != "" && q.from == from {
				s = strings.TrimPrefix(s, from+": ")
			}
			if from = q.from; q.how != "" && slices.ContainsFunc(g.Questions[i+1:], func(later Question) bool {
				return later.how != "" && later.Platform != nil && *later.Platform == *q.Platform
			}) {
				s = strings.TrimSuffix(s, q.how) // how it could turn is said of most requests alone
			}
			out = once(out, []string{s})
		}
	}
	return out
}

// Rest is what follows: how sure, how valid, what would change it. What is missing is left to Need.
func (g Group) Rest() []string {
	var out []string
	for i, q := range g.Questions {
		for _, s := range q.Sentences[min(1, len(q.Sentences)):max(q.told, min(1, len(q.Sentences)))] {
			if !g.goes(i, s) {
				out = once(out, []string{s})
			}
		}
	}
	return out
}

// goes reports that a sentence of a question goes without saying: a later one says as much and more of the same, or the same
// of more requests.
func (g Group) goes(i int, s string) bool {
	for _, later := range g.Questions[i+1:] {
		more := func(other string) bool {
			return len(other) > len(s) && strings.HasPrefix(other, strings.TrimSuffix(s, ".")+";")
		}
		if s == g.Questions[i].far && later.far != "" || slices.ContainsFunc(later.Sentences, more) {
			return true
		}
	}
	return false
}

// Need is what would decide more: of the number of requests that asks for most, which is the last that asks for any.
func (g Group) Need() *Missing {
	for i, q := range slices.Backward(g.Questions) {
		if len(q.Missing) > 0 {
			need := q.Missing[0]
			if i < len(g.Questions)-1 { // it stands beside the answer to the last
				need.Text = "For " + q.Asked() + ": " + need.Text
			}
			return &need
		}
	}
	return nil
}

// once appends what is not there yet.
func once[T comparable](out, more []T) []T {
	for _, s := range more {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// turnover says where the order turns, "" = one leads for every number asked about.
func (g Group) turnover() string {
	var names, from []string
	hybrid := false
	for i, q := range g.Questions {
		hybrid = hybrid || q.Verdict == Hybrid
		if q.Verdict == Undecided { // who is first there is not known
			return ""
		}
		if q.Platform == nil || q.either || len(names) > 0 && *q.Platform == names[len(names)-1] {
			continue
		}
		begins := format.Whole(q.Requests)
		switch {
		case i > 0 && g.Questions[i-1].turn != nil && g.Questions[i-1].turn.above:
			begins = "about " + format.Whole(rounded(g.Questions[i-1].turn.at))
		case q.turn != nil && !q.turn.above:
			begins = "about " + format.Whole(rounded(q.turn.at))
		}
		names, from = append(names, *q.Platform), append(from, begins)
	}
	if len(names) < 2 {
		return ""
	}
	text := "It depends on the number of requests: " + names[0] + " below " + from[1]
	for i := range names[1:] {
		text += fmt.Sprintf(", %s from %s", names[i+1], from[i+1])
	}
	if !hybrid {
		text += "; not shown for both"
	}
	return text + "."
}
