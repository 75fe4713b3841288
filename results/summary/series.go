package summary

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"matrix/results/record"
	"matrix/results/table"
)

// Series is one telemetry reading over time.
type Series struct {
	Source, Metric string    // as samples.parquet has them: "nvml:GPU-…", "power_w"
	Segment        int32     // of the attempt, 1-based
	Times, Values  []float64 // seconds since the measured phase began (negative: warm-up and load); ascending times
}

// Series reads samples.parquet of an attempt for the metrics whose names are, or end with "_" or ":" and, one of those
// given; at most points readings a series are kept: of each stretch of time the smallest and largest, so that no peak is
// lost. Ordered by metric, source and segment; none where the samples were left behind.
//
// Of an engine's own metrics the file has what changed: a queue of 64 for an hour is one row. Here they have a value at each moment
// at which the engine told anything.
func (a *Attempt) Series(points int, metrics ...string) ([]Series, error) {
	type key struct {
		source, metric string
		segment        int32
	}
	if a.Lacks("samples") {
		return nil, nil
	}
	found := map[key]*Series{}
	asked := map[key][]float64{} // by source and segment: when an engine told anything
	err := table.ReadSamples(a.Dir, func(r record.SampleRow) error {
		if !measuredHere(r.Source) {
			k := key{source: r.Source, segment: r.Segment}
			if times := asked[k]; len(times) == 0 || times[len(times)-1] < r.TimeS {
				k.source = strings.Clone(k.source)
				asked[k] = append(times, r.TimeS)
			}
		}
		if !slices.ContainsFunc(metrics, func(name string) bool { return Called(r.Metric, name) }) {
			return nil
		}
		k := key{r.Source, r.Metric, r.Segment}
		if found[k] == nil {
			// The reader's texts lie in its buffer, which the next batch overwrites.
			k.source, k.metric = strings.Clone(k.source), strings.Clone(k.metric)
			found[k] = &Series{Source: k.source, Metric: k.metric, Segment: r.Segment}
		}
		found[k].Times = append(found[k].Times, r.TimeS)
		found[k].Values = append(found[k].Values, r.Value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []Series
	for s := range maps.Values(found) {
		s.hold(asked[key{source: s.Source, segment: s.Segment}])
		s.thin(points)
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Segment, b.Segment))
	})
	return out, nil
}

// measuredHere reports whether we read the source ourselves: it then has all its figures at each reading.
func measuredHere(source string) bool {
	return source == "host" || source == "process" || strings.HasPrefix(source, "nvml:")
}

// otherNames are what llama-server calls the figures that go by vLLM's names here.
var otherNames = map[string]string{"num_requests_running": "requests_processing", "num_requests_waiting": "requests_deferred"}

// Called reports that a metric has a name, behind whatever prefix its engine puts before it.
func Called(metric, name string) bool {
	if other := otherNames[name]; other != "" && Called(metric, other) {
		return true
	}
	return metric == name || strings.HasSuffix(metric, "_"+name) || strings.HasSuffix(metric, ":"+name)
}

// hold gives the series its last value at each of these times behind its first, all ascending.
func (s *Series) hold(times []float64) {
	if len(times) == 0 {
		return
	}
	own := *s
	s.Times, s.Values = nil, nil
	for i, at := range own.Times {
		s.Times, s.Values = append(s.Times, at), append(s.Values, own.Values[i])
		next, _ := slices.BinarySearch(times, at)
		for ; next < len(times) && (i+1 == len(own.Times) || times[next] < own.Times[i+1]); next++ {
			if times[next] > at {
				s.Times, s.Values = append(s.Times, times[next]), append(s.Values, own.Values[i])
			}
		}
	}
}

// thin keeps of each of points/2 stretches the smallest and the largest value, in their order.
// Stretches are of as many readings each, not of as much time.
func (s *Series) thin(points int) {
	n := len(s.Values)
	if n <= points || points < 2 {
		return
	}
	var times, values []float64
	stretches := points / 2
	for i := range stretches {
		from, to := i*n/stretches, (i+1)*n/stretches
		low, high := from, from
		for j := from; j < to; j++ {
			if s.Values[j] < s.Values[low] {
				low = j
			}
			if s.Values[j] > s.Values[high] {
				high = j
			}
		}
		for _, j := range []int{min(low, high), max(low, high)} {
			times, values = append(times, s.Times[j]), append(values, s.Values[j])
		}
	}
	s.Times, s.Values = times, values
}
