package telemetry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestScrapeReadsVLLM(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer server.Close()
	got, err := Scrape(t.Context(), server.URL+"/vllm_metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"vllm:prompt_tokens_total":                  80050,
		"vllm:generation_tokens_total":              51264,
		"vllm:request_success_total":                404, // over its five finished_reasons
		"vllm:num_preemptions_total":                0,
		"vllm:time_to_first_token_seconds_count":    404,
		"vllm:time_to_first_token_seconds_sum":      60.277587890625,
		"vllm:kv_cache_usage_perc":                  0,
		"process_resident_memory_bytes":             2.119933952e+09,
		"vllm:num_requests_waiting_by_reason":       0,
		"python_gc_objects_uncollectable_total":     0,
		"vllm:request_prompt_tokens_count":          404,
		"vllm:e2e_request_latency_seconds_count":    404,
		"vllm:iteration_tokens_total_count":         got["vllm:iteration_tokens_total_count"],
		"vllm:external_prefix_cache_queries_total":  0,
		"vllm:request_generation_tokens_count":      404,
		"vllm:request_params_max_tokens_count":      404,
		"vllm:request_queue_time_seconds_count":     404,
		"vllm:request_prefill_time_seconds_count":   404,
		"vllm:request_decode_time_seconds_count":    404,
		"vllm:request_inference_time_seconds_count": 404,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s = %v (there: %v), want %v", name, value, ok, want)
		}
	}
	for name := range got {
		if strings.HasSuffix(name, "_created") {
			t.Errorf("%s is no measurement", name)
		}
	}
}

func TestScrapeSaysWhatIsWrong(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/garbage" {
			_, _ = w.Write([]byte("<html>not metrics</html>"))
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	for _, path := range []string{"/garbage", "/missing"} {
		if got, err := Scrape(t.Context(), server.URL+path); err == nil {
			t.Errorf("%s: %v", path, got)
		}
	}
	server.Close()
	if _, err := Scrape(t.Context(), server.URL); err == nil {
		t.Error("a closed server was read")
	}
}

func TestEngineProbeTellsChanges(t *testing.T) {
	var tokens atomic.Int64
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		text := "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 3\n" +
			"# TYPE vllm:generation_tokens_total counter\nvllm:generation_tokens_total " +
			strings.Repeat("1", int(tokens.Load())) + "\n# TYPE other gauge\nother 1\n"
		_, _ = w.Write([]byte(text))
	}))
	defer server.Close()
	r := newRecorder()
	probe := r.engineProbe(func() (string, string) { return server.URL, "vllm:" }, time.Second)
	read := func(last bool) map[string]float64 {
		got := map[string]float64{}
		for _, s := range probe(context.Background(), last) {
			if s.Source != "vllm" {
				t.Errorf("source %q", s.Source)
			}
			got[s.Metric] = s.Value
		}
		if took, told := got["scrape_s"]; !told || took <= 0 {
			t.Errorf("a reading says that it took %v s", took)
		}
		delete(got, "scrape_s")
		return got
	}
	tokens.Store(1)
	if got := read(false); len(got) != 2 || got["vllm:num_requests_running"] != 3 || got["vllm:generation_tokens_total"] != 1 {
		t.Errorf("first: %v", got)
	}
	tokens.Store(2)
	if got := read(false); len(got) != 1 || got["vllm:generation_tokens_total"] != 11 {
		t.Errorf("second: %v, want only what changed", got)
	}
	if got := read(true); len(got) != 2 {
		t.Errorf("last: %v, want everything", got)
	}
	down.Store(true)
	fails := func() {
		if got := probe(context.Background(), false); len(got) > 0 {
			t.Errorf("told without a reading: %v", got)
		}
	}
	fails()
	if len(r.warnings) != 0 {
		t.Errorf("one failure is no news: %v", r.warnings)
	}
	fails()
	fails()
	if len(r.warnings) != 1 {
		t.Errorf("warnings %v, want one", r.warnings)
	}
}

// Before an engine is stopped it is read once more: the tokens since the reading before would be missed.
func TestReadEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := scraper.Transport
		defer func() { scraper.Transport = kept }()
		server := &slowServer{}
		scraper.Transport = server
		got := make(map[time.Duration]float64)
		began := time.Now()
		r := Start(Target{Metrics: func() (string, string) { return "http://engine/metrics", "vllm:" }}, time.Minute, func(batch []Sample) {
			for _, s := range batch {
				if s.Metric == "vllm:kv" {
					got[s.At.Sub(began)] = s.Value
				}
			}
		})
		time.Sleep(30 * time.Second)
		r.ReadEngine(t.Context())
		server.after.Store(int64(time.Hour)) // one that hangs holds nobody up
		time.Sleep(30 * time.Second)
		synctest.Wait()
		r.ReadEngine(t.Context())
		if at := time.Since(began); at != time.Minute {
			t.Errorf("waited until %v", at)
		}
		server.after.Store(0)
		time.Sleep(3 * time.Minute)
		r.Stop()
		if got[30*time.Second] != 0.5 || got[0] != 0.5 {
			t.Errorf("read at %v, want 0s and 30s", got)
		}
	})
}

// slowServer answers each request after a time.
type slowServer struct {
	after atomic.Int64 // as time.Duration
	asked int
}

func (s *slowServer) RoundTrip(req *http.Request) (*http.Response, error) {
	s.asked++
	select {
	case <-req.Context().Done():
		return nil, req.Context().Err()
	case <-time.After(time.Duration(s.after.Load())):
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("# TYPE vllm:kv gauge\nvllm:kv 0.5\n"))}, nil
}

// A server that takes in 5,000 prompts answers for its metrics when its loop comes round. Who gives up on it asks anew over
// a new connection, which stands behind the burst.
func TestLateMetricsAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := scraper.Transport
		defer func() { scraper.Transport = kept }()
		server := &slowServer{}
		scraper.Transport = server
		r := newRecorder()
		probe := r.engineProbe(func() (string, string) { return "http://engine/metrics", "vllm:" }, time.Second)
		probe(t.Context(), false)
		server.after.Store(int64(25 * time.Second))
		got := map[string]float64{}
		for _, s := range probe(t.Context(), false) {
			got[s.Metric] = s.Value
		}
		if got[gapMetric] != 25 || server.asked != 2 {
			t.Errorf("read %v by %d requests; want the answer that came after 25 s, and that nothing was read until then", got, server.asked)
		}
		server.after.Store(0)
		probe(t.Context(), true)
		if len(r.warnings) != 1 || !strings.Contains(r.warnings[0], "for up to 25 s") {
			t.Errorf("warnings %q", r.warnings)
		}
	})
}

// TestScrapeKeepsKeys: what a run's warnings say of an endpoint has no key in it.
func TestScrapeKeepsKeys(t *testing.T) {
	failing := httptest.NewServer(http.NotFoundHandler())
	defer failing.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, address := range []string{failing.URL, closed.URL, "http://h:port"} {
		if _, err := Scrape(t.Context(), address+"/metrics?key=hunter22"); err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
