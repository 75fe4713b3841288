package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"matrix/results/decision"
)

// thinker answers as vLLM with a model whose chat template has a switch for thinking. It keeps a request's body.
type thinker struct {
	always bool // it thinks whatever it is told
	mu     sync.Mutex
	last   map[string]any
}

func (s *thinker) serve(t *testing.T) string {
	t.Helper()
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return web.URL
}

func (s *thinker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		fmt.Fprint(w, `{"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]}`)
		return
	}
	var asked struct {
		Args map[string]any `json:"chat_template_kwargs"`
	}
	text, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(text, &asked)
	s.mu.Lock()
	s.last = nil
	_ = json.Unmarshal(text, &s.last)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	say := func(field, text string) {
		fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{%q:%q},"finish_reason":null}]}`+"\n\n", field, text)
	}
	if s.always || asked.Args["enable_thinking"] == true {
		say("reasoning_content", "Let me see")
	}
	say("content", "yes it is")
	fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n",
		`data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`+"\n\n", "data: [DONE]\n\n")
}

// twoThinkers runs two servers side by side, and returns what apply said.
func twoThinkers(t *testing.T, a, b *thinker, thinking string) string {
	t.Helper()
	elsewhere(t)
	if err := writePrompts("prompts.jsonl", 40); err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf(`
dataset "d" {
  path = "prompts.jsonl"
  chat = true
}
model "m" { openai = { model = "m" } }
platform "a" {
  backend = "openai"
  url     = %q
}
platform "b" {
  backend = "openai"
  url     = %q
}
experiment "x" {
  dataset = dataset.d
  matrix {
    platform   = [platform.a, platform.b]
    model      = [model.m]
    batch_size = [20]
  }
  generate {
    max_tokens = 8
    thinking   = %s
  }
  load { concurrency = 4 }
  warmup { requests = 1 }
}
`, a.serve(t), b.serve(t), thinking)
	if err := os.WriteFile("x.hcl", []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out := typed(t, "matrix apply --auto-approve x.hcl")
	if code != 0 {
		t.Fatal(code, out)
	}
	return out
}

func contains(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q:\n%s", what, want, text)
		}
	}
}

// TestThinkingOnOneSide: thinking that was asked of one side alone is flagged before anything runs, beside each ratio, and in the
// answer, and the bodies that were sent differ in nothing else.
func TestThinkingOnOneSide(t *testing.T) {
	a, b := &thinker{}, &thinker{}
	out := twoThinkers(t, a, b, `cell.platform.id == "b" ? "low" : "false"`)
	contains(t, "apply", out, "a and b are not asked the same (thinking false against low)")
	_, compared := typed(t, "matrix compare platform=a platform=b")
	contains(t, "compare", compared, "thinking: false against low")
	all := answers(t, "matrix report --json --requests 5000 x")
	if len(all) != 1 || all[0].Verdict != decision.NotComparable || !strings.Contains(all[0].Sentences[0], "thinking false against low") {
		t.Errorf("%+v", all)
	}
	for name, body := range map[string]map[string]any{"a": a.last, "b": b.last} {
		if args, _ := body["chat_template_kwargs"].(map[string]any); args["enable_thinking"] != (name == "b") {
			t.Errorf("%s was told %v", name, args)
		}
		delete(body, "chat_template_kwargs")
		delete(body, "reasoning_effort")
		delete(body, "messages") // whichever came last
	}
	if x, y := fmt.Sprint(a.last), fmt.Sprint(b.last); x != y {
		t.Errorf("what else was sent:\n%s\n%s", x, y)
	}
}

// TestThinkingThoughToldNot: one of two servers that are told the same thinks all the same.
func TestThinkingThoughToldNot(t *testing.T) {
	a, b := &thinker{}, &thinker{always: true}
	out := twoThinkers(t, a, b, "false")
	contains(t, "apply", out, "generate.thinking is false, and yet 20 of 20 answers hold reasoning")
	_, compared := typed(t, "matrix compare platform=a platform=b")
	contains(t, "compare", compared, "reasoning: as asked against in the answers, though told not to think")
	all := answers(t, "matrix report --json --requests 5000 x")
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	found := false
	for _, c := range all[0].Checks {
		found = found || c.Check == "request" && c.Level == "amber" && strings.Contains(c.Text, "20 of 20 answers hold reasoning")
	}
	if !found {
		t.Errorf("%+v", all[0].Checks)
	}
}
