package ollama

import (
	"encoding/json"
	"maps"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// defaultContext is sent where a platform declares no num_ctx. Ollama's own default depends on its version and on
// the size of the GPU (4,096 to 262,144), so a launch never leaves it to chance.
const defaultContext = 4096

// contextOf is the context window of one request, in tokens.
func contextOf(p *cell.Platform) int {
	if n, ok := whole(p.Options["num_ctx"]); ok && n > 0 {
		return n
	}
	return defaultContext
}

// whole takes 4096.0 for 4096: a computed value is a float in the language.
func whole(v any) (int, bool) {
	n, ok := cell.Number(v)
	return int(n), ok && n == float64(int(n))
}

// fixed are the options that load the model. All of them go with every request: one that differs makes Ollama load
// the model again.
func fixed(p *cell.Platform) map[string]any {
	o := map[string]any{}
	for name, value := range p.Options {
		if value != nil {
			o[name] = value
		}
	}
	o["num_ctx"] = contextOf(p)
	return o
}

// sampled adds what is asked of one request. Defaults changed between versions (repeat_penalty was 1.1 in some, 1.0 in
// others) and a model may bring its own, so each is sent.
func sampled(p *cell.Platform, req backends.Request) map[string]any {
	g := req.Generate
	o := map[string]any{"min_p": 0.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
	maps.Copy(o, fixed(p))
	o["num_predict"] = req.MaxTokens
	o["temperature"] = g.Temperature
	o["top_k"] = g.TopK
	o["top_p"] = g.TopP
	if g.TopP == 0 {
		o["top_p"] = 1.0
	}
	o["repeat_penalty"] = g.RepeatPenalty
	if g.RepeatPenalty == 0 {
		o["repeat_penalty"] = 1.0
	}
	if g.Temperature == 0 {
		o["top_k"] = 1 // greedy: nothing else is looked at
	} else {
		o["seed"] = g.Seed
	}
	if len(g.Stop) > 0 {
		o["stop"] = g.Stop
	}
	return o
}

// request is a streaming request. Prompts are whole texts, so they go raw, past the model's template. truncate and
// shift are false: a prompt that does not fit is refused and an answer that does not fit ends, instead of both going
// on with half of the prompt. Versions before 0.12.6 know neither word; see engine.cutPrompt.
type request struct {
	Model     string          `json:"model"`
	Prompt    string          `json:"prompt,omitempty"` // "" in a chat; without Messages too it only loads
	Messages  []message       `json:"messages,omitempty"`
	Tools     json.RawMessage `json:"tools,omitempty"`
	Format    json.RawMessage `json:"format,omitempty"` // "json" in quotes, or a schema
	Raw       bool            `json:"raw,omitempty"`    // past the model's template
	Stream    bool            `json:"stream"`           // false only to load
	Think     any             `json:"think,omitempty"`  // bool or a level
	Truncate  bool            `json:"truncate"`         // always false, and sent
	Shift     bool            `json:"shift"`            // always false, and sent
	KeepAlive int             `json:"keep_alive"`       // −1 = for ever: no request loads the model anew
	Options   map[string]any  `json:"options"`          // the same in each request but for what one asks of its answer
}

// bodyOf is the request to /api/generate or /api/chat, by the protocol.
func bodyOf(p *cell.Platform, req backends.Request, model string, thinks bool) ([]byte, wire.Protocol) {
	r := request{Model: model, Stream: true, KeepAlive: -1, Options: sampled(p, req), Think: thinkOf(req.Generate, thinks)}
	r.ask(req)
	if len(req.Messages) > 0 {
		r.Messages = messagesOf(req.Messages)
		return cell.Canonical(r), wire.NDJSONChat
	}
	r.Prompt, r.Raw = req.Prompt, true
	return cell.Canonical(r), wire.NDJSONGenerate
}

// loadBody loads the model and nothing else.
func loadBody(p *cell.Platform, model string) []byte {
	return cell.Canonical(request{Model: model, KeepAlive: -1, Options: fixed(p)})
}
