package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/results/record"
	"matrix/results/report"
	"matrix/results/rows"
	"matrix/results/store"
	"matrix/results/summary/summarytest"
)

// served is a server over a planted tree.
func served(t *testing.T, token string) (root, url string) {
	t.Helper()
	type launch = summarytest.Launch
	root = t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 1.2}}}, summarytest.Cell{Platform: "b", Size: 40, Launches: []launch{{Scale: 2}}})
	_, url = live(t, root, token)
	return root, url
}

// live serves a tree until the test ends.
func live(t *testing.T, root, token string) (s *Server, url string) {
	t.Helper()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	s = serverOf(root, store, token)
	t.Cleanup(s.Close)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() }) // a stream has no end of its own
	return s, web.URL
}

// serverOf is a server whose reports are three words, one of them markup.
func serverOf(root string, store *store.Store, token string) *Server {
	return &Server{Store: store, Results: root, Version: "test", Hosts: []string{"127.0.0.1", "localhost"}, Token: token,
		Report: func(_ context.Context, experiment string, w io.Writer) error {
			return (&report.Document{Title: "Report on <b>" + experiment}).WriteHTML(w)
		}}
}

func fetch(t *testing.T, url string, change func(*http.Request), into any) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if into != nil {
		if err := json.NewDecoder(got.Body).Decode(into); err != nil {
			t.Fatalf("%s: %v", url, err)
		}
	}
	return got
}

// What is not asked by this machine's own page gets nothing: another site's name for our address, another site's script, a write.
func TestGuard(t *testing.T) {
	_, url := served(t, "")
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"plain":        {nil, http.StatusOK},
		"own page":     {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, http.StatusOK},
		"rebound name": {func(r *http.Request) { r.Host = "evil.example" }, http.StatusMisdirectedRequest},
		"rebound port": {func(r *http.Request) { r.Host = "evil.example:80" }, http.StatusMisdirectedRequest},
		"no host":      {func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, http.StatusMisdirectedRequest},
		"other site":   {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"same site":    {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, http.StatusForbidden},
		"write":        {func(r *http.Request) { r.Method = http.MethodPost }, http.StatusMethodNotAllowed},
		"delete":       {func(r *http.Request) { r.Method = http.MethodDelete }, http.StatusMethodNotAllowed},
	} {
		got := fetch(t, url+"/api/tree", c.change, nil)
		if got.StatusCode != c.want || got.Header.Get("Content-Security-Policy") != policy || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s, want %d; %v", name, got.Status, c.want, got.Header)
		}
	}
}

// One that listens on all addresses answers to each of them, and to this machine's name, but to no other name.
func TestNames(t *testing.T) {
	all := guard{hosts: []string{"localhost", "127.0.0.1", "::1", "Box"}, numbers: true}
	one := guard{hosts: all.hosts}
	for host, want := range map[string][2]bool{"localhost:1": {true, true}, "LOCALHOST": {true, true}, "box:7373": {true, true}, "[::1]:7373": {true, true}, "192.0.2.7:7373": {true, false},
		"[fd00::2]:1": {true, false}, "192.0.2.7.evil.example": {}, "evil.example:7373": {}, "": {}, "[": {}} {
		if got := [2]bool{all.ours(host), one.ours(host)}; got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

func TestToken(t *testing.T) {
	_, url := served(t, "secret")
	jar := map[string]int{"": 401, "?token=wrong": 401, "?token=secret": 200}
	for query, want := range jar {
		got := fetch(t, url+"/"+query, nil, nil)
		if got.StatusCode != want || (want == 200) != (len(got.Cookies()) == 1) {
			t.Errorf("%q: %s, cookies %v", query, got.Status, got.Cookies())
		}
	}
	if got := fetch(t, url+"/api/tree", func(r *http.Request) { r.Header.Set("Authorization", "Bearer secret") }, nil); got.StatusCode != 200 {
		t.Error(got.Status)
	}
}

// Nothing outside of what is embedded and of the tree is served, and the pages name no other origin.
func TestOnlyWhatIsEmbedded(t *testing.T) {
	_, url := served(t, "")
	for _, path := range []string{"/../serve.go", "/assets", "/%2e%2e/%2e%2e/etc/passwd", "/report/%2e%2e%2f%2e%2e", "/report/none", "/api/attempts/x"} {
		if got := fetch(t, url+path, nil, nil); got.StatusCode == http.StatusOK {
			t.Errorf("%s: %s", path, got.Status)
		}
	}
	for _, name := range []string{"index.html", "page.js", "live.js", "style.css"} {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil || strings.Contains(strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", ""), "://") || strings.Contains(string(text), "innerHTML") || strings.Contains(string(text), " style=") || strings.Contains(string(text), " onclick=") {
			t.Errorf("%s asks another origin, writes markup or has what the policy refuses (%v)", name, err)
		}
	}
}

// The tables say what the summary says, page by page, in order.
func TestTables(t *testing.T) {
	_, url := served(t, "")
	var tree treeReply
	fetch(t, url+"/api/tree", nil, &tree)
	if len(tree.Cells) != 2 || tree.Cells[0].Launches+tree.Cells[1].Launches != 3 || tree.Cells[0].Metrics["output_throughput"] <= 0 {
		t.Fatalf("%+v", tree)
	}
	c := tree.Cells[slices.IndexFunc(tree.Cells, func(c cell) bool { return c.Platform == "a" })]
	var attempts []struct {
		Manifest struct {
			Attempt string `json:"attempt"`
		}
		Counts bool
	}
	fetch(t, url+"/api/attempts?experiment="+c.Experiment+"&slug="+c.Slug, nil, &attempts)
	if len(attempts) != 2 || !attempts[0].Counts {
		t.Fatalf("%+v", attempts)
	}
	at := url + "/api/requests?experiment=" + c.Experiment + "&slug=" + c.Slug + "&attempt=" + attempts[0].Manifest.Attempt
	var all rows.Page
	fetch(t, at+"&limit=1000&sort=e2e_s&desc=1", nil, &all)
	if all.Matched != 40 || len(all.Rows) != 40 || all.Counts["ok"] != 40 {
		t.Fatalf("%d of %d rows, %v", len(all.Rows), all.Matched, all.Counts)
	}
	if !slices.IsSortedFunc(all.Rows, func(a, b rows.Request) int {
		switch {
		case *a.E2ES > *b.E2ES:
			return -1
		case *a.E2ES < *b.E2ES:
			return 1
		}
		return int(a.Seq - b.Seq)
	}) {
		t.Error("not the longest first")
	}
	var paged []rows.Request
	for after := "&"; after != "&after="; {
		var p rows.Page
		fetch(t, at+"&limit=7&sort=e2e_s&desc=1"+after, nil, &p)
		paged, after = append(paged, p.Rows...), "&after="+p.Next
	}
	if len(paged) != 40 || !slices.EqualFunc(paged, all.Rows, func(a, b rows.Request) bool { return a.Seq == b.Seq }) {
		t.Errorf("%d rows page by page are not those at once", len(paged))
	}
	var none rows.Page
	if fetch(t, at+"&status=timed_out", nil, &none); none.Matched != 0 || none.Total == 0 {
		t.Errorf("%+v", none)
	}
	for _, query := range []string{"&sort=1", "&limit=0", "&limit=1e9", "&after=1", "&after=x_1"} {
		if got := fetch(t, at+query, nil, nil); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", query, got.Status)
		}
	}
	for _, query := range []string{"experiment=none&slug=" + c.Slug, "experiment=e&slug=none"} {
		if got := fetch(t, url+"/api/attempts?"+query, nil, nil); got.StatusCode != http.StatusNotFound {
			t.Errorf("attempts at %s: %s", query, got.Status)
		}
	}
	if got := fetch(t, url+"/api/requests?experiment=e&slug="+c.Slug+"&attempt=../../etc", nil, nil); got.StatusCode != http.StatusNotFound {
		t.Errorf("a path for an attempt: %s", got.Status)
	}
}

// The answer of a request, and that of another platform to the same prompt, which it was asked under another number.
func TestAnswers(t *testing.T) {
	_, url := served(t, "")
	var tree treeReply
	fetch(t, url+"/api/tree", nil, &tree)
	for _, c := range tree.Cells {
		var got answered
		fetch(t, url+"/api/answer?experiment=e&slug="+c.Slug+"&attempt="+c.Attempt+"&prompt=7&seq=3", nil, &got)
		if got.Request.Seq != 7 || got.Platform != c.Platform || got.Text == nil || *got.Text != "answer 7 is yes" {
			t.Errorf("%s: %+v", c.Name, got)
		}
		if got := fetch(t, url+"/api/answer?experiment=e&slug="+c.Slug+"&attempt="+c.Attempt+"&prompt=none&seq=3", nil, nil); got.StatusCode != http.StatusNotFound {
			t.Errorf("a prompt that nobody asked: %s", got.Status)
		}
	}
}

// An answer tells what its prompt can be known by: what was sent, and the dataset, which nobody recorded of what was imported.
func TestAnswersTellThePrompt(t *testing.T) {
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 4, Launches: []summarytest.Launch{{Row: func(i int, r *record.RequestRow) { r.PromptHash[0] = byte(i) }}}})
	_, url := live(t, root, "")
	var tree treeReply
	fetch(t, url+"/api/tree", nil, &tree)
	c := tree.Cells[0]
	for seq, want := range []string{"", "01" + strings.Repeat("0", 30)} {
		var got answered
		fetch(t, fmt.Sprintf("%s/api/answer?experiment=e&slug=%s&attempt=%s&prompt=%d&seq=%d", url, c.Slug, c.Attempt, seq, seq), nil, &got)
		if got.Request.PromptHash != want || got.Dataset == "" {
			t.Errorf("request %d: %+v", seq, got)
		}
	}
	var imported record.Manifest
	if err := json.Unmarshal([]byte(`{"identity": {"components": {"backend": {"value": {"platform":"imported"}}, "dataset": {"hash": "44136f", "value": {}}}}}`), &imported); err != nil {
		t.Fatal(err)
	}
	if got := datasetOf(imported); got != "" {
		t.Errorf("the dataset of an import is %q", got)
	}
}

// What is wrong with a tree is told; nothing of it is an error of the server, hangs it or is left out.
func TestDamagedTree(t *testing.T) {
	root, url := served(t, "")
	var tree treeReply
	fetch(t, url+"/api/tree", nil, &tree)
	c := tree.Cells[slices.IndexFunc(tree.Cells, func(c cell) bool { return c.Launches == 2 })]
	dirs, err := filepath.Glob(filepath.Join(root, "e", c.Slug, "0*"))
	if err != nil || len(dirs) != 2 {
		t.Fatal(dirs, err)
	}
	// The first loses a byte of its requests, which only a reading finds; the second its manifest.
	path := filepath.Join(dirs[0], "requests.parquet")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	other := filepath.Join(root, "e", "x")
	for _, err := range []error{os.WriteFile(path, text, 0o644), os.WriteFile(filepath.Join(dirs[1], "manifest.json"), []byte("{"), 0o644), os.MkdirAll(filepath.Join(root, "no experiment"), 0o755),
		syscall.Mkfifo(filepath.Join(root, "e", "fifo"), 0o644), os.Symlink("/", filepath.Join(root, "e", "all")), os.Symlink(".", filepath.Join(root, "loop")), os.MkdirAll(other, 0o755),
		syscall.Mkfifo(filepath.Join(root, ".matrix", "running.json"), 0o644), syscall.Mkfifo(filepath.Join(root, ".matrix", "events.ndjson"), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := fetch(t, url+"/api/tree", nil, &tree); got.StatusCode != http.StatusOK || len(tree.Problems) != 3 || !strings.Contains(tree.Problems[0].Detail+tree.Problems[1].Detail, "is a link") ||
		tree.Problems[2].Attempt != filepath.Base(dirs[1]) || len(tree.Cells) != 2 {
		t.Errorf("%s: %+v", got.Status, tree.Problems)
	}
	var fault struct{ Error string }
	at := "?experiment=e&slug=" + c.Slug + "&attempt="
	if got := fetch(t, url+"/api/requests"+at+filepath.Base(dirs[0]), nil, &fault); got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(fault.Error, "SHA-256 differs") {
		t.Errorf("a byte that differs: %s: %s", got.Status, fault.Error)
	}
	if got := fetch(t, url+"/api/requests"+at+filepath.Base(dirs[1]), nil, nil); got.StatusCode >= http.StatusInternalServerError {
		t.Errorf("no manifest: %s", got.Status)
	}
	if err := os.Rename(root, root+" moved"); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root + " moved")
	if got := fetch(t, url+"/api/tree", nil, &fault); got.StatusCode != http.StatusNotFound || !strings.Contains(fault.Error, "moved") {
		t.Errorf("a tree that was moved away: %s: %s", got.Status, fault.Error)
	}
}

// A report may run the style and script that every report has, and nothing that stands in the results.
func TestReportPolicy(t *testing.T) {
	_, url := served(t, "")
	got := fetch(t, url+"/report/e", nil, nil)
	csp := got.Header.Get("Content-Security-Policy")
	if got.StatusCode != http.StatusOK || strings.Contains(csp, "unsafe") || strings.Count(csp, "sha256-") < 4 || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("%s: %s", got.Status, csp)
	}
}

// A report is made again when something has landed, and not before: the making takes seconds of all cores.
func TestReportIsKept(t *testing.T) {
	root := t.TempDir()
	cell := summarytest.Cell{Platform: "a", Size: 4, Launches: []summarytest.Launch{{}}}
	summarytest.Plant(t, root, cell)
	s, url := live(t, root, "")
	made := 0
	s.Report = func(_ context.Context, _ string, w io.Writer) error {
		if made++; made == 1 {
			return errors.New("the first fails")
		}
		_, err := fmt.Fprint(w, "page ", made)
		return err
	}
	read := func(want string) {
		t.Helper()
		r, err := http.Get(url + "/report/e")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if text, err := io.ReadAll(r.Body); err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%q, want %q: %v", text, want, err)
		}
	}
	read("the report could not be made")
	read("page 2")
	read("page 2")
	cell.Launches[0].Number = 2
	summarytest.Plant(t, root, cell)
	read("page 3")
}

// A copy is whole or not there; it replaces itself, and nothing else.
func TestBuild(t *testing.T) {
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 300, Launches: []summarytest.Launch{{Row: func(i int, r *record.RequestRow) {
		if i > 290 {
			r.Status = record.StatusTimedOut
		} else if i > 280 {
			r.Valid, r.InvalidReason = new(false), "not_json"
		}
	}}}})
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	s, dir := serverOf(root, store, ""), filepath.Join(t.TempDir(), "new", "copy")
	for range 2 {
		if err := s.Build(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	var tree treeReply
	var list []struct{ Manifest record.Manifest }
	var kept copyOf
	read := func(into any, path ...string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil || strings.Contains(string(text), root) {
			t.Fatalf("%s: %v, or it tells where the results are", path, err)
		}
	}
	read(&tree, "api", "tree.json")
	read(&list, "api", "attempts", "e", tree.Cells[0].Slug+".json")
	read(&kept, "api", "rows", list[0].Manifest.Attempt+".json")
	if len(kept.Rows) != 219 || kept.Invalid["not_json"] != 10 || kept.Total != 300 || kept.Texts[3] != "answer 3 is yes" || len(kept.Texts) != 210 {
		t.Errorf("%d of %d rows, %d answers", len(kept.Rows), kept.Total, len(kept.Texts))
	}
	if page, err := os.ReadFile(filepath.Join(dir, "report", "e.html")); err != nil || !strings.Contains(string(page), "Report on &lt;b&gt;e") ||
		!regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; [^"]*script-src 'sha256-`).Match(page) || strings.Contains(string(page), "sandbox") {
		t.Errorf("the report: %v", err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{foreign, filepath.Join(root, "copy"), root, filepath.Join(foreign, "mine")} {
		if err := s.Build(t.Context(), bad); err == nil {
			t.Errorf("%s was replaced", bad)
		}
	}
	s.Report = func(context.Context, string, io.Writer) error { return errors.New("no") }
	if err := s.Build(t.Context(), dir); err == nil {
		t.Error("a copy without its report")
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("left beside the copy: %v, %v", left, err)
	}
	read(&tree, "api", "tree.json") // the one before
}

// Requests that are not what was written stand in no copy: its attempt says why, as do the problems, without the folder on this machine. Those
// that were left behind are no problem.
func TestBuildWithoutRequests(t *testing.T) {
	root := t.TempDir()
	ids := summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 4, Launches: []summarytest.Launch{{}, {}}})["a-m-4"]
	s, _ := live(t, root, "")
	at := func(attempt string) string { return filepath.Join(root, "e", "a-m-4", attempt, "requests.parquet") }
	text, err := os.ReadFile(at(ids[0]))
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := errors.Join(os.WriteFile(at(ids[0]), text, 0o644), os.Remove(at(ids[1]))); err != nil {
		t.Fatal(err)
	}
	var said []string
	s.Store.Notice = func(text string) { said = append(said, text) }
	dir := filepath.Join(t.TempDir(), "copy")
	if err := s.Build(t.Context(), dir); err != nil || len(said) != 1 || !strings.Contains(said[0], ids[0]) || !strings.Contains(said[0], "SHA-256 differs") {
		t.Fatalf("%q, %v", said, err)
	}
	for path, want := range map[string]string{"tree.json": `"problem":"result_corrupt"`, "attempts/e/a-m-4.json": `"problem":"result_corrupt"`} {
		text, err := os.ReadFile(filepath.Join(dir, "api", path))
		if err != nil || strings.Count(string(text), want) != 1 || strings.Contains(string(text), root) {
			t.Errorf("%s: %v: %s", path, err, text)
		}
	}
}

// A stream begins with hello, then tells what there is.
func TestEvents(t *testing.T) {
	_, url := served(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var events []string
	for lines := bufio.NewScanner(got.Body); len(events) < 2 && lines.Scan(); {
		if name, is := strings.CutPrefix(lines.Text(), "event: "); is {
			events = append(events, name)
		}
	}
	if !slices.Equal(events, []string{"hello", "now"}) {
		t.Errorf("events %q", events)
	}
}
