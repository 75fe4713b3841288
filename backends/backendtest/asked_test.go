package backendtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"matrix/backends"
	"matrix/backends/ollama"
	"matrix/backends/openai"
	"matrix/backends/vllm"
	"matrix/experiments/cell"
)

// anyServer is as much of Ollama's, vLLM's and llama-server's APIs as attaching needs. It keeps the requests' bodies.
type anyServer struct {
	*httptest.Server
	owner string // of the model, in /v1/models
	rigid bool   // it takes no form of an answer
	picky bool   // its tokenizer is Mistral's own, which takes no variables for a template
	mu    sync.Mutex
	last  map[string]any
}

func serveAny(t *testing.T, owner string) *anyServer {
	s := &anyServer{owner: owner}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

func (s *anyServer) answer(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	if s.rigid && (bytes.Contains(text, []byte(`"response_format"`)) || bytes.Contains(text, []byte(`"format"`))) {
		said := `{"message":"` + refusedSchema + `","type":"invalid_request_error"}`
		if strings.HasPrefix(r.URL.Path, "/api/") {
			said = `"` + refusedSchema + `"`
		}
		http.Error(w, `{"error":`+said+`}`, http.StatusBadRequest)
		return
	}
	switch r.URL.Path {
	case "/v1/models":
		fmt.Fprintf(w, `{"data":[{"id":"m","owned_by":%q}]}`, s.owner)
	case "/health", "/version", "/api/version":
		fmt.Fprint(w, `{"version":"0.33.0"}`)
	case "/api/show":
		fmt.Fprint(w, `{"template":"x","capabilities":["completion","thinking","tools"],"model_info":{"tokenizer.ggml.add_bos_token":true}}`)
	case "/api/ps":
		fmt.Fprint(w, `{"models":[{"name":"m:latest","size":1,"size_vram":1,"context_length":4096}]}`)
	case "/v1/chat/completions", "/v1/completions":
		s.keep(text)
		if s.picky && bytes.Contains(text, []byte("chat_template_kwargs")) {
			http.Error(w, `{"error":{"message":"chat_template is not supported for Mistral tokenizers."}}`, http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `data: {"choices":[{"delta":{"content":"x"},"text":"x","finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
	case "/api/chat", "/api/generate":
		s.keep(text)
		fmt.Fprint(w, `{"model":"m","message":{"content":"x"},"response":"x","done":true,"done_reason":"stop"}`+"\n")
	default:
		http.NotFound(w, r)
	}
}

func (s *anyServer) keep(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
	if err := json.Unmarshal(body, &s.last); err != nil {
		s.last = map[string]any{"error": err.Error()}
	}
}

// platforms are the ways to ask a server that runs.
var platforms = map[string]struct {
	backend backends.Backend
	name    string
	owner   string
	path    string
}{
	"ollama":           {ollama.New(), ollama.Name, "library", ""},
	"vllm_serve":       {vllm.Serve(), vllm.ServeName, "vllm", ""},
	"openai_vllm":      {openai.New(), cell.OpenAI, "vllm", "/v1"},
	"openai_llamacpp":  {openai.New(), cell.OpenAI, "llamacpp", "/v1"},
	"openai_ollama":    {openai.New(), cell.OpenAI, "library", "/v1"},
	"openai_a_service": {openai.New(), cell.OpenAI, "system", "/v1"},
}

// sentTo is the body with which a platform asks a request.
func sentTo(t *testing.T, name string, req backends.Request) map[string]any {
	t.Helper()
	return sentAt(t, name, platforms[name].path, req)
}

// attached is a platform's engine for a server at a url.
func attached(t *testing.T, name, url string) (backends.Engine, error) {
	p := platforms[name]
	cell := &cell.Cell{Platform: &cell.Platform{Backend: p.name, Attach: true, URL: url, Options: cell.Values{"num_ctx": int64(4096)}},
		Model:    &cell.Model{ID: "m", Parts: map[string]cell.Values{vllm.Part: {"model": "m"}, ollama.Name: {"model": "m"}, cell.OpenAI: {"model": "m"}}},
		Generate: &cell.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1}, Isolation: &cell.Isolation{PrefixCache: "off"}}
	return p.backend.Launch(t.Context(), backends.Spec{Cell: cell, Dir: t.TempDir(), Observe: func(backends.Phase) {}})
}

// sentAt is the same with another end of the platform's url.
func sentAt(t *testing.T, name, path string, req backends.Request) map[string]any {
	t.Helper()
	p := platforms[name]
	server := serveAny(t, p.owner)
	server.picky = strings.HasSuffix(t.Name(), "Mistral")
	e, err := attached(t, name, server.URL+path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	if r := e.Generate(t.Context(), req); r.Status != backends.OK {
		t.Fatalf("%s: %s %s", name, r.Status, r.Error)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	return server.last
}

func chat(thinking string) backends.Request {
	return backends.Request{MaxTokens: 5, Messages: []backends.Message{{Role: "user", Content: "q"}}, Generate: &cell.Generate{MaxTokens: 5, Thinking: thinking}}
}

// TestThinkingIsSaidAlike: the same experiment tells every engine the same about thinking, each in its own words.
func TestThinkingIsSaidAlike(t *testing.T) {
	off, on := map[string]any{"enable_thinking": false, "thinking": false}, map[string]any{"enable_thinking": true, "thinking": true}
	low := map[string]any{"enable_thinking": true, "thinking": true, "reasoning_effort": "low"}
	for name, want := range map[string]struct {
		field          string
		off, on, level any
	}{
		"ollama":           {"think", false, true, "low"},
		"vllm_serve":       {"chat_template_kwargs", off, on, low},
		"openai_vllm":      {"chat_template_kwargs", off, on, low},
		"openai_llamacpp":  {"chat_template_kwargs", off, on, low},
		"openai_ollama":    {"reasoning_effort", "none", "medium", "low"},
		"openai_a_service": {"reasoning_effort", nil, nil, "low"}, // it refuses words that it does not know; plan refuses "true"
	} {
		for thinking, value := range map[string]any{"": want.off, "false": want.off, "true": want.on, "low": want.level} {
			if got := sentTo(t, name, chat(thinking))[want.field]; !reflect.DeepEqual(got, value) {
				t.Errorf("%s, thinking = %q: %s is %v, want %v", name, thinking, want.field, got, value)
			}
		}
	}
}

const refusedSchema = "unsupported schema at /properties/score"

// TestRefusedSchema: a schema that a server refuses is a request that failed, in the server's own words, on every platform.
func TestRefusedSchema(t *testing.T) {
	for name, p := range platforms {
		server := serveAny(t, p.owner)
		server.rigid = true
		e, err := attached(t, name, server.URL+p.path)
		if err != nil {
			t.Fatal(err)
		}
		req := chat("")
		req.Retries, req.Generate.Format = 2, cell.ResponseFormat{Schema: `{"type":"object"}`}
		if r := e.Generate(t.Context(), req); r.Status != backends.Failed || r.ErrorClass != "http_400" || r.Error != refusedSchema || r.Attempts != 1 {
			t.Errorf("%s: %s %s %q after %d attempts", name, r.Status, r.ErrorClass, r.Error, r.Attempts)
		}
		_ = e.Close(t.Context())
	}
}

// TestCacheIsOffWhereItCanBe: llama-server takes a word for it with each request; others are sent none that they do not know.
func TestCacheIsOffWhereItCanBe(t *testing.T) {
	for name := range platforms {
		if told := sentTo(t, name, chat(""))["cache_prompt"]; (told == false) != (name == "openai_llamacpp") {
			t.Errorf("%s: cache_prompt is %v", name, told)
		}
	}
}

// TestMistral: a server whose tokenizer takes no variables is asked without them, unless it is to think.
func TestMistral(t *testing.T) {
	for _, name := range []string{"vllm_serve", "openai_vllm"} {
		if body := sentTo(t, name, chat("")); body["messages"] == nil || body["chat_template_kwargs"] != nil {
			t.Errorf("%s: %v", name, body)
		}
	}
}

// TestAddressesAsPeopleWriteThem: with /v1 or without, a slash at the end, or the address of a request copied whole.
func TestAddressesAsPeopleWriteThem(t *testing.T) {
	for name, paths := range map[string][]string{
		"ollama": {"", "/", "/api", "/v1/"}, "vllm_serve": {"", "/v1", "/v1/"}, "openai_vllm": {"", "/", "/v1/", "/v1/v1", "/v1/chat/completions"},
	} {
		for _, path := range paths {
			if body := sentAt(t, name, path, chat("")); body["messages"] == nil {
				t.Errorf("%s at %q: %v", name, path, body)
			}
		}
	}
}

// TestOneBeginning: a prompt that was rendered before begins the sequence once, whoever is asked.
func TestOneBeginning(t *testing.T) {
	for name := range platforms {
		req := backends.Request{Prompt: "<bos>0123456789\n<user>q", MaxTokens: 5, Generate: &cell.Generate{MaxTokens: 5}}
		body := sentTo(t, name, req)
		own := strings.HasPrefix(body["prompt"].(string), "<bos>")
		if adds := body["add_special_tokens"] != false; own == adds {
			t.Errorf("%s: the prompt is sent as %q, and the engine begins the sequence: %t", name, body["prompt"], adds)
		}
	}
}

// TestFieldsAreSent: what a dataset's entry asks for beside its prompt reaches the engine, or was refused before.
func TestFieldsAreSent(t *testing.T) {
	req := chat("")
	req.Messages = append(req.Messages, backends.Message{Role: "assistant", ToolCalls: json.RawMessage(`[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"day\":1}"}}]`)},
		backends.Message{Role: "tool", ToolCallID: "1", Content: "r"})
	req.Extra = map[string]json.RawMessage{"tools": json.RawMessage(`[{"type":"function","function":{"name":"f"}}]`),
		"response_format": json.RawMessage(`{"type":"json_schema","json_schema":{"schema":{"type":"object"}}}`), "presence_penalty": json.RawMessage(`0.5`)}
	for name, p := range platforms {
		body := sentTo(t, name, req)
		if refuses := p.backend.Refuses; refuses != nil {
			for field, word := range map[string]string{"tools": "auto", "response_format": "json_schema", "presence_penalty": ""} {
				cell := &cell.Cell{Platform: &cell.Platform{Backend: p.name, Attach: true}}
				if why := refuses(cell, field, word); why != "" {
					t.Errorf("%s refuses %s: %s", name, field, why)
				}
			}
		}
		if body["tools"] == nil {
			t.Errorf("%s: no tools in %v", name, body)
		}
		turn := body["messages"].([]any)[1].(map[string]any)
		arguments := turn["tool_calls"].([]any)[0].(map[string]any)["function"].(map[string]any)["arguments"]
		if name == "ollama" {
			options := body["options"].(map[string]any)
			if !reflect.DeepEqual(arguments, map[string]any{"day": 1.0}) || !reflect.DeepEqual(body["format"], map[string]any{"type": "object"}) || options["presence_penalty"] != 0.5 {
				t.Errorf("%v", body)
			}
			continue
		}
		if arguments != `{"day":1}` || body["response_format"] == nil || body["presence_penalty"] != 0.5 {
			t.Errorf("%s: %v", name, body)
		}
	}
}
