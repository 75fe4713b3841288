package experiments

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// AsMeasured is the cell with what a stored identity says that it was measured with: the platform's settings, programs
// and addresses, the model as it was loaded, what was asked of each request. What an identity does not tell stays as c
// has it. A recipe of a measured cell is of what ran, whatever is declared, or set in the environment, since.
func (c *Cell) AsMeasured(id Identity) (*Cell, error) {
	var spec struct {
		Args, Options Values
		Env           map[string]string
		Attach        bool
		Generate      *measuredGenerate
		Isolation     struct {
			Caches      string `json:"caches"`
			PrefixCache string `json:"prefix_cache"`
		}
	}
	var environment struct {
		Local measuredPaths `json:"local_env"`
		URL   string
	}
	var model measuredModel
	var backend struct{ Name string }
	for name, into := range map[string]any{"spec": &spec, "environment": &environment, "model": &model, "backend": &backend} {
		if err := decodeNumbers(id.Components.Get(name).Value, into); err != nil {
			return nil, fmt.Errorf("read the %s of a result's identity: %w", name, err)
		}
	}
	m, p := *c, *c.Platform
	p.Backend = cmp.Or(backend.Name, p.Backend)
	p.Args, p.Options, p.Env, p.Attach = wholeNumbers(spec.Args), wholeNumbers(spec.Options), spec.Env, spec.Attach
	p.Python, p.Binary, p.URL = environment.Local.Python, environment.Local.Binary, cmp.Or(environment.URL, p.URL)
	m.Platform, m.Model = &p, c.Model.asMeasured(p.Backend, model, environment.Local)
	if spec.Generate != nil {
		m.Generate = spec.Generate.over(c.Generate)
	}
	isolation := *c.Isolation
	isolation.Caches, isolation.PrefixCache = cmp.Or(spec.Isolation.Caches, "warm"), cmp.Or(spec.Isolation.PrefixCache, "off")
	m.Isolation = &isolation
	return &m, nil
}

// measuredPaths are the parts of an identity's environment that say where things were.
type measuredPaths struct {
	Python, Binary, GGUF string
	Model                string `json:"vllm_model"`
}

// measuredModel is the model component, of any backend.
type measuredModel struct {
	Model, Repository, Commit, Revision, Tokenizer, DType, Quantization string
}

func (m *Model) asMeasured(backend string, then measuredModel, paths measuredPaths) *Model {
	out := *m
	switch backend {
	case VLLMOffline, VLLMServe:
		out.VLLM = &VLLMModel{Model: cmp.Or(paths.Model, then.Model, then.Repository), Revision: cmp.Or(then.Commit, then.Revision),
			Tokenizer: then.Tokenizer, DType: then.DType, Quantization: then.Quantization}
		if m.VLLM != nil { // what an identity leaves out: an absolute path
			out.VLLM.Model, out.VLLM.Tokenizer = cmp.Or(out.VLLM.Model, m.VLLM.Model), cmp.Or(then.Tokenizer, m.VLLM.Tokenizer)
		}
	case Ollama:
		template := ""
		if m.Ollama != nil {
			template = m.Ollama.Template
		}
		out.Ollama = &OllamaModel{Model: then.Model, GGUF: paths.GGUF, Template: template}
		if paths.GGUF != "" {
			out.Ollama.Model = "" // by name or from a file
		}
	case OpenAI, OpenAIBatch:
		out.OpenAI = &OpenAIModel{Model: then.Model}
	}
	return &out
}

// measuredGenerate is the stored generate; what equals its identity default was left out.
type measuredGenerate struct {
	MaxTokens     *int     `json:"max_tokens"`
	MinTokens     int      `json:"min_tokens"`
	Temperature   float64  `json:"temperature"`
	TopP          *float64 `json:"top_p"`
	TopK          int      `json:"top_k"`
	Seed          int64    `json:"seed"`
	Stop          []string `json:"stop"`
	IgnoreEOS     bool     `json:"ignore_eos"`
	RepeatPenalty *float64 `json:"repeat_penalty"`
	Template      string   `json:"template"`
	Thinking      string   `json:"thinking"`
}

func (g *measuredGenerate) over(declared *Generate) *Generate {
	out := *declared
	out.MinTokens, out.Temperature, out.TopK, out.Seed, out.Stop = g.MinTokens, g.Temperature, g.TopK, g.Seed, g.Stop
	out.IgnoreEOS, out.Template, out.TopP, out.RepeatPenalty, out.Thinking = g.IgnoreEOS, g.Template, 1, 1, cmp.Or(g.Thinking, "false")
	if g.MaxTokens != nil {
		out.MaxTokens = *g.MaxTokens
	}
	if g.TopP != nil {
		out.TopP = *g.TopP
	}
	if g.RepeatPenalty != nil {
		out.RepeatPenalty = *g.RepeatPenalty
	}
	return &out
}

// decodeNumbers decodes JSON and keeps numbers as they are written; nothing into into when there is none.
func decodeNumbers(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// wholeNumbers makes of decoded JSON what evaluated HCL would be: whole numbers are whole.
func wholeNumbers(v Values) Values {
	out, _ := evaluated(map[string]any(v)).(Values)
	if len(out) == 0 {
		return nil
	}
	return out
}

func evaluated(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = evaluated(v[i])
		}
		return out
	case map[string]any:
		out := Values{}
		for k := range v {
			out[k] = evaluated(v[k])
		}
		return out
	}
	return v
}

// Variable is a declared variable as it stands, for messages.
type Variable struct {
	Name string
	Text string // its value where that can be written as text, else ""
	From string // "--var", "MATRIX_VAR_x", "the saved plan", a file, "its default"
}

// Declared lists the variables of the files, by name.
func (c *Config) Declared() []Variable {
	var all []Variable
	for _, v := range c.loader.variables {
		x := Variable{Name: v.node.name, From: "its default"}
		if n := len(v.settings); n > 0 {
			x.From = v.settings[n-1].from
		}
		if text, err := convert.Convert(v.node.value, cty.String); err == nil && present(text) {
			x.Text = text.AsString()
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Behind names the variable that a path in a message comes from, the longest where several could be; ok is false when
// none is. It goes by the text: on its way to an attribute a path may pass through any expression.
func (c *Config) Behind(message string) (v Variable, ok bool) {
	const least = 4 // shorter text, and numbers, stand in many a message by chance
	for _, x := range c.Declared() {
		if len(x.Text) >= least && strings.ContainsAny(x.Text, "/\\") && len(x.Text) > len(v.Text) && strings.Contains(message, x.Text) {
			v, ok = x, true
		}
	}
	return v, ok
}
