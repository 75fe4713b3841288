package report

import (
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/summary"
	"matrix/results/table"
)

// A line over time is thinned to mostPoints points, and to fewer where the lines of all timelines would have more than pagePoints, but not below
// fewestPoints. More would only make the page heavy: it carries every point of every line.
const mostPoints, fewestPoints, pagePoints = 160, 40, 400

// track is a figure as it was sampled.
type track struct {
	times, values []float64 // seconds since the measured phase began, ascending; a value for each
	gap           float64   // how far apart two samples may lie and still be joined; 0 = any
}

// track is a gauge over all its sources.
// Only the first segment is drawn: each segment's clock begins anew, and two on one axis would overlap.
func (x gauge) track(all []summary.Series) track {
	// by time: what the sources show together, and how many did
	sum, n := map[float64]float64{}, map[float64]float64{}
	for _, s := range all {
		if s.Segment > 1 || !summary.Called(s.Metric, x.metric) {
			continue
		}
		// Sources (GPUs, processes) are sampled at the same instants, so equal times may be added up.
		for i, at := range s.Times {
			sum[at] += s.Values[i] * x.scale
			n[at]++
		}
	}
	times := slices.Sorted(maps.Keys(sum))
	t := track{gap: chart.Gap(times)}
	for i, at := range times {
		y := sum[at]
		switch {
		case x.rate && i == 0:
			continue
		case x.rate:
			before := times[i-1]
			if y = (sum[at] - sum[before]) / (at - before); y < 0 {
				continue // the counter began anew
			}
		case x.one:
			y /= n[at]
		}
		t.times, t.values = append(t.times, at), append(t.values, y)
	}
	return t
}

// during are the values in the measured phase: a long load before it would be most of a median.
func (t track) during(bands []chart.Band) (values []float64) {
	for _, b := range bands {
		for i, at := range t.times {
			if b.Name == measure && at >= b.From && at <= b.To {
				values = append(values, t.values[i])
			}
		}
	}
	return values
}

// moves is false of a line that never changes: a queue that is empty all the time is not worth a line.
func (t track) moves() bool {
	return slices.ContainsFunc(t.values, func(v float64) bool { return v != t.values[0] })
}

// timesOf are the times that all tracks are drawn at: those of the samples while they are few, else evenly apart; and one inside each
// gap that is wider than a step, for a line ends only where a time has no value.
// chart.Panels has one list for all lines, so that a place on the axis is one moment in every panel.
func timesOf(found map[string]track, most int) []float64 {
	var out, gaps []float64
	for _, t := range found {
		out = append(out, t.times...)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	step := 0.0
	if len(out) > most {
		from, to := out[0], out[len(out)-1]
		step = (to - from) / float64(most-1)
		out = out[:most]
		for i := range out {
			out[i] = from + step*float64(i)
		}
	}
	for _, t := range found {
		for i := 1; i < len(t.times); i++ {
			if a, b := t.times[i-1], t.times[i]; t.gaps(a, b) && b-a > step {
				gaps = append(gaps, (a+b)/2)
			}
		}
	}
	out = append(out, gaps...)
	slices.Sort(out)
	return slices.Compact(out)
}

// gaps reports that two neighbours lie too far apart to be joined.
func (t track) gaps(a, b float64) bool { return t.gap > 0 && b-a > t.gap }

// on is the track at some times: the largest sample around each, for a peak must not vanish, else what lies on the line between
// its neighbours; NaN before, behind and in a gap.
// The first stretch begins before the first time, the last has no end: no sample is lost at either.
func (t track) on(times []float64) []float64 {
	out := make([]float64, len(times))
	next := 0
	for i, at := range times {
		until := math.Inf(1)
		if i+1 < len(times) {
			until = (at + times[i+1]) / 2
		}
		best := math.NaN()
		for ; next < len(t.times) && t.times[next] < until; next++ {
			if v := t.values[next]; math.IsNaN(best) || v > best {
				// the peak of the stretch
				best = v
			}
		}
		if math.IsNaN(best) && next > 0 && next < len(t.times) {
			a, b := t.times[next-1], t.times[next]
			if !t.gaps(a, b) {
				best = t.values[next-1] + (t.values[next]-t.values[next-1])*(at-a)/(b-a)
			}
		}
		out[i] = best
	}
	return out
}

// bins is how many stretches the requests of an attempt are counted in.
// As many as a drawing has room for, see chart.Panels.
const bins = 120

// answered tells from the requests' rows what an engine without counters does not: tokens a second, and where it says nothing of
// those either, requests in flight. It reports which of the two it told.
// An answer's tokens are spread evenly from its first to its end: rows have no time for each. What is drawn is thus
// smoother than the engine was.
func answered(a *summary.Attempt, found map[string]track) (spreadOut, inFlight bool, err error) {
	if a.Lacks("requests") || a.Run().Imported {
		return false, false, nil
	}
	// Read twice, once for the axis and once for what stands on it: kept, a million rows would be a gigabyte.
	n, from, to := 0, math.Inf(1), math.Inf(-1)
	err = eachAnswered(a, func(sent, _, done, _ float64) {
		// warm-up lies before 0, and is drawn too
		n, from, to = n+1, min(from, sent), max(to, done)
	})
	if err != nil || n < 2 { // a damaged table's own attempt says so; the report is not its victim
		return false, false, err
	}
	// s
	width := (to - from) / bins
	tokens, flying := make([]float64, bins), make([]float64, bins)
	err = eachAnswered(a, func(sent, first, done, count float64) {
		// Requests in flight, averaged over a bin: each adds the part of the bin in which it was under way.
		spread(flying, (sent-from)/width, (done-from)/width, (done-sent)/width)
		spread(tokens, (first-from)/width, (done-from)/width, count/width)
	})
	if err != nil {
		return false, false, err
	}
	times := make([]float64, bins)
	for i := range times {
		times[i] = from + (float64(i)+0.5)*width
	}
	found[tokensTotal] = track{times, tokens, 0}
	if inFlight = len(found[running].times) < 2; inFlight {
		// Waiting is emptied: from outside nobody sees which requests the engine holds back.
		found[running], found[waiting] = track{times, flying, 0}, track{}
	}
	return true, inFlight, nil
}

// eachAnswered calls f for the first segment's requests: when each was sent, when its answer began and ended, in seconds, and its
// tokens. Where no first token was seen before the end, the answer began with the sending.
// Of a corrupt table it hands on the rows before the damage.
func eachAnswered(a *summary.Attempt, f func(sent, first, done, tokens float64)) error {
	names := []string{record.ColSegment, record.ColSent, record.ColFirstToken, record.ColDone, record.ColOutputTokens}
	err := table.ScanRequests(a.Dir, names, func(b arrow.RecordBatch) error {
		segment, count := table.In[*array.Int32](b, record.ColSegment), table.In[*array.Int64](b, record.ColOutputTokens)
		sent, token, done := table.In[*array.Float64](b, record.ColSent), table.In[*array.Float64](b, record.ColFirstToken), table.In[*array.Float64](b, record.ColDone)
		for i := range int(b.NumRows()) {
			if segment.Value(i) > 1 || sent.IsNull(i) || done.IsNull(i) || done.Value(i) <= sent.Value(i) {
				continue
			}
			first, tokens := sent.Value(i), 0.0
			if token.IsValid(i) && token.Value(i) < done.Value(i) {
				first = token.Value(i)
			}
			if count.IsValid(i) {
				tokens = float64(count.Value(i))
			}
			f(sent.Value(i), first, done.Value(i), tokens)
		}
		return nil
	})
	if errors.Is(err, table.ErrCorrupt) {
		return nil
	}
	return err
}

// spread adds an amount evenly over the bins between two ends.
// The two ends are in bins, with fractions; an amount outside of the list is dropped, not moved to its edge.
func spread(into []float64, from, to, amount float64) {
	for i := max(0, int(from)); i < len(into) && float64(i) < to; i++ {
		into[i] += amount * (min(to, float64(i+1)) - max(from, float64(i))) / (to - from)
	}
}

// powerLimit is NVML's bit for a clock held down by the power limit: how the card was set up, and no fault.
// nvmlClocksEventReasonSwPowerCap in nvml.h.
const powerLimit = 0x4

// throttledAt are the stretches in which a card's clock was held down, and their length in words.
// A sample holds until the next one, so the last of a series has no length; over a gap nothing is claimed. Stretches nearer to each other than step,
// in seconds, are drawn as one: a clock that goes up and down each second for hours would fill the page. The words have the true length.
func throttledAt(all []summary.Series, step float64) ([]chart.Stretches, []string) {
	kinds := []struct {
		bits int64
		name string
		bad  bool
	}{{metrics.Throttles, "slowed by heat or the power brake", true}, {powerLimit, "held at the power limit", false}}
	var out []chart.Stretches
	var words []string
	for _, kind := range kinds {
		held, total := chart.Stretches{Name: kind.name, Bad: kind.bad}, 0.0
		for _, s := range all {
			if s.Segment > 1 || !summary.Called(s.Metric, throttle) {
				continue
			}
			gap, on, first := chart.Gap(s.Times), false, len(held.At)
			for i, v := range s.Values {
				if int64(v)&kind.bits == 0 || i+1 == len(s.Times) || s.Times[i+1]-s.Times[i] > gap {
					on = false
					continue
				}
				from, to := milli(s.Times[i]), milli(s.Times[i+1])
				last := len(held.At) - 1
				if total += to - from; on || last >= first && from-held.At[last][1] < step {
					on = true
					held.At[last][1] = to
					continue
				}
				on, held.At = true, append(held.At, [2]float64{from, to})
			}
		}
		if total > 0 {
			out, words = append(out, held), append(words, kind.name+" for "+three(total)+" s")
		}
	}
	return out, words
}

// Three digits: the drawing needs no more, and the page is smaller.
func milli(seconds float64) float64 { return math.Round(seconds*1000) / 1000 }
