package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"matrix/results/record"
	"matrix/results/report/browsertest"
	"matrix/results/summary/summarytest"
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/launch"
	"matrix/runner/telemetry"
)

// hostile is what a model, an engine or a dataset may say.
const hostile = `<script>document.title='owned'</script><img src=x onerror="document.title='owned'">"'</pre></td>` + "\u202e\x1b[31m"

// hostileTree is a tree in which everything that others say is hostile, with an apply on it.
func hostileTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	var cells []summarytest.Cell
	for _, p := range []string{"a", "b"} {
		cells = append(cells, summarytest.Cell{Platform: p, Size: 300, Launches: []summarytest.Launch{{
			Run:  func(r *record.Run) { r.Engine.Version = hostile },
			Text: func(i int) string { return fmt.Sprint(p, i, hostile) },
			Row: func(i int, r *record.RequestRow) {
				r.PromptID, r.FinishReason = fmt.Sprint(i, hostile), hostile
				if i%3 == 1 {
					r.Status, r.Error = record.StatusFailed, hostile
				} else if r.Valid = new(i%3 == 0); i%3 == 2 {
					r.InvalidReason = "schema:/a_b" + hostile
				}
			}}}})
	}
	summarytest.Plant(t, root, cells...)
	const attempt = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	stalled, at := hostile, time.Now().Add(time.Hour-10*time.Second) // just before the board
	board, err := json.Marshal(apply.Board{PID: 1, At: time.Now().Add(time.Hour), Experiment: hostile, Launches: []launch.Running{{Attempt: attempt, Cell: "c", Name: hostile, LogLine: hostile, Part: hostile,
		// of an engine's own figures only what has changed is told
		Samples: []telemetry.Sample{{At: at, Source: "vllm", Metric: "vllm:num_requests_running", Value: 3}, {At: at, Source: "vllm", Metric: "vllm:generation_tokens_total", Value: 1000},
			{At: at.Add(time.Second), Source: "vllm", Metric: "vllm:generation_tokens_total", Value: 1040},
			{At: at.Add(time.Second), Source: "vllm", Metric: "vllm:kv_cache_usage_perc", Value: 0.5}, {At: at.Add(2 * time.Second), Source: "vllm", Metric: "vllm:scrape_s", Value: 0.01}},
		Progress: &events.Progress{Planned: 10, Done: 3, Stalled: stalled, CellETA: new(time.Minute)}}}})
	if err != nil {
		t.Fatal(err)
	}
	say, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	journal := fmt.Sprintf(`{"type":"planned_cell","cell":"c","name":%[1]s,"axes":{"platform":%[1]s,"batch_size":%[1]s},"state":%[1]s,"launches":[1]}
{"type":"warning","message":%[1]s}
{"type":"cell_failed","cell":"c","name":%[1]s,"message":%[1]s,"at":"2026-01-01T00:00:00Z"}
`, say)
	inner := filepath.Join(root, ".matrix")
	for path, text := range map[string]string{filepath.Join(inner, apply.BoardFile): string(board), filepath.Join(inner, apply.JournalFile): journal,
		filepath.Join(inner, "work", attempt, "server.log"): hostile + "\n"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// walk goes from the cells to an answer and the one beside it, which are text, whatever they say, in a page of the width of a phone.
func walk(t *testing.T, p *browsertest.Page) {
	t.Helper()
	p.As(390, 800, false)
	p.Sees("document.querySelectorAll('#cells tbody tr').length === 2")
	p.Eval("document.querySelector('#cells tbody button').click()", nil)
	p.Sees("document.querySelector('#attempts tbody button')")
	p.Eval("document.querySelector('#attempts tbody button').click()", nil)
	p.Sees("document.querySelectorAll('#requests tbody tr').length === 50")
	p.Eval("document.querySelector('#requests button[data-key=seq]').click()", nil)
	p.Sees("document.querySelector('#requests tbody button').innerText === '0' && document.querySelector('#requests th[aria-sort=ascending]')")
	p.Eval("document.querySelector('#forth').click()", nil)
	p.Sees("document.querySelector('#range').innerText.startsWith('51–100 of') && document.querySelector('#requests tbody button').innerText === '50'")
	p.Eval("document.querySelector('#back').click()", nil)
	p.Sees("document.querySelector('#range').innerText.startsWith('1–50 of')")
	p.Eval("document.querySelector('#status').value = 'failed'; document.querySelector('#status').onchange()", nil)
	p.Sees("document.querySelector('#requests tbody button').innerText === '1'")
	p.Eval("document.querySelector('#status').value = 'ok schema'; document.querySelector('#status').onchange()", nil)
	p.Sees("document.querySelector('#requests tbody button').innerText === '2' && document.querySelector('#requests tbody').innerText.includes('no: schema:/a_b<script>')")
	p.Eval("document.querySelector('#status').value = ''; document.querySelector('#status').onchange()", nil)
	p.Sees("document.querySelector('#requests tbody tr:nth-child(4) button').innerText === '3'")
	p.Eval("document.querySelector('#requests tbody tr:nth-child(4) button').click()", nil)
	p.Sees("document.querySelectorAll('.two pre').length === 2")
	var texts []string
	p.Eval("[...document.querySelectorAll('.two pre')].map(e => e.textContent)", &texts)
	if !slices.Equal(texts, []string{"a3" + hostile, "b3" + hostile}) {
		t.Errorf("the answers are %q", texts)
	}
	p.Sees("document.documentElement.scrollWidth <= 390")
	var title string
	var foreign int
	p.Eval("document.title", &title)
	p.Eval("document.querySelectorAll('img, main script, main style, iframe').length", &foreign)
	if title != "matrix" || foreign > 0 {
		t.Errorf("the title is %q, and %d elements are not ours", title, foreign)
	}
	if faults := p.Faults(); len(faults) > 0 {
		t.Errorf("faults: %s", faults)
	}
}

// built is where a web server shows a copy, below some path.
func built(t *testing.T, s *Server) (url string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	if err := s.Build(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/some/path/", http.StripPrefix("/some/path/", http.FileServerFS(os.DirFS(dir))))
	files := httptest.NewServer(mux)
	t.Cleanup(func() { files.CloseClientConnections(); files.Close() })
	return files.URL + "/some/path/"
}

// What others wrote is text: live, in the tables, in an answer. So it is in a copy that some web server shows below some path.
func TestHostileTextInABrowser(t *testing.T) {
	b := browsertest.Start(t)
	root := hostileTree(t)
	s, url := live(t, root, "")
	p := b.Open(url + "/")
	p.Sees("document.querySelector('.launch progress:not([hidden])') && document.querySelector('.launch pre').textContent.includes('<script>') && document.querySelectorAll('.events li').length === 2")
	p.Sees("document.querySelector('.charts').innerText.includes('running in the engine: 3 (most 3 in 2 s)') && document.querySelector('.charts').innerText.includes('KV cache in use, %: 50 (') && document.querySelector('.charts').innerText.includes('tokens/s: 0 (most 40 in')")
	p.Sees("document.querySelector('.launch').innerText.includes('Cell done in 1 min')")
	p.Eval("drawNow(now = {apply: [{...now.apply[0], state: 'dead'}]})", nil)
	p.Sees("document.querySelector('#now .bad').innerText.includes('was killed') && !document.querySelector('.launch').innerText.includes('Cell done')")
	p.Sees("document.querySelector('.apply p.dim span.bad')?.textContent.includes('failed: <script>')") // why stands below the plan
	walk(t, p)

	p = b.Open(built(t, s))
	walk(t, p)
	p.Sees("document.querySelector('#now-part').hidden")
	var link string
	p.Eval("document.querySelector('#reports a').href", &link)
	r := b.Open(link)
	r.Sees("document.querySelector('h1').innerText === 'Report on <b>e'")
	if faults := slices.Concat(p.Faults(), r.Faults()); len(faults) > 0 {
		t.Errorf("faults: %s", faults)
	}
}

// A request is shown with its own answer, whatever its prompt is called. Beside it stands what may be the answer to the same prompt, and where
// that is not known the page says so: live, and in a copy.
func TestPromptsInABrowser(t *testing.T) {
	type change = func(i int, r *record.RequestRow)
	called := func(id string) change { return func(_ int, r *record.RequestRow) { r.PromptID = id } }
	sent := func(hash byte) change { return func(_ int, r *record.RequestRow) { r.PromptHash[0] = hash } }
	b := browsertest.Start(t)
	for name, c := range map[string]struct {
		a, b    change
		dataset string // of b
		beside  string
		doubted bool
	}{
		"no ids":            {a: called(""), b: called(""), beside: "no prompt ids"},
		"one id for all":    {a: called("same"), b: called("same"), beside: "b4"},
		"the same bytes":    {a: sent(1), b: sent(1), dataset: "two", beside: "b4"},
		"other bytes":       {a: sent(1), b: sent(2), dataset: "two", beside: "b4", doubted: true},
		"bytes not known":   {dataset: "two", beside: "b4", doubted: true},
		"behind two nonces": {a: sent(1), b: sent(2), beside: "b4"},
	} {
		t.Log(name) // the page fails the test
		root := t.TempDir()
		planted := func(platform, dataset string, row change) summarytest.Cell {
			return summarytest.Cell{Platform: platform, Size: 6, Dataset: dataset, Launches: []summarytest.Launch{{Text: func(i int) string { return fmt.Sprint(platform, i) }, Row: row}}}
		}
		mine := planted("a", "", c.a)
		ids := summarytest.Plant(t, root, mine, planted("b", c.dataset, c.b))
		s, url := live(t, root, "")
		for _, at := range []string{url + "/", built(t, s)} {
			p := b.Open(fmt.Sprintf("%s#e/%s/%s", at, mine.Slug(), ids[mine.Slug()][0]))
			p.Sees("document.querySelectorAll('#requests tbody tr').length === 6")
			p.Eval("document.querySelector('#requests tbody tr:nth-child(5) button').click()", nil)
			p.Sees("document.querySelector('#mine h3')?.innerText.endsWith('request 4') && document.querySelector('#mine pre').innerText === 'a4'")
			p.Sees(fmt.Sprintf("document.querySelector('#other').innerText.includes(%q)", c.beside))
			p.Sees(fmt.Sprintf("!!document.querySelector('#other .warn') === %t", c.doubted))
		}
	}
}

// A browser has six connections to a server. Tabs that nobody looks at hold none, and are live again when they are looked at.
func TestManyTabsInABrowser(t *testing.T) {
	_, url := served(t, "")
	b := browsertest.Start(t)
	var tabs []*browsertest.Page
	for range 8 {
		p := b.Open(url)
		p.Sees("document.querySelectorAll('#cells tbody tr').length === 2")
		tabs = append(tabs, p)
	}
	tabs[7].Sees("document.querySelector('#now').innerText.includes('No apply runs')")
	tabs[0].Eval("document.querySelector('#now').replaceChildren()", nil)
	tabs[0].Seen()
	tabs[0].Sees("document.querySelector('#now').innerText.includes('No apply runs')")
}

// An address that leads nowhere is said to, live and in a copy; what is open elsewhere is not shown as if it were there.
func TestAddressesInABrowser(t *testing.T) {
	root := t.TempDir()
	cell := summarytest.Cell{Platform: "a", Size: 4, Launches: []summarytest.Launch{{}}}
	ids := summarytest.Plant(t, root, cell)
	s, url := live(t, root, "")
	b := browsertest.Start(t)
	for _, at := range []string{url + "/", built(t, s)} {
		p := b.Open(at)
		for address, said := range map[string]string{"%": "address", "none/none": "none", "e/none/x/1/1": "none"} {
			p.Go(at + "#e/" + cell.Slug() + "/" + ids[cell.Slug()][0])
			p.Sees("document.querySelectorAll('#requests tbody tr').length === 4 && !document.querySelector('#requests-part').hidden && !document.querySelector('#said').innerText")
			p.Go(at + "#" + address)
			p.Sees(fmt.Sprintf("document.querySelector('#said').innerText.includes(%q)", said))
			p.Sees("['attempts', 'requests', 'answer'].every(part => document.getElementById(part + '-part').hidden)")
		}
	}
}

// An address that is followed twice, as where it changes while the tree is still read, is shown once and whole.
func TestFollowedTwiceInABrowser(t *testing.T) {
	root := t.TempDir()
	cell := summarytest.Cell{Platform: "a", Size: 4, Launches: []summarytest.Launch{{}}}
	ids := summarytest.Plant(t, root, cell)
	_, url := live(t, root, "")
	p := browsertest.Start(t).Open(url)
	p.Sees("document.querySelectorAll('#cells tbody tr').length === 1")
	p.Eval(fmt.Sprintf("history.replaceState(null, '', '#e/%s/%s/3/3'); follow(), follow(), 0", cell.Slug(), ids[cell.Slug()][0]), nil)
	p.Sees("document.querySelectorAll('#requests tbody tr').length === 4 && document.querySelector('#mine h3')?.innerText.endsWith('request 3')")
}

// A copy counts the requests that it could have: it has none of the warm-up.
func TestWarmupInACopy(t *testing.T) {
	root := t.TempDir()
	cell := summarytest.Cell{Platform: "a", Size: 28, Launches: []summarytest.Launch{{Run: func(r *record.Run) { r.Planned = 20 }, Row: func(i int, r *record.RequestRow) {
		if i < 8 {
			r.Phase = record.PhaseWarmup
		}
	}}}}
	ids := summarytest.Plant(t, root, cell)
	s, _ := live(t, root, "")
	p := browsertest.Start(t).Open(built(t, s) + "#e/" + cell.Slug() + "/" + ids[cell.Slug()][0])
	p.Sees("document.querySelector('#range').innerText === '1–20 of 20, as they ended'")
}

// What lands while nobody looks at a tab stands there as soon as somebody does.
func TestHiddenTabInABrowser(t *testing.T) {
	root, url := served(t, "")
	p := browsertest.Start(t).Open(url)
	hide := func(is bool) {
		p.Eval(fmt.Sprintf("Object.defineProperty(document, 'hidden', {value: %t, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))", is), nil)
	}
	p.Sees("document.querySelector('#now').innerText.includes('No apply runs')")
	hide(true)
	summarytest.Plant(t, root, summarytest.Cell{Experiment: "late", Platform: "c", Size: 4, Launches: []summarytest.Launch{{}}})
	hide(false)
	p.Sees("document.querySelectorAll('#cells tbody tr').length === 3 && document.querySelector('#reports').innerText.includes('late')")
}

// An attempt that lands is seen where its cell is open, and takes the keyboard from nobody.
func TestLandingInABrowser(t *testing.T) {
	b := browsertest.Start(t)
	root := t.TempDir()
	cell := summarytest.Cell{Platform: "a", Size: 4, Launches: []summarytest.Launch{{}}}
	summarytest.Plant(t, root, cell)
	_, url := live(t, root, "")
	p := b.Open(url + "/")
	p.Sees("document.querySelector('#now').innerText.includes('No apply runs')")
	p.Tab("#cells tbody button")
	p.Press("Enter")
	p.Sees("document.querySelectorAll('#attempts tbody tr').length === 1 && document.activeElement.id === 'attempts-title'")
	p.Tab("#attempts tbody button")
	cell.Launches[0].Number = 2
	summarytest.Plant(t, root, cell)
	p.Sees("document.querySelectorAll('#attempts tbody tr').length === 2 && document.activeElement.matches('#attempts tbody tr:first-child button')")
}

// Without a network, and when the server is gone, the page says so and keeps what it has.
func TestNoNetworkInABrowser(t *testing.T) {
	b := browsertest.Start(t)
	_, url := served(t, "")
	p := b.Open(url + "/")
	p.Sees("document.querySelectorAll('#cells tbody tr').length === 2")
	p.Offline(true)
	p.Eval("document.querySelector('#cells tbody button').click()", nil)
	p.Sees("document.querySelector('#said').innerText !== '' && document.querySelectorAll('#cells tbody tr').length === 2")
	p.Offline(false)
}

// Names as people give them leave room for what is said of them on a phone: the page is no wider, and the first mark and figures are seen.
func TestLongNamesOnAPhone(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	b := browsertest.Start(t)
	root := t.TempDir()
	var journal string
	for i, name := range []string{"vllm_offline_with_eager_mode_and_chunked_prefill", "ollama_with_flash_attention_and_eight_slots"} {
		summarytest.Plant(t, root, summarytest.Cell{Platform: name, Size: 40, Launches: []summarytest.Launch{{Text: func(int) string { return "yes" }}}})
		journal += fmt.Sprintf("{\"type\":\"planned_cell\",\"cell\":\"c%d\",\"name\":%q,\"axes\":{\"platform\":%q,\"batch_size\":\"40\"},\"state\":\"done\",\"launches\":[1]}\n", i, name, name)
	}
	board, err := json.Marshal(apply.Board{PID: 1, At: time.Now(), Experiment: "e"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{apply.JournalFile: journal, apply.BoardFile: string(board)} {
		if err := os.WriteFile(filepath.Join(root, ".matrix", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, url := live(t, root, "")
	p := b.Open(url + "/")
	p.As(390, 800, false)
	for _, press := range []string{"#cells tbody button", "#attempts tbody button", "#requests tbody button"} {
		p.Sees(fmt.Sprintf("document.querySelector(%q)", press))
		p.Eval(fmt.Sprintf("document.querySelector(%q).click()", press), nil)
	}
	p.Sees("document.querySelector('#mine pre') && document.querySelector('#beside').options.length > 1 && document.querySelector('.marks [role=img]')")
	var beyond []string
	p.Eval(`[...document.querySelectorAll(".marks [role=img], #cells tbody td:nth-child(2), #beside, h2, h3")].filter(e => e.getBoundingClientRect().right > 390).map(e => e.outerHTML)`, &beyond)
	p.Sees("getComputedStyle(document.querySelector('#cells tbody button')).textAlign === 'left'") // lines of one name begin alike
	var wide int
	if p.Eval("document.documentElement.scrollWidth", &wide); wide > 390 || len(beyond) > 0 {
		t.Errorf("%d pixels wide, beyond the screen: %q", wide, beyond)
	}
}
