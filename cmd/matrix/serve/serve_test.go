package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"matrix/results/store"
	"matrix/results/summary/summarytest"
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/launch"
)

// served is a server over a planted tree.
func served(t *testing.T, token string) (root, url string) {
	t.Helper()
	type launch = summarytest.Launch
	root = t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 1.2}}}, summarytest.Cell{Platform: "b", Size: 40, Launches: []launch{{Scale: 2}}})
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer((&Server{Store: store, Results: root, Version: "test", Hosts: []string{"127.0.0.1", "localhost"}, Token: token}).Handler())
	t.Cleanup(s.Close)
	return root, s.URL
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
	root, url := served(t, "")
	for _, path := range []string{"/../serve.go", "/assets", "/%2e%2e/%2e%2e/etc/passwd", "/report/%2e%2e%2f%2e%2e", "/report/none", "/report/e", "/api/attempts/x"} {
		if got := fetch(t, url+path, nil, nil); got.StatusCode == http.StatusOK {
			t.Errorf("%s: %s", path, got.Status)
		}
	}
	dir := filepath.Join(root, "e", "report")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "report.html")); err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, url+"/report/e", nil, nil); got.StatusCode != http.StatusNotFound {
		t.Errorf("a link out of the tree: %s", got.Status)
	}
	for _, name := range []string{"index.html", "page.js", "style.css"} {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil || strings.Contains(string(text), "http") || strings.Contains(string(text), "innerHTML") || strings.Contains(string(text), " style=") || strings.Contains(string(text), " onclick=") {
			t.Errorf("%s asks another origin, writes markup or has what the policy refuses (%v)", name, err)
		}
	}
	if page, _ := assets.ReadFile("assets/page.js"); len(page) > 10<<10 {
		t.Errorf("the script is %d bytes, want at most 10 KiB", len(page))
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
	at := url + "/api/requests?experiment=" + c.Experiment + "&attempt=" + attempts[0].Manifest.Attempt
	var all requestsReply
	fetch(t, at+"&limit=1000&sort=e2e_s&desc=1", nil, &all)
	if all.Matched != 40 || len(all.Rows) != 40 || all.Counts["ok"] != 40 {
		t.Fatalf("%d of %d rows, %v", len(all.Rows), all.Matched, all.Counts)
	}
	if !slices.IsSortedFunc(all.Rows, func(a, b request) int {
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
	var paged []request
	for offset := 0; offset < 40; offset += 7 {
		var p requestsReply
		fetch(t, at+fmt.Sprintf("&limit=7&offset=%d&sort=e2e_s&desc=1", offset), nil, &p)
		paged = append(paged, p.Rows...)
	}
	if len(paged) != 40 || !slices.EqualFunc(paged, all.Rows, func(a, b request) bool { return a.Seq == b.Seq }) {
		t.Errorf("%d rows page by page are not those at once", len(paged))
	}
	var none requestsReply
	if fetch(t, at+"&status=timed_out", nil, &none); none.Matched != 0 || none.Total == 0 {
		t.Errorf("%+v", none)
	}
	for _, query := range []string{"&sort=1", "&limit=0", "&limit=1e9", "&offset=-1", "&offset=49999&limit=1000"} {
		if got := fetch(t, at+query, nil, nil); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", query, got.Status)
		}
	}
	if got := fetch(t, url+"/api/requests?experiment=e&attempt=../../etc", nil, nil); got.StatusCode != http.StatusNotFound {
		t.Errorf("a path for an attempt: %s", got.Status)
	}
}

// A stream tells what runs at once, then each change; an apply that is gone is gone in seconds, whatever it left.
func TestEvents(t *testing.T) {
	root, url := served(t, "")
	board := func(at time.Time, done int64) {
		b := apply.Board{PID: 7, At: at, Experiment: "e", Launches: []launch.Running{{Attempt: "A", Cell: "c", Name: "<script>alert(1)</script>", Step: 1, Steps: 2,
			Progress: &events.Progress{Planned: 100, Done: done}}}}
		text, err := json.Marshal(b)
		if err == nil {
			err = os.WriteFile(filepath.Join(root, ".matrix", "running.json"), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, ".matrix"), 0o755); err != nil {
		t.Fatal(err)
	}
	board(time.Now(), 40)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
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
	lines := bufio.NewScanner(got.Body)
	next := func() (records []map[string]any) {
		for lines.Scan() {
			if text, is := strings.CutPrefix(lines.Text(), "data: "); is {
				if err := json.Unmarshal([]byte(text), &records); err != nil {
					t.Fatalf("%v: %s", err, text)
				}
				return records
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return nil
	}
	done := func(records []map[string]any) any { return records[1]["progress"].(map[string]any)["done"] }
	if first := next(); first[0]["type"] != "status" || first[0]["running"] != true || first[1]["type"] != "launch" || done(first) != 40.0 {
		t.Errorf("at first: %v", first)
	}
	board(time.Now(), 41)
	if second := next(); done(second) != 41.0 {
		t.Errorf("then: %v", second)
	}
	board(time.Now().Add(-time.Minute), 41) // as a killed apply leaves it
	if last := next(); len(last) != 1 || last[0]["running"] != false {
		t.Errorf("of an apply that is gone: %v", last)
	}
}
