package predict

import (
	"math"
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
//
// spans are the function's own: it takes out those that took no time.
func CurveOf(spans []Span) Curve {
	spans = slices.DeleteFunc(spans, func(s Span) bool { return !(s.ToS > s.FromS) })
	if len(spans) < fewestRun {
		return Curve{}
	}
	from, to := steady(levelsOf(spans))
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

// levels are when answers began and when they ended, each sorted: what is under way between two of these moments follows.
// Two lists of numbers, and none of the stretches between them: of a million requests those would be a hundred megabytes.
type levels struct{ begins, ends []float64 }

func levelsOf(spans []Span) levels {
	l := levels{make([]float64, len(spans)), make([]float64, len(spans))}
	for i, s := range spans {
		l.begins[i], l.ends[i] = s.FromS, s.ToS
	}
	slices.Sort(l.begins)
	slices.Sort(l.ends)
	return l
}

// steps are the stretches of time, each with the number of answers under way in it, one after the other.
func (l levels) steps(yield func(from, to float64, n int)) {
	begun, at := 0, l.begins[0]
	for ended, end := range l.ends {
		for ; begun < len(l.begins) && l.begins[begun] < end; begun++ {
			if next := l.begins[begun]; next > at {
				yield(at, next, begun-ended)
				at = next
			}
		}
		if end > at {
			yield(at, end, begun-ended)
			at = end
		}
	}
}

// steady finds the window.
func steady(l levels) (from, to float64) {
	usual := steadyAt * float64(l.usual())
	from = math.NaN()
	l.steps(func(begin, end float64, n int) {
		if n == 0 || float64(n) < usual {
			return
		}
		if math.IsNaN(from) {
			from = begin
		}
		to = end
	})
	return from, to
}

// usual is the time-weighted median of what is under way until half of the answers have ended.
func (l levels) usual() int {
	held, total := make([]float64, len(l.begins)+1), 0.0 // how long so many were under way, s
	half := l.ends[len(l.ends)/2]
	l.steps(func(from, to float64, n int) {
		if from < half {
			held[n], total = held[n]+to-from, total+to-from
		}
	})
	seen := 0.0
	for n, s := range held {
		if seen += s; s > 0 && seen >= total/2 {
			return n
		}
	}
	return 0
}
