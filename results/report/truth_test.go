package report

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"matrix/results/decision"
	"matrix/results/metrics"
	"matrix/results/quality"
	"matrix/results/record"
	"matrix/results/report/chart"
	"matrix/results/report/document"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

// platform is a cell of one size after another, with launches of so many scales each.
func platform(name string, sizes []int, scales []float64, change func(*summarytest.Launch)) (out []summarytest.Cell) {
	for _, size := range sizes {
		c := summarytest.Cell{Platform: name, Size: size}
		for _, scale := range scales {
			l := summarytest.Launch{Scale: scale}
			if change != nil {
				change(&l)
			}
			c.Launches = append(c.Launches, l)
		}
		out = append(out, c)
	}
	return out
}

// told is a planted tree's report, as everybody reads it.
type report struct {
	*Document
	text, md, page string
}

func reported(t *testing.T, cells ...[]summarytest.Cell) report {
	t.Helper()
	root := t.TempDir()
	summarytest.Plant(t, root, slices.Concat(cells...)...)
	doc := build(t, root, nil)
	return report{doc, render(t, func(w io.Writer) error { return doc.WriteText(w, 0) }), render(t, doc.WriteMarkdown), render(t, doc.WriteHTML)}
}

// says holds what all three forms say, and what none of them does.
func (r report) says(t *testing.T, yes []string, no ...string) {
	t.Helper()
	_, body, _ := strings.Cut(r.page, "<main>")
	body, _, _ = strings.Cut(body, "</main>")
	plain := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, ""))
	for form, content := range map[string]string{"text": r.text, "Markdown": html.UnescapeString(strings.ReplaceAll(r.md, `\`, "")), "page": plain} {
		for _, want := range yes {
			if !strings.Contains(content, want) {
				t.Errorf("%s does not say %q", form, want)
			}
		}
		for _, not := range no {
			if i := strings.Index(content, not); i >= 0 {
				t.Errorf("%s says %q: …%s…", form, not, content[max(0, i-60):min(len(content), i+80)])
			}
		}
	}
}

func (r report) card() *document.Card {
	for _, b := range section(r.Document, "answer").Blocks {
		if b.Card != nil {
			return b.Card
		}
	}
	return &document.Card{}
}

// badge is a badge of a card, as "level: text".
func badge(c document.Card, name string) string {
	for _, b := range c.Badges {
		if b.Name == name {
			return b.Level + ": " + b.Text
		}
	}
	return ""
}

// value is what stands in a table's column beside a row's name.
func value(t *testing.T, table *Table, row, column string) Value {
	t.Helper()
	at := slices.IndexFunc(table.Columns, func(c Column) bool { return strings.TrimSpace(c.Title+" "+c.Unit) == column })
	for _, r := range table.Rows {
		if at >= 0 && r.Values[0].Text == row {
			return r.Values[at]
		}
	}
	t.Fatalf("%s: no %q of %q among %v", table.Caption, column, row, table.Columns)
	return Value{}
}

// captioned is the first table whose caption has some words, in folds too.
func (r report) captioned(t *testing.T, words string) *Table {
	t.Helper()
	var found *Table
	walkTables(r.Document, func(table *Table) {
		if found == nil && strings.Contains(table.Caption, words) {
			found = table
		}
	})
	if found == nil {
		t.Fatalf("no table %q", words)
	}
	return found
}

const ratio = "Ratio requests/hour with the load of these launches, to the fastest"

// Of two platforms that are the same nobody is chosen, and no column has a best.
func TestTwinsTie(t *testing.T) {
	scales := []float64{1, 1.01, 0.99, 1.005}
	r := reported(t, platform("a", []int{100, 400}, scales, nil), platform("b", []int{100, 400}, []float64{1.001, 1.01, 0.99, 1.004}, nil))
	r.says(t, []string{"equally fast", "×1.00 the time"}, "Choose a", "Choose b")
	for _, c := range append(r.card().Others, *r.card()) {
		if !strings.Contains(c.For, ": a or b, ") {
			t.Errorf("the card is for %q", c.For)
		}
		if got := badge(c, "Sure"); !strings.HasPrefix(got, "green: a tie, within 5%") {
			t.Errorf("%s: sure is %q", c.For, got)
		}
	}
	for _, f := range r.Figures() {
		if f.Curves != nil && (len(f.Chart.(chart.Plot).Marks) > 0 || strings.Contains(f.Alt, " is below ")) {
			t.Errorf("their lines cross: %s", f.Alt)
		}
	}
	walkTables(r.Document, func(table *Table) {
		for _, row := range table.Rows {
			for i, v := range row.Values {
				if strings.HasPrefix(table.Caption, "m, ") && v.Tone == "best" {
					t.Errorf("%s: %s is best at %s, and both are the same", table.Caption, row.Values[0].Text, table.Columns[i].Title)
				}
			}
		}
	})
}

// A lower bound is never rounded up.
func TestAtLeast(t *testing.T) {
	for n, want := range map[int64]string{1200: "≥\u00a099.7%", 600: "≥\u00a099.5%", 18_300: "≥\u00a099.9836%", 0: "≥\u00a00%"} {
		if got := atLeast(metrics.SuccessBound(n, n)); got != want {
			t.Errorf("%d of %d: %s", n, n, got)
		}
	}
}

// One launch each shows nothing: no interval stands anywhere, and nobody wins by however much.
func TestOneLaunchIsNoProof(t *testing.T) {
	r := reported(t, platform("a", []int{100}, []float64{1}, nil), platform("b", []int{100}, []float64{1.6}, nil))
	r.says(t, []string{"a leads for 200,000 requests, not shown", "Identical launches would have to differ"}, "Choose a", "range of 1", "95% of 1", "all 1 alike")
	if got := badge(*r.card(), "Sure"); got != "amber: not shown: b takes ×1.60 the time, by too few launches for an interval" {
		t.Errorf("sure is %q", got)
	}
	if d := value(t, r.captioned(t, "what to decide on"), "a", "200,000 requests time").Dot; d == nil || d.Low != d.At || d.High != d.At {
		t.Errorf("a line through the dot of one launch: %+v", d)
	}
	for _, row := range r.captioned(t, "what to decide on").Rows {
		for _, v := range row.Values[1:4] {
			if v.Tone == "best" {
				t.Errorf("%s is starred at %s, and its lead is not shown", row.Values[0].Text, v.Text)
			}
			if v.Detail != "range not known" {
				t.Errorf("%s has the interval %q from one launch", row.Values[0].Text, v.Detail)
			}
		}
	}
	for _, f := range r.Figures() {
		if p, is := f.Chart.(chart.Plot); is {
			for _, s := range p.Series {
				for _, q := range s.Points {
					if q.Low != nil {
						t.Fatalf("%s: an interval is drawn at %v", f.ID, q.X)
					}
				}
			}
		}
	}
}

// A platform with a short load and a low rate is first for few requests alone: each card names the one that is, and the
// chart marks where the order turns, which is where the two lines meet.
func TestOrderTurns(t *testing.T) {
	load := func(s float64) func(*summarytest.Launch) {
		return func(l *summarytest.Launch) { l.Run = func(r *record.Run) { r.LoadS = &s } }
	}
	// 2 s + n/10 against 600 s + n/20: equal at 11,960
	sizes := []int{1000, 4000}
	r := reported(t, platform("quick", sizes, []float64{1, 1.01, 0.99}, load(2)), platform("strong", sizes, []float64{0.5, 0.505, 0.495}, load(600)))
	cards := append(r.card().Others, *r.card())
	for i, want := range []string{"5,000 requests: quick, 8.4 min", "50,000 requests: strong", "200,000 requests: strong"} {
		if !strings.HasPrefix(cards[i].For, want) || cards[i].Behind != (i < 2) {
			t.Errorf("card %d is for %q, behind %v, want %q", i, cards[i].For, cards[i].Behind, want)
		}
	}
	r.says(t, []string{"It depends on the number of requests: quick below about 12,000, strong from about 12,000"})
	for _, f := range r.Figures() {
		if f.Curves == nil {
			continue
		}
		marks := f.Chart.(chart.Plot).Marks
		if len(marks) != 1 || marks[0].X < 10_500 || marks[0].X > 13_500 || !strings.Contains(f.Alt, "the line of strong is below that of quick") {
			t.Errorf("marked %v: %s", marks, f.Alt)
		}
	}
	table := r.captioned(t, "what to decide on")
	for column, best := range map[string]string{"5,000 requests time": "quick", "200,000 requests time": "strong"} {
		for _, name := range []string{"quick", "strong"} {
			if got := value(t, table, name, column).Tone == "best"; got != (name == best) {
				t.Errorf("%s is best for %s: %v", name, column, got)
			}
		}
	}
}

// What failed never came: with 2% of failures p99 is never, p50 is not, and the one that failed fast is best at nothing.
func TestFailuresAreNever(t *testing.T) {
	fails := func(l *summarytest.Launch) {
		l.Row = func(i int, r *record.RequestRow) {
			if i%50 == 7 {
				*r = record.RequestRow{Seq: r.Seq, PromptID: r.PromptID, Phase: r.Phase, Status: "failed", ErrorClass: "http_500", Error: "no <b>memory</b>", Attempts: 1, SentS: r.SentS, DoneS: r.SentS}
			}
		}
	}
	r := reported(t, platform("a", []int{800}, []float64{1, 1}, nil), platform("b", []int{800}, []float64{0.5, 0.5}, fails), platform("c", []int{800}, []float64{2, 2}, nil))
	table := r.captioned(t, "what to decide on")
	for _, c := range []string{"TTFT s, p50", "TPOT s, p50", "e2e s, p50"} {
		if v := value(t, table, "b", c); v.Detail != "p99\u00a0never" || v.Text == "never" {
			t.Errorf("b: %s %+v", c, v)
		}
		if v := value(t, table, "a", c); strings.Contains(v.Detail, "never") {
			t.Errorf("a: %s %+v", c, v)
		}
	}
	if v := value(t, table, "b", "Success pooled"); v.Text != "98%" || v.Tone != "warn" || !strings.HasSuffix(v.Detail, "by 1,600") {
		t.Errorf("success is %+v", v)
	}
	if v := value(t, r.captioned(t, "m, 800 requests"), "a", "Throughput output tokens/s"); v.Tone != "best" {
		t.Errorf("a is the best that came through: %+v", v)
	}
	for _, row := range r.captioned(t, "m, 800 requests").Rows {
		for _, v := range row.Values[3:] {
			if row.Values[0].Text == "b" && v.Tone == "best" {
				t.Errorf("b failed, and is best: %+v", v)
			}
		}
	}
	if row := r.captioned(t, "percentiles over launches").Rows[1]; !strings.HasSuffix(row.Values[2].Text, " · never") || !strings.HasSuffix(row.Values[3].Text, " · never") || !strings.HasSuffix(row.Values[4].Text, " · never") {
		t.Errorf("%+v", row.Values)
	}
	r.says(t, []string{"failed, http_500", "no <b>memory</b>", "a: 1,600 of 1,600 answered"}, "Choose b")
	for _, f := range r.Figures() {
		if strings.HasPrefix(f.ID, "latency-e2e") {
			b := f.Chart.(chart.Plot).Series[1]
			if last := b.Points[len(b.Points)-1].Y; !b.Level || math.Abs(last-0.98) > 1e-9 {
				t.Errorf("b's curve ends at %v, level %v", last, b.Level)
			}
			if slices.ContainsFunc(b.Tips, func(p chart.Point) bool { return strings.Contains(p.Note, "p99") }) {
				t.Error("p99 is marked on a curve that never reaches it")
			}
		}
	}
}

// Other prompts, another precision: no winner between them, the ratio says what it is unlike in, and the section lists it.
func TestUnlikeIsNotRanked(t *testing.T) {
	other := func(l *summarytest.Launch) {
		l.Row = func(_ int, r *record.RequestRow) { r.InputTokens = new(int64(300)) }
		l.Run = func(r *record.Run) { r.Engine.MaxModelLen = new(int64(512)) }
	}
	r := reported(t, platform("a", []int{100, 200}, []float64{1, 1.01, 0.99}, func(l *summarytest.Launch) {
		l.Run = func(r *record.Run) { r.Engine.MaxModelLen = new(int64(4096)) }
	}), platform("b", []int{100, 200}, []float64{3, 3.01, 2.99}, other))
	r.says(t, []string{"Not comparable: ", "unlike in context"}, "Choose a", "a leads")
	c := *r.card()
	if c.For != "200,000 requests: not comparable" || badge(c, "Sure")[:4] != "red:" || badge(c, "Valid")[:4] != "red:" {
		t.Errorf("%q: %q, %q", c.For, badge(c, "Sure"), badge(c, "Valid"))
	}
	if v := value(t, r.captioned(t, "m, 200 requests"), "b", ratio); v.Unlike != "unlike in context" {
		t.Errorf("the ratio stands alone: %+v", v)
	}
	if rows := r.captioned(t, "differ in beside").Rows; len(rows) != 1 || rows[0].Values[2].Text != "context: 512 tokens against 4096 tokens" || rows[0].Values[3].Text != "100, 200" {
		t.Errorf("%+v", rows)
	}
	quarter := func(l *summarytest.Launch) {
		l.Run = func(r *record.Run) { r.Engine.DType, r.Engine.Quantization = "", "Q4_K_M" }
	}
	apart := reported(t, platform("a", []int{100}, []float64{1, 1.01}, nil), platform("b", []int{100}, []float64{0.3, 0.31}, quarter))
	apart.says(t, []string{"Q4_K_M"}, "Choose b for", "b leads")
}

// Launches that were stopped at their limit, or broke, are counted beside those that were not, and listed with their reason.
func TestEveryEndIsTold(t *testing.T) {
	cells := platform("a", []int{100}, []float64{1, 1.01, 0.99, 1}, nil)
	cells[0].Launches[2].Status, cells[0].Launches[3].Status = record.Censored, record.EngineFailed
	r := reported(t, cells, platform("b", []int{100}, []float64{1.5, 1.51}, nil))
	if v := value(t, r.captioned(t, "m, 100 requests"), "a", "Launches"); v.Text != "2" || v.Tone != "warn" || v.Detail != "1 censored, 1 engine failed" {
		t.Errorf("launches: %+v", v)
	}
	if v := value(t, r.captioned(t, "m, 100 requests"), "b", "Launches"); v.Text != "2" || v.Tone != "" || v.Detail != "" {
		t.Errorf("launches: %+v", v)
	}
	var ended []string
	for _, row := range r.captioned(t, "did not end complete").Rows {
		ended = append(ended, row.Values[0].Text+" "+row.Values[1].Text+" "+row.Values[2].Text)
	}
	if want := []string{"a/m/100 3 censored", "a/m/100 4 engine failed"}; !slices.Equal(ended, want) {
		t.Errorf("%v, want %v", ended, want)
	}
	r.says(t, []string{"2 of 4 launches came through"}, "None in ")
	clean := reported(t, platform("a", []int{100}, []float64{1, 1.01}, nil))
	clean.says(t, []string{"None in 2 launches: every attempt ended complete"})
}

// A figure that one platform does not tell is a dash with its reason, never 0; one that nobody tells has no column.
func TestMissingIsNotZero(t *testing.T) {
	with := func(l *summarytest.Launch) {
		for at := -5.0; at < 20; at++ {
			l.Samples = append(l.Samples, record.SampleRow{TimeS: at, Source: "nvml:0", Metric: "energy_j", Value: 200 * (at + 5)})
		}
	}
	r := reported(t, platform("a", []int{100}, []float64{1, 1.01}, with), platform("b", []int{100}, []float64{1.5, 1.51}, nil))
	table := r.captioned(t, "what to decide on")
	if v := value(t, table, "a", "Energy J per evaluation"); v.Tone == "missing" || v.Order == nil || math.Abs(*v.Order-20.1) > 0.5 { // 200 W, a tenth of a second each
		t.Errorf("a: %+v", v)
	}
	if v := value(t, table, "b", "Energy J per evaluation"); v.Text != "–" || v.Tone != "missing" || v.Why == "" || v.Order != nil {
		t.Errorf("b: %+v", v)
	}
	if slices.ContainsFunc(table.Columns, func(c Column) bool { return c.Title == "VRAM needed" || c.Title == "Goodput" || c.Title == "Cost" }) {
		t.Errorf("a column of nothing: %v", table.Columns)
	}
	r.says(t, []string{"Nobody tells of "}, " 0 J", "NaN", "Inf")
	for _, f := range r.Figures() {
		if slices.ContainsFunc(f.Views, func(v document.View) bool { return v.Name == "energy" || v.Name == "cost" }) {
			t.Error("a view of what one alone tells, or nobody")
		}
	}
}

// On a simulated tree every form, every chart and every row says so, and nothing there is a winner of real engines.
func TestSimulatedIsMarkedEverywhere(t *testing.T) {
	simulated := func(l *summarytest.Launch) { l.Run = func(r *record.Run) { r.Simulated = true } }
	r := reported(t, platform("a", []int{50, 100}, []float64{1, 1.01, 0.99}, simulated), platform("b", []int{50, 100}, []float64{2, 2.01, 1.99}, simulated))
	if r.Mark != Simulated || len(r.Charts()) < 4 {
		t.Fatalf("mark %q, %d charts", r.Mark, len(r.Charts()))
	}
	for name, svg := range r.Charts() {
		if strings.Count(svg, ">"+Simulated+"</text>") != 1 {
			t.Errorf("%s is not marked", name)
		}
	}
	if svgs, marks := strings.Count(r.page, `<svg viewBox="0 0 420 `), strings.Count(r.page, `class="watermark"`); svgs != marks || svgs == 0 {
		t.Errorf("%d charts on the page, %d marked", svgs, marks)
	}
	if heads := strings.Count(r.page, `<span class="mark">SIMULATED</span></h2>`); heads != len(r.Sections) {
		t.Errorf("%d of %d heads are marked", heads, len(r.Sections))
	}
	for _, row := range r.captioned(t, "what to decide on").Rows {
		if !strings.HasPrefix(row.Values[0].Detail, Simulated) {
			t.Errorf("%s is not marked: %q", row.Values[0].Text, row.Values[0].Detail)
		}
	}
	for _, s := range r.Answer()[:1] {
		if !strings.HasPrefix(s, Simulated) {
			t.Errorf("the answer begins %q", s)
		}
	}
	mixed := reported(t, platform("a", []int{100}, []float64{1, 1.01, 0.99}, nil), platform("b", []int{100}, []float64{0.1, 0.1, 0.1}, simulated))
	mixed.says(t, []string{Simulated}, "Choose b", "b leads", "b takes")
}

// Platforms that ran on two cards are not ranked: each is alone, their ratio says so, and the environment counts each machine.
func TestMixedHardware(t *testing.T) {
	smaller := platform("b", []int{100}, []float64{2, 2.01}, nil)
	smaller[0].GPU = "A10"
	r := reported(t, platform("a", []int{100}, []float64{1, 1.01, 0.99}, nil), smaller)
	machines := map[string]string{}
	for _, row := range r.captioned(t, "Machines").Rows {
		machines[row.Values[1].Text] = row.Values[len(row.Values)-1].Text
	}
	if len(machines) != 2 || machines["H100"] != "3" || machines["A10"] != "2" {
		t.Errorf("machines and their attempts: %v", machines)
	}
	if v := value(t, r.captioned(t, "m, 100 requests"), "b", ratio); !strings.Contains(v.Unlike, "GPU") {
		t.Errorf("the ratio stands alone: %+v", v)
	}
	r.says(t, []string{"A10", "nothing else was measured with", "GPU: A10 against H100"}, "Choose a", "a leads", "b leads")
}

// The words and the colour of a verdict, for the whole closed list; a badge never says more than the verdict.
func TestBadgeWords(t *testing.T) {
	for verdict, want := range map[string][2]string{
		decision.Winner: {"green: shown by launches", "a, 60 s"}, decision.Hybrid: {"green: shown by launches, each at its own number of requests", "a, 60 s"},
		decision.Tie: {"green: a tie, within 5%", "a or b, 60 s"}, decision.Provisional: {"amber: not shown", "a leads, 60 s"}, decision.Undecided: {"amber: undecided", "undecided"},
		decision.NotComparable: {"red: not comparable", "not comparable"}, decision.Nobody: {"red: nobody came through", "nobody"},
	} {
		q := decision.Question{Answer: decision.Answer{Verdict: verdict, Requests: 100, Counts: "requests", Platform: new("a"), RunnerUp: new("b"), Seconds: new(60.0)}}
		if verdict == decision.Tie {
			q.Among = []string{"a", "b"}
		}
		if verdict == decision.Nobody {
			q.Platform, q.Seconds = nil, nil
		}
		c := board{&maker{}}.card(decision.Group{}, q, nil)
		if got := badge(c, "Sure"); got != want[0] || c.For != "100 requests: "+want[1] {
			t.Errorf("%s: %q, %q", verdict, got, c.For)
		}
	}
	q := decision.Question{Answer: decision.Answer{Verdict: decision.Provisional, RunnerUp: new("b"), Ratio: new(1.5), RatioLow: new(1.3), RatioHigh: new(1.7)}}
	if got := sure(q).Text; got != "projected, not shown: b takes ×1.50 the time, 1.30 to 1.70" {
		t.Errorf("%q", got)
	}
	for _, c := range []struct {
		levels []string
		want   string
	}{{[]string{summary.Green, summary.Green}, "green: 2 checks passed"}, {[]string{summary.Green, summary.Amber}, "amber: 0 red, 1 amber, 1 green: see check 1"},
		{[]string{summary.Amber, summary.Red}, "red: 1 red, 1 amber, 0 green: see check 1, check 0"}, {nil, ": nothing could be checked"}} {
		var g decision.Group
		for i, level := range c.levels {
			g.Checks = append(g.Checks, summary.Check{Name: fmt.Sprintf("check %d", i), Level: level})
		}
		if b := valid(g); b.Level+": "+b.Text != c.want {
			t.Errorf("%v: %q, want %q", c.levels, b.Level+": "+b.Text, c.want)
		}
	}
}

// Whatever phases an engine tells, the parts of a bar add up to its load, none is negative, and none is longer than the load.
func TestWaterfallAddsUp(t *testing.T) {
	for _, phases := range []map[string]float64{nil, {"weights": 10, "import": 5}, {"weights": 30}, {"weights": 500}, {"import": 20, "weights": 20}, {"spawn": -3, "ready": 1}, {"first_token": 29.999, "unknown": 4}} {
		bar, sum := waterfall("x", 30, func(p string) *float64 {
			if v, told := phases[p]; told {
				return &v
			}
			return nil
		}), 0.0
		for _, p := range bar.Parts {
			if sum += p.Value; p.Value <= 0 || p.Value > 30.03 {
				t.Errorf("%v: a part of %v", phases, p.Value)
			}
		}
		if math.Abs(sum-30) > 0.16 {
			t.Errorf("%v: the parts add up to %v", phases, sum)
		}
	}
}

// A figure is one figure: each cell of each table stands in the page as it does in the Markdown.
func TestFormsAgree(t *testing.T) {
	r := reported(t, platform("a", []int{100, 200}, []float64{1, 1.01, 0.99}, nil), platform("b_c", []int{100, 200}, []float64{2, 2.01}, nil))
	root, err := html.Parse(strings.NewReader(r.page))
	if err != nil {
		t.Fatal(err)
	}
	var page, md []string
	for n := range root.Descendants() {
		if n.Data == "tr" && n.Parent.Data == "tbody" {
			var row []string
			for c := range n.ChildNodes() {
				row = append(row, squeezed(textOf(c)))
			}
			page = append(page, strings.Join(row, "|"))
		}
	}
	markup := regexp.MustCompile(`<[^>]*>|\]\(#[^)]*\)|\*\*| ★|\[|\\`)
	head := true
	for line := range strings.Lines(r.md) {
		switch cells := strings.Split(strings.ReplaceAll(line, `\|`, "/"), "|"); {
		case !strings.HasPrefix(line, "|"):
			head = true
		case strings.Contains(cells[1], "---"):
			head = false
		case !head && !strings.HasPrefix(line, "| **Sure") && !strings.HasPrefix(line, "| **Valid*") && !strings.HasPrefix(line, "| **Reliable") && !strings.HasPrefix(line, "| **Would"):
			var row []string
			for _, c := range cells[1 : len(cells)-1] {
				row = append(row, squeezed(html.UnescapeString(markup.ReplaceAllString(c, ""))))
			}
			md = append(md, strings.Join(row, "|"))
		}
	}
	if len(page) < 20 || !slices.Equal(page, md) {
		for i := range min(len(page), len(md)) {
			if page[i] != md[i] {
				t.Fatalf("row %d of %d and %d: the page has\n%s, the Markdown\n%s", i, len(page), len(md), page[i], md[i])
			}
		}
		t.Errorf("%d rows on the page, %d in the Markdown", len(page), len(md))
	}
	for _, f := range r.Figures() { // and a chart is drawn alike in both
		own, file := f.Chart.SVG(chart.Style{}), r.Charts()[f.File()]
		shape := regexp.MustCompile(` d="[^"]*"|<circle[^>]* r="|>[^<]+</text>`)
		if a, b := shape.FindAllString(own, -1), shape.FindAllString(file, -1); !slices.Equal(a, b) || len(a) < 8 || !strings.Contains(r.page, own) {
			t.Errorf("%s is drawn otherwise in its file: %d shapes and %d", f.ID, len(a), len(b))
		}
	}
}

// Of the quality of answers a few rows stand open; a table of every pair, field by field, is folded: it is longer than all else.
func TestLongTablesAreFolded(t *testing.T) {
	var q quality.Report
	for i := range 4 {
		q.Cells = append(q.Cells, quality.Cell{Name: fmt.Sprint("cell ", i), N: 10})
		for range 3 {
			q.Pairs = append(q.Pairs, quality.Pair{A: "x", B: "y", N: 10, Fields: []quality.Field{{Path: "/score", N: 10, Exact: &quality.Share{Value: 1, N: 10}}}})
		}
	}
	s, err := (&maker{Input: Input{Set: &summary.Set{}, Quality: &q}}).quality()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range (agreements{&maker{Input: Input{Set: &summary.Set{}, Quality: &quality.Report{Cells: []quality.Cell{{JSONs: quality.ShareOf(0, 5)}}}}}}).cells().Columns {
		if strings.Contains(c.Title, "Valid") { // that is said of answers by the form that was asked for
			t.Errorf("%s, %s", c.Title, c.Unit)
		}
	}
	var open, folded []string
	for _, b := range s.Blocks {
		if b.Table != nil {
			open = append(open, b.Table.Caption)
		} else if b.Fold != nil {
			folded = append(folded, b.Fold.Title)
		}
	}
	if !slices.Equal(open, []string{"Answers of each cell's last complete launch"}) || !slices.Equal(folded, []string{"How far each pair agrees", "Agreement on each field of the answers"}) {
		t.Errorf("open %q, folded %q", open, folded)
	}
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := range n.ChildNodes() {
		b.WriteString(textOf(c))
	}
	return b.String()
}

// Where a point is drawn is what it is: read back by the ticks of the axis, a curve has the quantiles of the rows.
func TestCurveIsDrawnWhereItIs(t *testing.T) {
	r := reported(t, platform("a", []int{400}, []float64{1}, func(l *summarytest.Launch) {
		l.Row = func(i int, r *record.RequestRow) {
			done := *r.SentS + 0.1*math.Pow(100, float64(i)/399) // 0.1 s to 10 s, even by ratio
			r.FirstTokenS, r.LastTokenS, r.DoneS = &done, &done, &done
		}
	}))
	for _, f := range r.Figures() {
		if !strings.HasPrefix(f.ID, "latency-e2e") {
			continue
		}
		svg := f.Chart.SVG(chart.Style{})
		place := map[string]float64{}
		for _, m := range regexp.MustCompile(`<text x="([\d.]+)" y="[\d.]+">([\d.]+)</text>`).FindAllStringSubmatch(svg, -1) {
			place[m[2]], _ = strconv.ParseFloat(m[1], 64)
		}
		for _, p := range f.Chart.(chart.Plot).Series[0].Tips {
			want := place["0.1"] + (place["10"]-place["0.1"])*p.Y
			if strings.Contains(p.Note, "p99") {
				t.Errorf("400 requests show no p99: %q", p.Note)
			}
			if place["10"] == 0 || !slices.ContainsFunc(regexp.MustCompile(`<circle cx="([\d.]+)"`).FindAllStringSubmatch(svg, -1), func(m []string) bool {
				x, err := strconv.ParseFloat(m[1], 64)
				return err == nil && math.Abs(x-want) < 2
			}) {
				t.Errorf("%v of the requests are done at %v s: no mark at %v", p.Y, p.X, want)
			}
		}
		return
	}
	t.Error("no curve")
}
