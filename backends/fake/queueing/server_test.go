package queueing

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// serving starts a server in this process that loads in no time.
func serving(t *testing.T, change func(*Options)) *httptest.Server {
	t.Helper()
	o := Defaults()
	o.LoadS, o.PrefillTokensPerS, o.DecodeTokensPerS, o.KVTokens = 0, 1e6, 1e4, 10_000
	if change != nil {
		change(&o)
	}
	s := newServer(Config{Options: o, Model: "nonce"})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.scheduler.run(ctx) })
	web := httptest.NewServer(s.handler())
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
		cancel()
		running.Wait()
	})
	return web
}

func post(t *testing.T, url, body string) (status int, text string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(read)
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return string(read)
}

// event is what OpenAI's stream holds, as far as the tests look.
type event struct {
	Model   string
	Choices []struct {
		Text         string
		FinishReason *string `json:"finish_reason"`
		Delta        struct{ Role, Content string }
		Message      struct{ Content string }
	}
	Usage *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
	}
}

func events(t *testing.T, stream string) (all []event) {
	t.Helper()
	blocks := strings.Split(strings.TrimSuffix(stream, "\n\n"), "\n\n")
	if last := blocks[len(blocks)-1]; last != "data: [DONE]" {
		t.Errorf("the stream ends with %q", last)
	}
	for _, block := range blocks[:len(blocks)-1] {
		var e event
		data, ok := strings.CutPrefix(block, "data: ")
		if err := json.Unmarshal([]byte(data), &e); err != nil || !ok || e.Model != "nonce" {
			t.Errorf("event %q: %v", block, err)
		}
		all = append(all, e)
	}
	return all
}

func TestCompletionStream(t *testing.T) {
	web := serving(t, nil)
	status, stream := post(t, web.URL+"/v1/completions", `{"model":"nonce","prompt":"one two three","max_tokens":6,
		"temperature":0,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true},"top_k":-1}`)
	all := events(t, stream)
	if status != http.StatusOK || len(all) < 3 {
		t.Fatalf("%d: %s", status, stream)
	}
	text := ""
	for _, e := range all[:len(all)-1] {
		text += e.Choices[0].Text
	}
	usage, reason := all[len(all)-1], all[len(all)-2].Choices[0].FinishReason
	if len(usage.Choices) != 0 || usage.Usage == nil || usage.Usage.Prompt != 3 || usage.Usage.Completion != 6 {
		t.Errorf("usage %+v", usage)
	}
	if words(text) != 6 || reason == nil || *reason != "length" {
		t.Errorf("text %q, finish reason %v", text, reason)
	}
	_, whole := post(t, web.URL+"/v1/completions", `{"model":"nonce","prompt":"one two three","max_tokens":6,"temperature":0,"ignore_eos":true}`)
	var e event
	if err := json.Unmarshal([]byte(whole), &e); err != nil || e.Choices[0].Text != text || e.Usage.Completion != 6 {
		t.Errorf("not streamed: %v %s", err, whole)
	}
}

func TestChatStream(t *testing.T) {
	web := serving(t, nil)
	_, stream := post(t, web.URL+"/v1/chat/completions", `{"model":"nonce","messages":[{"role":"system","content":"be brief"},
		{"role":"user","content":"one two three"}],"max_completion_tokens":4,"temperature":0,"ignore_eos":true,"stream":true}`)
	all := events(t, stream)
	if first := all[0].Choices[0].Delta; first.Role != "assistant" || first.Content != "" {
		t.Errorf("the first event %+v, want a role alone", first)
	}
	text := ""
	for _, e := range all {
		if len(e.Choices) == 0 || e.Usage != nil {
			t.Errorf("usage came unasked: %+v", e)
			continue
		}
		text += e.Choices[0].Delta.Content
	}
	if words(text) != 4 {
		t.Errorf("text %q", text)
	}
}

func TestOpenAIRefuses(t *testing.T) {
	web := serving(t, func(o *Options) { o.MaxModelLen = 20 })
	long := strings.Repeat("word ", 30)
	for name, tt := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"other model":   {`{"model":"gpt","prompt":"x"}`, 404, "does not exist"},
		"no JSON":       {`{"model`, 400, "read the request"},
		"no prompt":     {`{"model":"nonce"}`, 400, "prompt must be"},
		"prompt number": {`{"model":"nonce","prompt":7}`, 400, "prompt must be"},
		"long prompt":   {`{"model":"nonce","prompt":"` + long + `","max_tokens":1}`, 400, "maximum context length is 20 tokens"},
		"long answer":   {`{"model":"nonce","prompt":"x","max_tokens":30}`, 400, "is too large: 30"},
		"too large":     {`{"model":"nonce","prompt":"` + strings.Repeat("x", bodyLimit) + `"}`, 400, "too large"},
	} {
		status, text := post(t, web.URL+"/v1/completions", tt.body)
		var e struct{ Error struct{ Message string } }
		if err := json.Unmarshal([]byte(text), &e); err != nil || status != tt.status || !strings.Contains(e.Error.Message, tt.says) {
			t.Errorf("%s: %d %s (%v), want %d and %q", name, status, text, err, tt.status, tt.says)
		}
	}
	if status, _ := post(t, web.URL+"/v1/completions", `{"model":"nonce","prompt":[5,6,7],"max_tokens":2}`); status != 200 {
		t.Errorf("token ids: %d", status)
	}
}

func TestSmallRoutes(t *testing.T) {
	web := serving(t, nil)
	for path, want := range map[string]string{
		"/health": "", "/version": Version, "/v1/models": `"max_model_len":8192`, "/metrics": "vllm:num_requests_running",
	} {
		if got := get(t, web.URL+path); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	old := serving(t, func(o *Options) { o.API = Ollama })
	for path, want := range map[string]string{"/": "Ollama is running", "/api/version": Version} {
		if got := get(t, old.URL+path); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if _, got := post(t, old.URL+"/api/show", `{}`); !strings.Contains(got, "simulated.context_length") {
		t.Errorf("show: %s", got)
	}
}

func TestMetricsCount(t *testing.T) {
	web := serving(t, nil)
	for range 3 {
		post(t, web.URL+"/v1/completions", `{"model":"nonce","prompt":"one two","max_tokens":4,"ignore_eos":true}`)
	}
	text := get(t, web.URL+"/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	if families, err := parser.TextToMetricFamilies(strings.NewReader(text)); err != nil || len(families) < 10 {
		t.Errorf("Prometheus reads %d families: %v", len(families), err)
	}
	for _, want := range []string{
		`vllm:prompt_tokens_total{engine="0",model_name="nonce"} 6`,
		`vllm:generation_tokens_total{engine="0",model_name="nonce"} 12`,
		`vllm:request_success_total{engine="0",finished_reason="length",model_name="nonce"} 3`,
		`vllm:time_to_first_token_seconds_count{engine="0",model_name="nonce"} 3`,
		`vllm:num_requests_running{engine="0",model_name="nonce"} 0`,
		`vllm:cache_config_info{engine="0",kv_cache_size_tokens="10000"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestErrorRate(t *testing.T) {
	web := serving(t, func(o *Options) { o.ErrorRate = 1 })
	if status, text := post(t, web.URL+"/v1/completions", `{"model":"nonce","prompt":"x"}`); status != 500 || !strings.Contains(text, "InternalServerError") {
		t.Errorf("%d %s", status, text)
	}
}

// TestClientGoesAway shows that an abandoned stream gives its slot back.
func TestClientGoesAway(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"slow":   func(o *Options) { o.Slots, o.DecodeTokensPerS = 1, 1 },
		"stalls": func(o *Options) { o.Slots, o.StallRate = 1, 1 },
	} {
		web := serving(t, change)
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, web.URL+"/v1/completions",
			strings.NewReader(`{"model":"nonce","prompt":"x","max_tokens":1000,"ignore_eos":true,"stream":true}`))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
			t.Errorf("%s: %q, %v", name, line, err)
		}
		cancel()
		_ = resp.Body.Close()
		deadline := time.Now().Add(10 * time.Second)
		for !strings.Contains(get(t, web.URL+"/metrics"), `finished_reason="abort",model_name="nonce"} 1`) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the slot was never given back", name)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
