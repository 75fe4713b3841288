package report

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/report/chart"
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
		if f.Curves == "" {
			continue
		}
		var curves []struct {
			Name   string
			Beyond int64
			N      []int64
			T      []float64
		}
		if err := json.Unmarshal([]byte(f.Curves), &curves); err != nil || len(curves) != 2 {
			t.Fatalf("%v, %s", err, f.Curves)
		}
		for _, c := range curves {
			if len(c.N) != len(c.T) || !slices.IsSorted(c.N) || c.Beyond != 200 || !slices.Contains(c.N, 200_000) {
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
	if len(figures) != 1 || !strings.Contains(figures[0].Alt, "output tokens/s 100 at most, 100 in the median") || !strings.Contains(figures[0].Alt, "GPU power, W 319 at most") {
		t.Fatalf("%d figures: %q", len(figures), figures[0].Alt)
	}
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
			b.Launches[i].Run = func(r *record.Run) { r.Concurrency = int64(b.Size / 10) }
		}
	})
	s := section(doc, "tradeoff")
	if s == nil || !strings.Contains(s.Blocks[0].Figure.Alt, "b at 5 at once") || !strings.Contains(s.Blocks[0].Figure.Alt, "b at 20 at once") {
		t.Fatalf("%+v", s)
	}
	if section(two(t, nil), "tradeoff") != nil {
		t.Error("one concurrency alone makes no curve")
	}
}
