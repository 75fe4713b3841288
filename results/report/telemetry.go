package report

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/stats"
	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/table"
)

// gauge is a figure of samples.parquet over time.
type gauge struct {
	metric, word string  // its name in samples.parquet without the engine's prefix; the line's name on the panel
	scale        float64 // from the stored unit to the shown
	one          bool    // averaged over sources, others are added up
	rate         bool    // a counter: its growth a second is shown
}

// Names as samples.parquet has them, without an engine's prefix.
const (
	tokensTotal, running, waiting = "generation_tokens_total", "num_requests_running", "num_requests_waiting"
	smClock, throttle             = "sm_clock_hz", "throttle_reasons"
)

// measure is the band of the measured phase.
const measure = "measure"

// panels are the panels of a timeline, each with its gauges.
// From what is wanted (tokens) to what explains it: queue, cache, card, machine.
var panels = []struct {
	label  string
	share  bool // 0 to 1
	gauges []gauge
}{
	{"output tokens/s", false, []gauge{{tokensTotal, "tokens/s", 1, false, true}}},
	{"requests in the engine", false, []gauge{{running, "running", 1, false, false}, {waiting, "waiting", 1, false, false}}},
	{"KV cache in use", true, []gauge{{"kv_cache_usage_perc", "in use", 1, true, false}}},
	{"GPU busy", true, []gauge{{"gpu_util_ratio", "busy", 1, true, false}}},
	{"GPU clock, MHz", false, []gauge{{smClock, "clock", 1e-6, true, false}}},
	{"VRAM, GiB", false, []gauge{{"process_memory_bytes", "engine", 1.0 / (1 << 30), false, false}, {"memory_used_bytes", "device", 1.0 / (1 << 30), false, false}}},
	{"GPU power, W", false, []gauge{{"power_w", "power", 1, false, false}}},
	{"memory of its processes, GiB", false, []gauge{{"rss_bytes", "memory", 1.0 / (1 << 30), false, false}}},
	{"CPU of the whole machine busy", true, []gauge{{"host_cpu_ratio", "busy", 1, true, false}}},
}

// telemetry draws the largest batch of each platform over time: one figure a platform, its panels on one axis.
// The median launch stands for the cell: a mean over launches would smear what moves in each at another time.
func (m *maker) telemetry() (Section, error) {
	s := Section{ID: "time", Title: "Over time"}
	runs, n := make([][]*summary.Cell, len(m.groups)), 0
	var notes []Block
	for i, g := range m.groups {
		run, not := firstOf(g.largest(func(c *summary.Cell) bool { return len(c.Launches) > 0 }))
		if not != "" {
			notes = append(notes, toned("note", g.model+":"+not))
		}
		runs[i] = run
		n += len(runs[i])
	}
	for i, g := range m.groups {
		var figures []Block
		for _, c := range runs[i] {
			f, err := g.timeline(m.Set, c, max(fewestPoints, min(mostPoints, pagePoints/n)))
			if err != nil {
				return s, err
			}
			if f != nil {
				figures = append(figures, Block{Figure: f})
			}
		}
		s.Blocks = append(s.Blocks, m.behind(i, figures)...)
	}
	if len(s.Blocks) > 0 {
		s.Blocks = append(notes, s.Blocks...)
		s.Blocks = append([]Block{para("One launch of each platform's largest batch, the one whose throughput is the median. Time 0 is the beginning of the measured phase; no line is drawn over a gap in the samples. vLLM reserves its share of VRAM at start, whatever it needs.")}, s.Blocks...)
	}
	return s, nil
}

// gaugeNames are all that is read: samples of a long run are millions, most of them of no gauge here.
func gaugeNames() []string {
	all := []string{throttle}
	for _, p := range panels {
		for _, g := range p.gauges {
			all = append(all, g.metric)
		}
	}
	return all
}

// timeline is one launch of a cell over time, a line of so many points at most; nil where nothing tells of it.
func (g *group) timeline(set *summary.Set, c *summary.Cell, points int) (*Figure, error) {
	a := middle(c)
	// At most 65,536 samples a series; they are thinned again below.
	series, err := a.Series(1<<16, gaugeNames()...)
	if err != nil && !errors.Is(err, table.ErrCorrupt) {
		return nil, fmt.Errorf("read the samples of %s: %w", c.Name, err)
	}
	found := map[string]track{}
	for _, p := range panels {
		for _, x := range p.gauges {
			found[x.metric] = x.track(series)
		}
	}
	f := &Figure{ID: slug("time", g.model, g.name[c]), Title: fmt.Sprintf("%s, %s, %s", g.name[c], g.model, counted(int(c.BatchSize), "request")), Source: links([]*summary.Cell{c})}
	// the token and in-flight lines are from requests.parquet, not from the engine
	var spreadOut, inFlight bool
	// An engine without such a counter: the requests' rows tell almost the same.
	if len(found[tokensTotal].times) < 2 {
		if spreadOut, inFlight, err = answered(a, found); err != nil {
			return nil, fmt.Errorf("read the requests of %s: %w", c.Name, err)
		}
	}
	drawn := chart.Panels{X: chart.Axis{Label: "seconds since the measured phase began"}, Times: timesOf(found, points)}
	// both are of the recorded phases, not of the samples
	drawn.Bands, f.Note = bandsOf(set, a)
	if n := len(a.Run().Segments); n > 1 {
		f.Note = strings.TrimSpace(fmt.Sprintf("It was interrupted: what is drawn is the first of its %d segments. ", n) + f.Note)
	}
	if spreadOut {
		f.Note = strings.TrimSpace("The engine does not count tokens as they come: those of each answer are spread evenly over its time" +
			map[bool]string{true: ", and requests are in flight from sending to their end"}[inFlight] + ". " + f.Note)
	}
	words := drawPanels(&drawn, found, inFlight)
	if len(drawn.Rows) == 0 {
		return nil, nil
	}
	// Throttling stands below the clock: that is what it slows.
	marks, slowed := throttledAt(series, (drawn.Times[len(drawn.Times)-1]-drawn.Times[0])/float64(points))
	for i := range drawn.Rows {
		if strings.HasPrefix(drawn.Rows[i].Label, "GPU clock") {
			drawn.Rows[i].Marks, words = marks, append(words, slowed...)
		}
	}
	f.Alt = "Over time, medians of the measured phase: " + strings.Join(words, "; ") + "."
	drawn.Title = f.Alt
	f.Chart = drawn
	return f, nil
}

// drawPanels adds a panel for what is known, and says it in words.
// The words are the figure's alternative text: who cannot see the chart reads the same peaks and medians.
func drawPanels(drawn *chart.Panels, found map[string]track, inFlight bool) (words []string) {
	for _, p := range panels {
		panel := chart.Panel{Label: p.label}
		// From outside a request in flight may still wait in the engine, so the panel is called otherwise.
		if inFlight && p.gauges[0].metric == running {
			panel.Label = "requests in flight"
		}
		if p.share {
			panel.Max = new(1.0)
		}
		for i, x := range p.gauges {
			t := found[x.metric]
			if len(t.times) < 2 || !t.moves() && x.metric == waiting {
				continue
			}
			panel.Lines = append(panel.Lines, chart.Line{Name: x.word, Slot: i, Values: t.on(drawn.Times)})
			said := fmt.Sprintf("%s %s at most", strings.TrimSpace(panel.Label+" "+map[bool]string{true: x.word}[len(p.gauges) > 1]), three(slices.Max(t.values)))
			if measured := t.during(drawn.Bands); len(measured) > 0 {
				said += fmt.Sprintf(", %s in the median", three(stats.Median(measured)))
			}
			words = append(words, said)
		}
		if len(panel.Lines) > 0 {
			drawn.Rows = append(drawn.Rows, panel)
		}
	}
	return words
}

// bandsOf are the load, the warm-up and the measured phase by the recorded phases. A shared server was loaded for other cells,
// too: where that was just before, its band stands, else a sentence.
// Time 0 is the beginning of the measured phase, so load and warm-up lie before it. A load long before is told only:
// its band would press the measured phase into a corner.
func bandsOf(set *summary.Set, a *summary.Attempt) ([]chart.Band, string) {
	var out []chart.Band
	note, warm, ends := "", 0.0, math.Inf(1)
	if w := a.Number("phase_warmup_s"); w != nil {
		warm = *w
	}
	if d := a.Number("duration_s"); d != nil {
		ends = *d
	}
	if all := a.Run().Segments; len(all) > 1 { // the first is drawn
		ends = all[0].DurationS
	}
	if load := a.Number("load_s"); load != nil {
		// It ends with the first token of the warm-up's first request.
		if first := a.Number("phase_first_token_s"); first != nil {
			warm = max(0, warm-*first)
		}
		out = append(out, chart.Band{Name: "load", From: -warm - *load, To: -warm, Shade: 0.2})
	} else if s := sharedServer(set, a); s != nil {
		if load := s.Load(); load != nil {
			end := float64(s.Began.UnixMilli())/1000 + *load - a.Run().BeganUnixS
			note = fmt.Sprintf("Its server is shared with other cells: loaded once, in %s s, %s s before this measured phase.", three(*load), three(max(0, -end)))
			// at most a minute before the warm-up, or a quarter of the measured phase
			if end <= 1 && -end < warm+max(60, ends/4) {
				out = append(out, chart.Band{Name: "load, shared", From: end - *load, To: min(end, -warm), Shade: 0.2})
			}
		}
	}
	if warm > 0 {
		out = append(out, chart.Band{Name: "warm-up", From: -warm, To: 0, Shade: 0.12})
	}
	if !math.IsInf(ends, 1) {
		out = append(out, chart.Band{Name: measure, From: 0, To: ends, Shade: 0.04})
	}
	return out, note
}

// sharedServer is the server that an attempt had in common with others; nil = one of its own, or nothing is told of it.
func sharedServer(set *summary.Set, a *summary.Attempt) *record.ServerRecord {
	id := a.Run().ServerLaunch
	if id == "" {
		return nil
	}
	all, err := store.Servers(set.Root, a.Experiment)
	if err != nil {
		return nil // the timeline lacks a band, and the inventory says what is damaged
	}
	for i := range all {
		if all[i].Launch == id {
			return &all[i]
		}
	}
	return nil
}
