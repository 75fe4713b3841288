package predict

import (
	"cmp"
	"slices"
)

// Curve is what the completion curve of a launch tells beside its length.
type Curve struct {
	RatePerS float64 // steady rate, requests/s; 0 = not known
	Waves    float64 // length of the steady window / mean length of an answer: below 2 the batch fitted into one wave or so
	AnswerS  float64 // mean length of an answer, s
}

// Span is one request: when its answer began (first token; when it was sent where that is not known) and ended, in
// seconds of the same clock.
type Span struct{ FromS, ToS float64 }

// Bounds of the steady window.
const (
	steadyAt  = 0.8 // from the first to the last moment with so much of the usual number of answers under way
	fewestRun = 4   // requests below which there is no window
)

// CurveOf finds the steady window: from the moment when nearly as many answers are under way as usual to the last such
// moment. Usual is what it was until half of them had ended, for most of a small batch may be its tail; not the most, for
// a driver that falls behind sees engines answer twice as many for a while. The rate is Little's law: answers under way in the window, on average, over the mean length of those with their middle in it. A
// constant server's rate comes out whatever the number of waves and however unequal the answers; counting completions
// would count those that began before the window, and the short ones of the first wave, which all end early.
func CurveOf(spans []Span) Curve {
	spans = slices.DeleteFunc(slices.Clone(spans), func(s Span) bool { return !(s.ToS > s.FromS) })
	if len(spans) < fewestRun {
		return Curve{}
	}
	ends := make([]float64, len(spans))
	for i, s := range spans {
		ends[i] = s.ToS
	}
	slices.Sort(ends)
	from, to := steady(levels(spans), ends[len(ends)/2])
	if !(to > from) {
		return Curve{}
	}
	var inside, length, answers float64
	for _, s := range spans {
		inside += max(0, min(s.ToS, to)-max(s.FromS, from))
		if middle := (s.FromS + s.ToS) / 2; from <= middle && middle <= to {
			length, answers = length+s.ToS-s.FromS, answers+1
		}
	}
	if answers < fewestRun {
		return Curve{}
	}
	answer := length / answers
	return Curve{RatePerS: inside / (to - from) / answer, Waves: (to - from) / answer, AnswerS: answer}
}

// Join is the curve of an attempt of several segments: each counts by the length of its window.
func Join(segments []Curve) Curve {
	var out Curve
	var spans, work, answers float64
	for _, c := range segments {
		if c.RatePerS <= 0 {
			continue
		}
		span := c.Waves * c.AnswerS
		spans, work, answers = spans+span, work+span*c.RatePerS, answers+span*c.AnswerS
	}
	if spans > 0 {
		out = Curve{RatePerS: work / spans, AnswerS: answers / spans}
		out.Waves = spans / out.AnswerS
	}
	return out
}

// step is a stretch of time with a number of answers under way.
type step struct {
	from, to float64
	n        int
}

func levels(spans []Span) []step {
	type change struct {
		at float64
		by int
	}
	changes := make([]change, 0, 2*len(spans))
	for _, s := range spans {
		changes = append(changes, change{s.FromS, 1}, change{s.ToS, -1})
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
	var steps []step
	n := 0
	for i, c := range changes {
		if i > 0 && c.at > changes[i-1].at {
			steps = append(steps, step{changes[i-1].at, c.at, n})
		}
		n += c.by
	}
	return steps
}

// steady finds the window. half is when half of the answers had ended.
func steady(steps []step, half float64) (from, to float64) {
	usual := usualLevel(steps, half)
	busy := func(s step) bool { return s.n > 0 && float64(s.n) >= steadyAt*float64(usual) }
	if first := slices.IndexFunc(steps, busy); first >= 0 {
		from = steps[first].from
	}
	for _, s := range steps {
		if busy(s) {
			to = s.to
		}
	}
	return from, to
}

// usualLevel is the time-weighted median of what is under way up to a moment.
func usualLevel(steps []step, until float64) int {
	early := slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return s.from >= until })
	slices.SortFunc(early, func(a, b step) int { return cmp.Compare(a.n, b.n) })
	total, seen := 0.0, 0.0
	for _, s := range early {
		total += s.to - s.from
	}
	for _, s := range early {
		if seen += s.to - s.from; seen >= total/2 {
			return s.n
		}
	}
	return 0
}
