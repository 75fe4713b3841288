package queueing

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"matrix/backends/fake/answer"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// ollamaRoutes are the endpoints of Ollama that matrix and its users' clients ask.
func (s *server) ollamaRoutes(mux *http.ServeMux) {
	mux.HandleFunc("HEAD /{$}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("Ollama is running")) })
	mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"version": Version})
	})
	mux.HandleFunc("GET /api/tags", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"models": []any{s.describe()}})
	})
	mux.HandleFunc("GET /api/ps", s.ps)
	mux.HandleFunc("POST /api/show", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{
			"details": map[string]any{"quantization_level": "simulated"}, "template": "{{ .Prompt }}",
			"model_info":   map[string]any{"general.architecture": "simulated", "simulated.context_length": s.Context()},
			"capabilities": []string{"completion"},
		})
	})
	mux.HandleFunc("POST /api/generate", func(w http.ResponseWriter, r *http.Request) { s.ollama(w, r, false) })
	mux.HandleFunc("POST /api/chat", func(w http.ResponseWriter, r *http.Request) { s.ollama(w, r, true) })
}

// describe is the model in the form of /api/tags and /api/ps.
func (s *server) describe() map[string]any {
	size := int64(s.WeightsGiB * (1 << 30))
	return map[string]any{
		"name": s.Model, "model": s.Model, "size": size, "size_vram": size,
		"digest": fmt.Sprintf("%016x", hashOf(s.Model)), "context_length": s.Context(),
		"details":    map[string]any{"format": "simulated", "quantization_level": "simulated"},
		"expires_at": "2318-01-01T00:00:00Z",
	}
}

func (s *server) ps(w http.ResponseWriter, _ *http.Request) {
	models := []any{}
	if s.loaded.Load() {
		models = append(models, s.describe())
	}
	reply(w, http.StatusOK, map[string]any{"models": models})
}

// ollamaRequest is what /api/generate and /api/chat may ask.
type ollamaRequest struct {
	Model    string          `json:"model"`
	Prompt   string          `json:"prompt"`
	Messages []message       `json:"messages"`
	Stream   *bool           `json:"stream"`   // nil = true, as Ollama has it
	Truncate *bool           `json:"truncate"` // nil = true: cut without a word
	Format   json.RawMessage `json:"format"`   // "json" in quotes, or a schema
	Options  struct {
		NumPredict  *int64    `json:"num_predict"` // nil or below 0: to the window's end
		NumCtx      int64     `json:"num_ctx"`     // 0 = the model's
		Temperature *float64  `json:"temperature"` // nil = 0.8
		Seed        int64     `json:"seed"`
		Stop        oneOrMore `json:"stop"`
	} `json:"options"`
}

func refuseOllama(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]string{"error": text})
}

// ollama answers both endpoints. A request without a prompt only loads the model.
func (s *server) ollama(w http.ResponseWriter, r *http.Request, chat bool) {
	var q ollamaRequest
	began := time.Now()
	if s.dead(r) || !read(w, r, &q, refuseOllama) {
		return
	}
	if s.coreDead() {
		refuseOllama(w, http.StatusInternalServerError, "llama runner process has terminated")
		return
	}
	if q.Model != s.Model || s.RefuseModel {
		refuseOllama(w, http.StatusNotFound, fmt.Sprintf("model '%s' not found", q.Model))
		return
	}
	if !s.loadOnce(w, r) {
		return
	}
	loaded := time.Since(began)
	if q.Prompt == "" && len(q.Messages) == 0 {
		reply(w, http.StatusOK, map[string]any{
			"model": s.Model, "created_at": stamp(), "response": "", "done": true, "done_reason": "load",
		})
		return
	}
	prompt, input, a, text := s.planOllama(&q, chat)
	if text != "" {
		refuseOllama(w, http.StatusBadRequest, text)
		return
	}
	if share(prompt, s.ErrorRate, "error") {
		s.done()
		refuseOllama(w, http.StatusInternalServerError, "simulated failure (error_rate)")
		return
	}
	stream := q.Stream == nil || *q.Stream
	s.answerOllama(w, r, s.generate(prompt, input, a, stream), ollamaShape{chat: chat, stream: stream, began: began, loaded: loaded})
}

// loadOnce loads the model with the first request; later ones wait for that. It has answered when it fails.
func (s *server) loadOnce(w http.ResponseWriter, r *http.Request) bool {
	s.loading.Lock()
	defer s.loading.Unlock()
	if s.loaded.Load() {
		return true
	}
	switch {
	case s.OOMLog:
		logf("model requires more system memory (24.4 GiB) than is available (15.6 GiB) (simulated)")
		refuseOllama(w, http.StatusInternalServerError, "model requires more system memory (24.4 GiB) than is available (15.6 GiB)")
		return false
	case s.ExitAtLoad >= 0:
		os.Exit(s.load(r.Context()))
	}
	if code := s.load(r.Context()); code >= 0 {
		return false // the client went away
	}
	s.loaded.Store(true)
	return true
}

// planOllama counts a prompt and plans its answer, or says why it will not.
func (s *server) planOllama(q *ollamaRequest, chat bool) (prompt uint64, input int64, a plan, refusal string) {
	if chat {
		var err error
		if prompt, input, err = (&openAIRequest{Messages: q.Messages}).input(true); err != nil {
			return 0, 0, a, err.Error()
		}
	} else {
		prompt, input = hashOf(q.Prompt), max(words(q.Prompt), 1)
	}
	window := s.Context()
	if q.Options.NumCtx > 0 {
		window = min(window, q.Options.NumCtx)
	}
	if input >= window {
		if q.Truncate != nil && !*q.Truncate {
			return 0, 0, a, "the input length exceeds the context length"
		}
		input = max(window/2, 1) // cut silently, to half the window
	}
	want := asked{maxTokens: window - input, temperature: 0.8, seed: q.Options.Seed, stop: q.Options.Stop}
	if want.format = nativeFormat(q.Format); s.RefuseFormat && !want.format.None() {
		return 0, 0, a, refusedFormat
	}
	want.unformed = share(prompt, s.InvalidRate, "invalid")
	if n := q.Options.NumPredict; n != nil && *n >= 0 {
		want.maxTokens = min(*n, window-input)
	}
	if q.Options.Temperature != nil {
		want.temperature = *q.Options.Temperature
	}
	return prompt, input, answerTo(prompt, want), ""
}

// nativeFormat is "json" or a schema.
func nativeFormat(raw json.RawMessage) (f cell.ResponseFormat) {
	switch text := string(raw); text {
	case "", "null", `""`:
	case `"json"`:
		f.JSON = true
	default:
		f.Schema = text
	}
	return f
}

// ollamaShape is how an answer is written, and what its durations are counted from.
type ollamaShape struct {
	chat, stream bool
	began        time.Time     // the request came
	loaded       time.Duration // what of it went into loading
}

// answerOllama writes NDJSON, one line per stretch of text, and the native durations at the end.
func (s *server) answerOllama(w http.ResponseWriter, r *http.Request, g *generation, f ollamaShape) {
	protocol := wire.NDJSONGenerate
	if f.chat {
		protocol = wire.NDJSONChat
	}
	form := answer.New(protocol, "", s.Model, 0)
	form.Stamp = stamp
	w.Header().Set("Content-Type", form.ContentType())
	flush := http.NewResponseController(w)
	each := func(text string) {
		if f.stream {
			_, _ = io.WriteString(w, form.Text(`"`+text+`"`))
			_ = flush.Flush()
		}
	}
	if !s.follow(r.Context(), g, each) {
		if g.broken {
			_, _ = io.WriteString(w, form.Error("llama runner process has terminated"))
		}
		return
	}
	text := ""
	if !f.stream {
		text = g.literal(0, g.output)
	}
	counts := g.counts()
	counts.Total, counts.Load = time.Since(f.began), f.loaded
	_, _ = io.WriteString(w, form.Done(`"`+text+`"`, g.plan.reason, form.Usage(counts)))
	_ = flush.Flush()
	s.done()
}

// stamp has nanoseconds, as Ollama's has: its length changes from event to event.
func stamp() string { return time.Now().UTC().Format(time.RFC3339Nano) }
