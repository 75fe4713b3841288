package report

import (
	"errors"
	"fmt"
	"slices"

	"matrix/results"
	"matrix/results/report/chart"
	"matrix/results/summary"
)

// gauge is a figure of samples.parquet over time.
type gauge struct {
	metric, word string
	scale        float64 // from the stored unit to the shown
	one          bool    // 0 to 1
}

var gauges = []gauge{
	{"process_memory_bytes", "VRAM of the engine, GiB", 1.0 / (1 << 30), false},
	{"memory_used_bytes", "VRAM of the device in use, GiB", 1.0 / (1 << 30), false},
	{"gpu_util_ratio", "GPU busy", 1, true},
	{"power_w", "GPU power, W", 1, false},
	{"rss_bytes", "memory of the engine's processes, GiB", 1.0 / (1 << 30), false},
	{"host_cpu_ratio", "CPU of the whole machine busy", 1, true},
}

// mostPoints is how many points a line over time is thinned to.
const mostPoints = 240

// telemetry draws the largest batch of each model over time.
func (m *maker) telemetry() (Section, error) {
	s := Section{ID: "time", Title: "Memory and utilisation over time"}
	for _, g := range m.groups {
		cells := largestRun(g)
		tracks, err := readTracks(cells)
		if err != nil {
			return s, err
		}
		for _, x := range gauges {
			if f := g.overTime(x, cells, tracks); f != nil {
				s.Blocks = append(s.Blocks, Block{Figure: f})
			}
		}
	}
	if len(s.Blocks) > 0 {
		s.Blocks = append([]Block{para("One launch of each platform's largest batch, the one whose throughput is the median. Time 0 is the beginning of the measured phase; before it are load and warm-up. vLLM reserves its share of VRAM at start, whatever it needs.")}, s.Blocks...)
	}
	return s, nil
}

// largestRun are each contender's largest batch that completed.
func largestRun(g *group) []*summary.Cell {
	var out []*summary.Cell
	for _, name := range g.contenders {
		var last *summary.Cell
		for _, c := range g.cells {
			if g.name[c] == name && len(c.Launches) > 0 {
				last = c
			}
		}
		if last != nil && len(out) < mostSeries {
			out = append(out, last)
		}
	}
	return out
}

// track is one gauge of one cell: values by time, summed or averaged over GPUs.
type track struct {
	sum, n map[float64]float64
}

func gaugeNames() []string {
	var all []string
	for _, g := range gauges {
		all = append(all, g.metric)
	}
	return all
}

func add(tracks map[string]track, g gauge, s summary.Series) {
	t, ok := tracks[g.metric]
	if !ok {
		t = track{map[float64]float64{}, map[float64]float64{}}
		tracks[g.metric] = t
	}
	for i, at := range s.Times {
		t.sum[at] += s.Values[i] * g.scale
		t.n[at]++
	}
}

// readTracks reads the gauges of each cell: by cell, then gauge.
func readTracks(cells []*summary.Cell) ([]map[string]track, error) {
	var all []map[string]track
	for _, c := range cells {
		tracks := map[string]track{}
		series, err := middle(c).Series(2*mostPoints, gaugeNames()...)
		if err != nil && !errors.Is(err, results.ErrCorrupt) {
			return nil, fmt.Errorf("read the samples of %s: %w", c.Name, err)
		}
		for _, one := range series {
			i := slices.IndexFunc(gauges, func(g gauge) bool { return g.metric == one.Metric })
			if i >= 0 && one.Segment <= 1 {
				add(tracks, gauges[i], one)
			}
		}
		all = append(all, tracks)
	}
	return all, nil
}

func (g *group) overTime(x gauge, cells []*summary.Cell, tracks []map[string]track) *Figure {
	var series []chart.Series
	var from []*summary.Cell
	for k, c := range cells {
		if t := tracks[k][x.metric]; len(t.sum) > 1 {
			series, from = append(series, line(g.name[c], g.slot(c), x, t)), append(from, c)
		}
	}
	if len(series) == 0 {
		return nil
	}
	f := &Figure{ID: slug("time", x.metric, g.model), Title: g.model + ": " + x.word, Source: links(from), Alt: x.word + " over time for " + g.model + "."}
	y := chart.Axis{Label: x.word, Zero: true}
	if x.one {
		one := 1.0
		y.Max, y.Format = &one, percent
	}
	f.Chart = chart.Plot{Title: f.Alt, X: chart.Axis{Label: "seconds since the measured phase began"}, Y: y, Series: series}
	return f
}

// line thins a track by keeping the largest of each stretch: a peak must not vanish.
func line(name string, slot int, x gauge, t track) chart.Series {
	s := chart.Series{Name: name, Slot: slot}
	var times []float64
	for at := range t.sum {
		times = append(times, at)
	}
	slices.Sort(times)
	every := (len(times) + mostPoints - 1) / mostPoints
	for chunk := range slices.Chunk(times, max(1, every)) {
		best := chart.Point{X: chunk[0]}
		for i, at := range chunk {
			v := t.sum[at]
			if x.one {
				v /= t.n[at]
			}
			if i == 0 || v > best.Y {
				best.X, best.Y = at, v
			}
		}
		s.Points = append(s.Points, best)
	}
	for i := 0; i < len(s.Points); i += max(1, len(s.Points)/16) {
		p := &s.Points[i]
		p.Note = fmt.Sprintf("%s at %s s\n%s: %s", name, three(p.X), x.word, three(p.Y))
	}
	return s
}
