package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/decision"
	"matrix/results/record"
	"matrix/results/report/browsertest"
	"matrix/results/summary/summarytest"
)

//go:embed testdata/browser.js
var browserScript string

// told is what the page's reader found.
type told struct {
	Wrong []string
	Seen  struct {
		Box, Beyond        string
		Up, Down, Filtered []string
		Figures, Axe       int
		Screens            float64
		Dark               bool
	}
}

// browse opens a page, lets the script operate it, and returns what it tells.
func browse(t *testing.T, b *browsertest.Browser, page string, dark bool) (x told) {
	t.Helper()
	axe, err := os.ReadFile(os.Getenv("MATRIX_AXE"))
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("needs MATRIX_AXE, as .ci/run tools brings it: %v", err)
	}
	inside := "<script>window.errors = []; addEventListener('error', e => errors.push(e.message));</script><script>" + string(axe) + "</script>"
	mux := http.NewServeMux()
	for path, content := range map[string]string{"/{$}": `<!doctype html><style>iframe{width:1280px;height:900px;border:0}</style><iframe src="/report"></iframe><script>` + browserScript + `</script>`,
		"/report": strings.Replace(page, "<head>", "<head>"+inside, 1)} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, content)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	p := b.Open("about:blank")
	p.As(1300, 1000, dark)
	p.Go(server.URL)
	p.Sees("window.told")
	p.Eval("window.told", &x)
	return x
}

// five are five platforms, each slower than the one before, with telemetry, failures, prices and two numbers in flight.
func five(t *testing.T) *Document {
	t.Helper()
	root := t.TempDir()
	for p := range 5 {
		for _, size := range []int{50, 200} {
			c := summarytest.Cell{Platform: fmt.Sprintf("p%d", p), Size: size, Launches: make([]summarytest.Launch, 2)}
			for i := range c.Launches {
				c.Launches[i] = summarytest.Launch{Scale: 1 + 0.02*float64(i) + 0.3*float64(p), Run: func(r *record.Run) { r.Concurrency = int64(size / 10) }, Row: func(i int, r *record.RequestRow) {
					if p == 4 && i%40 == 3 {
						r.Status, r.ErrorClass = "failed", "http_500"
					}
				}}
				for at := -25.0; at < 20; at++ {
					for _, g := range gaugeNames() {
						c.Launches[i].Samples = append(c.Launches[i].Samples, record.SampleRow{TimeS: at, Source: "nvml:0", Metric: g, Value: 40 + at})
					}
				}
			}
			summarytest.Plant(t, root, c)
		}
	}
	return build(t, root, func(in *Input) {
		weighed, err := decision.Decide(t.Context(), in.Set, decision.Options{Rules: &cell.Decision{PricePerHour: new(2.5), Currency: "€"}})
		if err != nil {
			t.Fatal(err)
		}
		in.Decision = weighed
	})
}

var timeOf = regexp.MustCompile(`(?m)^(p\d): (≈ )?([\d.,]+) (s|min|h)`)

// What a reader does with the page works in a real browser, light and dark, at a desk and on a phone.
func TestInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b := browsertest.Start(t)
	doc := five(t)
	page := render(t, doc.WriteHTML)
	for _, dark := range []bool{false, true} {
		x := browse(t, b, page, dark)
		for _, w := range x.Wrong {
			t.Errorf("dark %v: %s", dark, w)
		}
		if x.Seen.Dark != dark || x.Seen.Figures < 8 || x.Seen.Screens > 8 || x.Seen.Axe == 0 && os.Getenv("MATRIX_AXE") != "" {
			t.Errorf("dark %v: %+v", dark, x.Seen)
		}
		if up := []string{"p0", "p1", "p2", "p3"}; !slices.Equal(x.Seen.Up[:4], up) || x.Seen.Down[0] != "p3" && x.Seen.Down[0] != "p4" || !slices.Equal(x.Seen.Filtered, []string{"p3"}) {
			t.Errorf("sorted %v, %v, filtered %v", x.Seen.Up, x.Seen.Down, x.Seen.Filtered)
		}
		boxed(t, doc, 200, x.Seen.Box, false)
		boxed(t, doc, 150_000, x.Seen.Beyond, true)
	}
}

// A latency that never came is the longest there is, and a figure that nobody has stays last either way.
func TestSortsNever(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	table := &Table{Caption: "latencies", Sorts: true, Columns: []Column{{Title: "Platform"}, {Title: "TTFT", Numeric: true}}}
	for name, order := range map[string]*float64{"never": new(math.Inf(1)), "short": new(0.02), "long": new(0.03), "missing": nil} {
		table.Rows = append(table.Rows, Row{Values: []Value{{Text: name}, {Text: name, Order: order}}})
	}
	doc := &Document{Sections: []Section{{ID: "a", Title: "a", Blocks: []Block{tableBlock(table)}}}}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(render(t, doc.WriteHTML)), 0o644); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Start(t).Open("file://" + path)
	p.Sees("document.querySelectorAll('th button').length === 2")
	for _, want := range []string{"short long never missing", "never long short missing"} {
		var got string
		if p.Eval(`document.querySelectorAll('th button')[1].click(), [...document.querySelectorAll('tbody th')].map(e => e.textContent).join(' ')`, &got); got != want {
			t.Errorf("sorted: %s, want %s", got, want)
		}
	}
}

// Of 18 cells, of three models too, what decides and what backs it up are eight screens, and the rest is folded.
func TestScreensOfEighteenCells(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b := browsertest.Start(t)
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(render(t, eighteen(t, 3).WriteHTML)), 0o644); err != nil {
		t.Fatal(err)
	}
	p := b.Open("file://" + path)
	p.As(1280, 900, false)
	p.Sees("document.querySelector('.lively canvas')")
	var screens float64
	if p.Eval("document.querySelector('section.folded').getBoundingClientRect().top / 900", &screens); screens > 8 {
		t.Errorf("%.2f screens before the folds", screens)
	}
}

// boxed holds what the box says against the curves that are drawn.
func boxed(t *testing.T, doc *Document, n int64, said string, beyond bool) {
	t.Helper()
	var curves []struct {
		Name string
		N    []int64
		T    []float64
	}
	for _, f := range doc.Figures() {
		if f.Curves != nil {
			if err := json.Unmarshal(f.Curves, &curves); err != nil {
				t.Fatal(err)
			}
		}
	}
	found := timeOf.FindAllStringSubmatch(said, -1)
	if len(found) != len(curves) || !strings.Contains(said, "For "+whole(float64(n))+": p0 first") || !strings.Contains(said, "costs") {
		t.Errorf("the box says of %d:\n%s", n, said)
	}
	for _, m := range found {
		v, err := strconv.ParseFloat(strings.ReplaceAll(m[3], ",", ""), 64)
		if err != nil {
			t.Error(err)
		}
		v *= map[string]float64{"s": 1, "min": 60, "h": 3600}[m[4]]
		for _, c := range curves {
			if c.Name != m[1] {
				continue
			}
			line := decision.Curve{}
			for i, at := range c.N {
				p := decision.CurvePoint{Requests: at}
				p.Seconds = c.T[i]
				line.Points = append(line.Points, p)
			}
			if want := secondsAt(line, n); v < 0.99*want || v > 1.01*want || (m[2] != "") != beyond {
				t.Errorf("%s for %d: the box says %s, the curve %v s", c.Name, n, m[0], want)
			}
		}
	}
}

// The names of a timeline's bands stand above its lines, where nothing is drawn over them.
func TestNamesOfBands(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	const spy = `<script>window.drawn = [];
		const fillText = CanvasRenderingContext2D.prototype.fillText;
		CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
			drawn.push({text, at: y, top: () => this.canvas.parentElement.querySelector(".u-over").offsetTop * devicePixelRatio});
			fillText.apply(this, arguments);
		}</script>`
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(strings.Replace(render(t, five(t).WriteHTML), "<head>", "<head>"+spy, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Start(t).Open("file://" + path)
	p.As(1300, 1000, false)
	p.Sees("drawn.some(d => d.text === 'measure')")
	var over []string
	if p.Eval("drawn.filter(d => d.text === 'measure' && (d.at > d.top() || d.at < 10)).map(d => d.at + ' of ' + d.top())", &over); len(over) > 0 {
		t.Errorf("drawn over the lines: %q", over)
	}
}

// A long name is broken on a phone where its words end, and nothing is wider than the screen.
func TestLongNamesOnAPhone(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b := browsertest.Start(t)
	root := t.TempDir()
	for _, name := range []string{"vllm_offline_with_eager_mode_and_chunked_prefill_of_2048", "ollama_with_flash_attention_and_eight_slots", "arrive=at_once"} {
		summarytest.Plant(t, root, summarytest.Cell{Platform: name, Size: 50, Launches: make([]summarytest.Launch, 2)})
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(render(t, build(t, root, nil).WriteHTML)), 0o644); err != nil {
		t.Fatal(err)
	}
	p := b.Open("file://" + path)
	p.As(390, 844, false)
	p.Sees("document.documentElement.scrollWidth <= 390")
	var broken []string
	var lines int
	p.Eval(`window.lines = 0; window.broken = [];
		for (const e of document.querySelectorAll("details")) e.open = true;
		for (const e of document.querySelectorAll("main tbody th, main p, main li, figcaption, dd, caption")) {
			let before = "", top;
			for (const walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT); walk.nextNode();) {
				const text = walk.currentNode, range = document.createRange();
				if (text.parentElement.closest("small, svg, script")) continue;
				for (let i = 0; i < text.length; i++) {
					range.setStart(text, i);
					range.setEnd(text, i + 1);
					const box = range.getBoundingClientRect(), at = text.data[i];
					if (box.width && top !== undefined && box.top > top + 8) {
						lines++;
						if (/\w/.test(at) && /[A-Za-z0-9]/.test(before)) broken.push(text.data.slice(Math.max(0, i - 20), i) + "|" + text.data.slice(i, i + 20));
					}
					if (box.width) top = box.top;
					before = at;
				}
			}
		}
		broken`, &broken)
	if p.Eval("lines", &lines); lines < 10 || len(broken) > 0 {
		t.Errorf("of %d line ends these are within a word: %q", lines, broken)
	}
}
