package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

// two is a tree of two platforms with launches, b changed.
func two(t *testing.T, change func(b *summarytest.Cell)) *Document {
	t.Helper()
	root := t.TempDir()
	var cells []summarytest.Cell
	for _, platform := range []string{"a", "b"} {
		for _, size := range []int{50, 200} {
			c := summarytest.Cell{Platform: platform, Size: size, Launches: make([]summarytest.Launch, 2)}
			c.Launches[1].Scale = 1.02
			if platform == "b" && change != nil {
				change(&c)
			}
			cells = append(cells, c)
		}
	}
	summarytest.Plant(t, root, cells...)
	return build(t, root, nil)
}

func section(doc *Document, id string) *Section {
	i := slices.IndexFunc(doc.Sections, func(s Section) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return &doc.Sections[i]
}

// The page begins with what decides; what only some want is folded.
func TestOrderOfThePage(t *testing.T) {
	doc := two(t, nil)
	var open, folded []string
	for _, s := range doc.Sections {
		if s.Folded {
			folded = append(folded, s.ID)
			continue
		}
		open = append(open, s.ID)
		if len(folded) > 0 {
			t.Errorf("%s stands behind what is folded", s.ID)
		}
	}
	if open[0] != "answer" || !slices.Contains(folded, "inventory") || !slices.Contains(folded, "comparison") {
		t.Errorf("open %v, folded %v", open, folded)
	}
	var kinds []string
	for _, b := range section(doc, "answer").Blocks {
		switch {
		case b.Card != nil:
			kinds = append(kinds, "card")
		case b.Figure != nil:
			kinds = append(kinds, "figure")
		case b.Table != nil:
			kinds = append(kinds, "table")
		}
	}
	if !slices.Equal(kinds, []string{"card", "figure", "table"}) {
		t.Errorf("the answer is %v", kinds)
	}
}

// The box for a number of requests reads the same curves that are drawn.
func TestBoxReadsTheCurves(t *testing.T) {
	for _, f := range two(t, nil).Figures() {
		if f.Curves == nil {
			continue
		}
		var curves []struct {
			Name   string
			From   int64
			Beyond int64
			N      []int64
			T      []float64
			Low    []*float64
		}
		if err := json.Unmarshal(f.Curves, &curves); err != nil || len(curves) != 2 {
			t.Fatalf("%v, %s", err, f.Curves)
		}
		for _, c := range curves {
			if len(c.N) != len(c.T) || len(c.N) != len(c.Low) || !slices.IsSorted(c.N) || c.From != 50 || c.Beyond != 200 || !slices.Contains(c.N, 200_000) {
				t.Errorf("%+v", c)
			}
		}
		return
	}
	t.Error("no figure has a box")
}

// What fails is said in the badge, in the table, in the curve and in a figure of its own, and the class with it.
func TestFailuresShow(t *testing.T) {
	doc := two(t, func(b *summarytest.Cell) {
		for i := range b.Launches {
			b.Launches[i].Row = func(i int, r *record.RequestRow) {
				if i%10 == 3 {
					r.Status, r.ErrorClass, r.Error = "failed", "http_500", "it broke"
				}
			}
		}
	})
	text := render(t, func(w io.Writer) error { return doc.WriteText(w, 0) })
	for _, want := range []string{"✗ out", "failed, http_500: 50, the first at", "90%"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	page := render(t, doc.WriteHTML)
	if !strings.Contains(page, `id="failures-over-time"`) {
		t.Error("no figure of the failures over time")
	}
	if strings.Contains(render(t, two(t, nil).WriteHTML), `id="failures-over-time"`) {
		t.Error("a clean tree has one")
	}
}

// A timeline has a band for each recorded phase, and a figure a platform.
func TestTimelineOfEachPlatform(t *testing.T) {
	doc := two(t, func(b *summarytest.Cell) {
		for i := range b.Launches {
			for at := -5.0; at < 20; at++ {
				if at == 7 { // a gap
					at = 15
				}
				b.Launches[i].Samples = append(b.Launches[i].Samples, record.SampleRow{TimeS: at, Source: "gpu0", Metric: "power_w", Value: 300 + at},
					record.SampleRow{TimeS: at, Source: "engine", Metric: "x:generation_tokens_total", Value: 100 * (at + 5)})
				if n, changes := map[float64]float64{-5: 0, 0: 9}[at]; changes { // of an engine's figures the file has what changed
					b.Launches[i].Samples = append(b.Launches[i].Samples, record.SampleRow{TimeS: at, Source: "engine", Metric: "x:num_requests_running", Value: n})
				}
			}
			b.Launches[i].Run = func(r *record.Run) {
				r.Phases, r.Segments = map[string]float64{"warmup": 4, "first_token": 3}, []record.Segment{{DurationS: 12}, {DurationS: 8}}
			}
		}
	})
	s := section(doc, "time")
	if s == nil {
		t.Fatal("no timeline")
	}
	var figures []*Figure
	for _, b := range s.Blocks {
		if b.Figure != nil {
			figures = append(figures, b.Figure)
		}
	}
	if len(figures) != 2 || !strings.Contains(figures[1].Alt, "output tokens/s 100 at most, 100 in the median") || !strings.Contains(figures[1].Alt, "GPU power, W 319 at most") {
		t.Fatalf("%d figures: %q", len(figures), figures[1].Alt)
	}
	if !strings.Contains(figures[0].Note, "The engine does not count tokens as they come") || !strings.Contains(figures[0].Alt, "requests in flight running 1.00 at most") || strings.Contains(figures[1].Note, "does not count tokens") {
		t.Errorf("a counts nothing, its requests tell: %q, %q", figures[0].Note, figures[0].Alt)
	}
	if first := "the first of its 2 segments"; !strings.Contains(figures[1].Note, first) || strings.Contains(figures[0].Note, first) {
		t.Errorf("b was interrupted, a was not: %q, %q", figures[1].Note, figures[0].Note)
	}
	drawn := figures[1].Chart.(chart.Panels)
	bands := ""
	for _, b := range drawn.Bands {
		bands += fmt.Sprintf("%s %.0f to %.0f, ", b.Name, b.From, b.To)
	}
	if bands != "load -21 to -1, warm-up -1 to 0, measure 0 to 12, " {
		t.Errorf("bands: %s", bands)
	}
	if !strings.Contains(figures[1].Alt, "running 9.00 at most, 9.00 in the median") {
		t.Errorf("nine requests run, and it says: %s", figures[1].Alt)
	}
	queue := drawn.Rows[slices.IndexFunc(drawn.Rows, func(p chart.Panel) bool { return p.Label == "requests in the engine" })]
	for i, at := range drawn.Times {
		if v := queue.Lines[0].Values[i]; at >= 0 && v != 9 && (!math.IsNaN(v) || at <= 6 || at >= 15) {
			t.Errorf("at %v s: %v requests run, not 9", at, v)
		}
	}
	power := drawn.Rows[slices.IndexFunc(drawn.Rows, func(p chart.Panel) bool { return p.Label == "GPU power, W" })]
	if !slices.ContainsFunc(drawn.Times, func(at float64) bool { return at > 6 && at < 15 }) {
		t.Errorf("no time is in the gap, so the line goes over it: %v", drawn.Times)
	}
	for i, at := range drawn.Times {
		if seen := !math.IsNaN(power.Lines[0].Values[i]); seen != (at <= 6 || at >= 15) {
			t.Errorf("at %v s: drawn %v", at, seen)
		}
	}
}

// A clock that was held down is marked and counted; the power limit is told apart from heat.
func TestThrottling(t *testing.T) {
	s := summary.Series{Metric: "throttle_reasons"}
	for at, bits := range []float64{1, 4, 4, 0x24, 0x20, 0, 0} {
		s.Times, s.Values = append(s.Times, float64(at)), append(s.Values, bits)
	}
	marks, words := throttledAt([]summary.Series{s}, 0)
	want := []chart.Stretches{{Name: "slowed by heat or the power brake", Bad: true, At: [][2]float64{{3, 5}}}, {Name: "held at the power limit", At: [][2]float64{{1, 4}}}}
	if !reflect.DeepEqual(marks, want) || !slices.Equal(words, []string{"slowed by heat or the power brake for 2.00 s", "held at the power limit for 3.00 s"}) {
		t.Errorf("%v, %v", marks, words)
	}
	// up and down each second, as a card at its limit does: one stretch to the eye, its true length in words
	s.Values = []float64{4, 0, 4, 0, 0, 4, 0}
	marks, words = throttledAt([]summary.Series{s, s}, 1.5)
	if at := [][2]float64{{0, 3}, {5, 6}, {0, 3}, {5, 6}}; !reflect.DeepEqual(marks[0].At, at) || words[0] != "held at the power limit for 6.00 s" {
		t.Errorf("%v, %v", marks, words)
	}
}

// A track keeps its peak wherever it is drawn, draws what lies between samples that are near, and nothing beside them.
func TestTrackOnOtherTimes(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		times, want []float64
	}{
		{[]float64{0, 1, 2, 9}, []float64{5, 7, 6, 2}},
		{[]float64{-1, 0.5, 1.2, 1.4, 5, 9.5}, []float64{nan, 5, 7, 6, nan, 2}},
		{[]float64{0, 0.25, 0.5, 0.75, 1, 2, 4, 5.25, 9}, []float64{5, 5.5, 6, 6.5, 7, 6, nan, nan, 2}},
	} {
		got := track{[]float64{0, 1, 2, 9}, []float64{5, 7, 6, 2}, 3}.on(c.times)
		for i := range got {
			if math.IsNaN(got[i]) != math.IsNaN(c.want[i]) || math.Abs(got[i]-c.want[i]) > 1e-9 {
				t.Errorf("%v: %v, want %v", c.times, got, c.want)
				break
			}
		}
	}
}

// No line goes over a gap, whether its samples are drawn one by one or thinned, and whatever other lines have there.
func TestNoLineOverAGap(t *testing.T) {
	for _, n := range []int{30, 3000} {
		gapped, full := track{gap: 3}, track{gap: 3}
		for i := range n {
			at, from := float64(i), float64(n/2)
			full.times, full.values = append(full.times, at), append(full.values, 1)
			if at <= from || at >= from+max(12, 0.03*float64(n)) { // more than a step of the thinned ones
				gapped.times, gapped.values = append(gapped.times, at), append(gapped.values, 1)
			}
		}
		for _, found := range []map[string]track{{"a": gapped}, {"a": gapped, "b": full}} {
			times := timesOf(found, fewestPoints)
			if !slices.IsSorted(times) || len(times) > max(n, fewestPoints+1) {
				t.Errorf("of %d: %v", n, times)
			}
			for name, x := range found {
				values := x.on(times)
				if broken := slices.ContainsFunc(values, math.IsNaN); broken != (name == "a") || slices.ContainsFunc(values[:2], math.IsNaN) {
					t.Errorf("of %d, %d tracks: %s is broken: %v: %v", n, len(found), name, broken, values)
				}
			}
		}
	}
}

// A curve stands on each launch alone, too, and failures hold it below 100% up to the end of the axis.
func TestLaunchesAreThinLines(t *testing.T) {
	doc := two(t, func(b *summarytest.Cell) {
		b.Launches[1].Row = func(i int, r *record.RequestRow) {
			if i%2 == 0 {
				r.Status = "failed"
			}
		}
	})
	for _, b := range section(doc, "latency").Blocks {
		if b.Figure == nil {
			continue
		}
		lines := b.Figure.Chart.(chart.Plot).Series
		for i, l := range lines {
			if len(l.Thin) != 2 || l.Level != (i == 1) {
				t.Errorf("%s: %d thin lines, level %v", l.Name, len(l.Thin), l.Level)
			}
		}
		last := func(p []chart.Point) float64 { return p[len(p)-1].Y }
		if last(lines[1].Points) != 0.75 || last(lines[1].Thin[1]) != 0.5 || last(lines[1].Thin[0]) != 1 || !strings.Contains(b.Figure.Alt, "100 failed: the curve goes on at 75%") {
			t.Errorf("%v, %s", last(lines[1].Points), b.Figure.Alt)
		}
		svg := lines[1:]
		if drawn := (chart.Plot{Y: chart.Axis{Max: new(1.0)}, Series: svg}).SVG(chart.Style{}); strings.Count(drawn, `stroke-width="0.7"`) != 1 {
			t.Error("two launches are not one thin path")
		}
		return
	}
	t.Error("no curve")
}

// A launch is a bar; the parts of it add up to load_s.
func TestLoadIsABarALaunch(t *testing.T) {
	doc := two(t, func(b *summarytest.Cell) {
		b.Launches[0].Run = func(r *record.Run) {
			r.LoadS, r.Phases = new(30.0), map[string]float64{"weights": 10, "import": 5}
		}
	})
	var found *Figure
	for _, b := range section(doc, "load").Blocks {
		if b.Figure != nil {
			found = b.Figure
		}
	}
	if found == nil {
		t.Fatal("no figure")
	}
	for _, r := range found.Chart.(chart.Bars).Rows {
		sum := 0.0
		for _, p := range r.Parts {
			sum += p.Value
		}
		if want := map[bool]float64{true: 30, false: 20}[strings.HasPrefix(r.Name, "b") && strings.Contains(r.Name, "launch 1,")]; sum != want {
			t.Errorf("%s: the parts add up to %v, load_s is %v", r.Name, sum, want)
		}
	}
	page := found.Chart.SVG(chart.Style{})
	if strings.Count(page, "launch 1,")+strings.Count(page, "launch 2,") < 4 || !strings.Contains(page, "the rest, to the first token: 15.0 s") {
		t.Error(page)
	}
}

// A batch load's time to first token is waiting in the batch: the decision table leaves it out.
func TestBatchLatenciesAreLeftOut(t *testing.T) {
	doc := two(t, func(b *summarytest.Cell) {
		for i := range b.Launches {
			b.Launches[i].Run = func(r *record.Run) { r.Mode, r.Concurrency = record.ModeBatch, 0 }
		}
	})
	for _, b := range section(doc, "answer").Blocks {
		if b.Table == nil {
			continue
		}
		at := slices.IndexFunc(b.Table.Columns, func(c Column) bool { return c.Title == "TTFT" })
		if at < 0 {
			t.Fatal("no TTFT at all")
		}
		for _, r := range b.Table.Rows {
			if batch := strings.Contains(r.Values[0].Detail, "batch"); batch != (r.Values[at].Tone == "missing") {
				t.Errorf("%s: %+v", r.Values[0].Text, r.Values[at])
			}
		}
		return
	}
	t.Error("no decision table")
}

// Throughput against latency is drawn where a platform was asked with several numbers in flight, and shows the slo.
func TestTradeoffOverConcurrency(t *testing.T) {
	doc := two(t, func(b *summarytest.Cell) {
		for i := range b.Launches {
			b.Launches[i].Run = func(r *record.Run) {
				r.Concurrency, r.SLO = int64(b.Size/10), &cell.SLO{TTFT: 30 * time.Millisecond}
			}
		}
	})
	s := section(doc, "tradeoff")
	if s == nil || !strings.Contains(s.Blocks[0].Figure.Alt, "b at 5 at once") || !strings.Contains(s.Blocks[0].Figure.Alt, "b at 20 at once") {
		t.Fatalf("%+v", s)
	}
	if plot := s.Blocks[0].Figure.Chart.(chart.Plot); plot.Shade == nil || plot.Shade.X != 0.03 || !strings.Contains(plot.X.Label, "first token") || !strings.Contains(plot.SVG(chart.Style{}), "within the slo") {
		t.Errorf("the slo's box is not shaded: %+v", plot.Shade)
	}
	if section(two(t, nil), "tradeoff") != nil {
		t.Error("one concurrency alone makes no curve")
	}
}

// eighteen are 18 cells of three platforms, each with its curves and some failures, and a timeline a platform whose nine panels are noise.
func eighteen(t *testing.T, models int) *Document {
	t.Helper()
	root := t.TempDir()
	noise := rand.New(rand.NewPCG(1, 2))
	for p := range 3 * models {
		for size := range 6 / models {
			last := size == 6/models-1
			c := summarytest.Cell{Platform: fmt.Sprintf("platform%d", p%3), Model: fmt.Sprintf("model%d", p/3), Size: 40 + 40*size, Launches: make([]summarytest.Launch, 3)}
			for i := range c.Launches {
				c.Launches[i] = summarytest.Launch{Scale: 1 + 0.1*noise.Float64(), Row: func(i int, r *record.RequestRow) {
					r.FirstTokenS = new(*r.SentS + 0.02 + 0.05*noise.Float64())
					if p%3 == 2 && i%30 == 7 {
						r.Status, r.ErrorClass = "failed", "http_500"
					}
				}, Run: func(r *record.Run) {
					if p%3 == 0 {
						r.Mode, r.Concurrency = record.ModeBatch, 0
					}
				}}
				for at := -20.0; last && at < 280; at++ {
					for _, p := range panels {
						most := map[bool]float64{true: 1, false: 1e9}[p.share]
						for _, g := range p.gauges {
							c.Launches[i].Samples = append(c.Launches[i].Samples, record.SampleRow{TimeS: at, Source: "nvml:0", Metric: g.metric, Value: most * noise.Float64()})
						}
					}
					c.Launches[i].Samples = append(c.Launches[i].Samples, record.SampleRow{TimeS: at, Source: "nvml:0", Metric: throttle, Value: float64(powerLimit * noise.IntN(2))})
				}
			}
			summarytest.Plant(t, root, c)
		}
	}
	return build(t, root, nil)
}

// A page of 18 cells is no more than can be sent by mail.
func TestEighteenCells(t *testing.T) {
	for models, most := range map[int]int{1: 250_000, 2: 300_000, 3: 385_000} {
		if page := render(t, eighteen(t, models).WriteHTML); len(page) > most {
			t.Errorf("%d models: %d bytes", models, len(page))
		}
	}
}

// A chart of more platforms than can be read says that it has the first of them.
func TestTheFirstOfMany(t *testing.T) {
	root := t.TempDir()
	for p := range 10 {
		for _, size := range []int{50, 200} {
			l := summarytest.Launch{Scale: 1 + 0.3*float64(p), Run: func(r *record.Run) { r.Concurrency = int64(size / 10) }, Row: func(i int, r *record.RequestRow) { r.OutputTokens = new(int64(10 + i%50)) }}
			summarytest.Plant(t, root, summarytest.Cell{Platform: fmt.Sprintf("p%d", p), Size: size, Launches: []summarytest.Launch{l, l}})
		}
	}
	doc := build(t, root, nil)
	for _, f := range doc.Figures() {
		if plot, is := f.Chart.(chart.Plot); is && (len(plot.Series) != mostSeries || !strings.Contains(f.Note, "the first 8 of 10.") && !strings.Contains(f.Note, "2 more are in the table")) {
			t.Errorf("%s draws %d and says %q", f.ID, len(plot.Series), f.Note)
		}
	}
	if said := render(t, func(w io.Writer) error { return doc.WriteText(w, 0) }); !strings.Contains(said, "m: Drawn are the first 8 of 10.") {
		t.Error("of the timelines nothing is said")
	}
}

// A server that cells share was loaded once: its load is a band of the timeline where it was just before, and a bar of its own, as
// has the cold start that filled the caches before it.
func TestSharedServer(t *testing.T) {
	const id = "01K00000000000000000000000"
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		before float64 // from the server's start to the measured phase, s
		band   string
	}{{30, "load, shared -30 to -10"}, {4000, ""}} {
		root := t.TempDir()
		l := summarytest.Launch{Run: func(r *record.Run) {
			r.Server, r.ServerLaunch, r.LoadS, r.BeganUnixS = "group", id, nil, float64(began.Unix())+c.before
		}}
		attempts := summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 200, Launches: []summarytest.Launch{l, l}})["a-m-200"]
		for _, r := range []record.ServerRecord{{Launch: id, LoadS: new(20.0), Phases: map[string]float64{"weights": 12}, Attempts: attempts},
			{Launch: id[1:] + "1", LoadS: new(80.0), Phases: map[string]float64{"weights": 65}, Attempts: attempts[:1], Primed: true}} {
			folder := filepath.Join(root, "e", "launches", r.Launch)
			r.Began = began
			doc, err := json.Marshal(r)
			if err := errors.Join(err, os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "phases.json"), doc, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		made := build(t, root, func(in *Input) { in.Set.Root = root })
		band, bars := "", []string{}
		for _, f := range made.Figures() {
			switch x := f.Chart.(type) {
			case chart.Panels:
				for _, b := range x.Bands {
					if strings.HasPrefix(b.Name, "load") {
						band = fmt.Sprintf("%s %.0f to %.0f", b.Name, b.From, b.To)
					}
				}
				if !strings.Contains(f.Note, "loaded once, in 20.0 s") {
					t.Errorf("the timeline says %q", f.Note)
				}
			case chart.Bars:
				for _, r := range x.Rows {
					bars = append(bars, fmt.Sprintf("%s: %s %.0f, %s %.0f", r.Name, r.Parts[0].Name, r.Parts[0].Value, r.Parts[1].Name, r.Parts[1].Value))
				}
			}
		}
		if band != c.band || !slices.Equal(bars, []string{"a, warm, shared by 2 attempts: weights 12, the rest 8", "a, COLD, filling the caches: weights 65, the rest 15"}) {
			t.Errorf("%v s before: band %q, bars %q", c.before, band, bars)
		}
	}
}

// How long the answers are is drawn for each platform, from the tokens that its engine counted.
func TestLengths(t *testing.T) {
	doc := two(t, func(b *summarytest.Cell) {
		for i := range b.Launches {
			b.Launches[i].Row = func(i int, r *record.RequestRow) { r.OutputTokens = new(int64(10 + i%50)) }
		}
	})
	for _, f := range doc.Figures() {
		if strings.HasPrefix(f.ID, "lengths") {
			if !strings.Contains(f.Alt, "a 32.0 tokens in the median, 32 at most; b 34.0 tokens in the median, 59 at most") || len(f.Source) != 3 {
				t.Errorf("%s", f.Alt)
			}
			return
		}
	}
	t.Error("no lengths")
}
