//go:build unix

package report

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/decision"
	"matrix/results/record"
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

// chromium starts one, and says how it ended; it does not outlive the test.
func chromium(t *testing.T, program string, args ...string) chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-breakpad", "--user-data-dir=" + t.TempDir()}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // it leaves a folder there
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it ends and reaps its own
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over, ended := make(chan error, 1), make(chan struct{})
	go func() { over <- cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // where it did not
	})
	return over
}

// browse opens a page in Chromium, lets the script operate it, and returns what it tells.
func browse(t *testing.T, page string, flags ...string) told {
	t.Helper()
	program, err := exec.LookPath("chromium")
	axe, noAxe := os.ReadFile(os.Getenv("MATRIX_AXE"))
	if os.Getenv("CI") != "" && (err != nil || noAxe != nil) {
		t.Fatalf("needs chromium and MATRIX_AXE, as .ci/run tools brings them: %v, %v", err, noAxe)
	} else if err != nil {
		t.Skip("needs Debian's chromium")
	}
	said := make(chan told, 1)
	inside := "<script>window.errors = []; addEventListener('error', e => errors.push(e.message));</script><script>" + string(axe) + "</script>"
	mux := http.NewServeMux()
	for path, content := range map[string]string{"/{$}": `<!doctype html><style>iframe{width:1280px;height:900px;border:0}</style><iframe src="/report"></iframe><script>` + browserScript + `</script>`,
		"/report": strings.Replace(page, "<head>", "<head>"+inside, 1)} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, content)
		})
	}
	mux.HandleFunc("POST /done", func(_ http.ResponseWriter, r *http.Request) {
		var x told
		if err := json.NewDecoder(r.Body).Decode(&x); err != nil {
			x.Wrong = []string{err.Error()}
		}
		said <- x
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	over := chromium(t, program, append(flags, "--remote-debugging-port=0", "--window-size=1300,1000", server.URL)...)
	select {
	case x := <-said:
		return x
	case err := <-over:
		t.Fatalf("chromium ended: %v", err)
	}
	return told{}
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
		t.Skip("starts a browser twice")
	}
	doc := five(t)
	page := render(t, doc.WriteHTML)
	for _, dark := range []bool{false, true} {
		var flags []string
		if dark {
			flags = []string{"--blink-settings=preferredColorScheme=0"}
		}
		x := browse(t, page, flags...)
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
