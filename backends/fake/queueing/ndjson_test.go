package queueing

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestOllamaStream(t *testing.T) {
	web := serving(t, func(o *Options) { o.API = Ollama })
	if got := get(t, web.URL+"/api/ps"); strings.Contains(got, "nonce") {
		t.Errorf("loaded before anybody asked: %s", got)
	}
	if _, got := post(t, web.URL+"/api/generate", `{"model":"nonce","keep_alive":-1}`); !strings.Contains(got, `"done_reason":"load"`) {
		t.Errorf("load: %s", got)
	}
	for _, path := range []string{"/api/ps", "/api/tags"} {
		if got := get(t, web.URL+path); !strings.Contains(got, `"name":"nonce"`) {
			t.Errorf("%s: %s", path, got)
		}
	}
	for path, body := range map[string]string{
		"/api/generate": `{"model":"nonce","prompt":"one two three","raw":true,"options":{"num_predict":5,"temperature":0}}`,
		"/api/chat":     `{"model":"nonce","messages":[{"role":"user","content":"one two three"}],"options":{"num_predict":5,"temperature":0}}`,
	} {
		_, stream := post(t, web.URL+path, body)
		text := ""
		lines := strings.Split(strings.TrimSpace(stream), "\n")
		for i, line := range lines {
			var piece struct {
				Response, Model string
				Message         struct{ Content string }
				Done            bool
				Reason          string `json:"done_reason"`
				In              int64  `json:"prompt_eval_count"`
				Out             int64  `json:"eval_count"`
				Total           int64  `json:"total_duration"`
				Load            int64  `json:"load_duration"`
				Prefill         int64  `json:"prompt_eval_duration"`
				Decode          int64  `json:"eval_duration"`
			}
			if err := json.Unmarshal([]byte(line), &piece); err != nil || piece.Model != "nonce" || piece.Done != (i == len(lines)-1) {
				t.Fatalf("%s line %d: %v %s", path, i, err, line)
			}
			text += piece.Response + piece.Message.Content
			if piece.Done && (piece.In != 3 || piece.Out != 5 || piece.Reason != "length" ||
				piece.Total < piece.Load+piece.Prefill+piece.Decode) {
				t.Errorf("%s: last line %s", path, line)
			}
		}
		if words(text) != 5 {
			t.Errorf("%s: text %q", path, text)
		}
	}
}

func TestOllamaCutsOrRefuses(t *testing.T) {
	web := serving(t, func(o *Options) { o.API = Ollama })
	long := strings.Repeat("word ", 30)
	ask := func(extra string) (int, string) {
		return post(t, web.URL+"/api/generate", `{"model":"nonce","prompt":"`+long+`","stream":false,`+extra+
			`"options":{"num_predict":50,"num_ctx":20,"temperature":0}}`)
	}
	if status, text := ask(`"truncate":false,`); status != 400 || !strings.Contains(text, "the input length exceeds the context length") {
		t.Errorf("truncate false: %d %s", status, text)
	}
	if status, text := ask(""); status != 200 || !strings.Contains(text, `"prompt_eval_count":10`) {
		t.Errorf("cut: %d %s", status, text)
	}
	if status, text := post(t, web.URL+"/api/generate", `{"model":"other","prompt":"x"}`); status != 404 || !strings.Contains(text, "not found") {
		t.Errorf("other model: %d %s", status, text)
	}
}
