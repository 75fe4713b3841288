package cell

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// AsMeasured is the cell with what a stored identity says that it was measured with: the platform's settings, programs
// and addresses, the model as it was loaded, what was asked of each request. What an identity does not tell stays as c
// has it. A recipe of a measured cell is of what ran, whatever is declared, or set in the environment, since.
func (c *Cell) AsMeasured(id Identity) (*Cell, error) {
	var spec struct {
		Args, Options       Values
		Env                 map[string]string
		Attach              bool
		Generate, Isolation map[string]json.RawMessage
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
	generate, isolation := *c.Generate, *c.Isolation
	err := restore(&isolation, spec.Isolation)
	if spec.Generate != nil {
		err = errors.Join(err, restore(&generate, spec.Generate))
	}
	if err != nil {
		return nil, fmt.Errorf("read the spec of a result's identity: %w", err)
	}
	m.Generate, m.Isolation = &generate, &isolation
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
	if k := (&Platform{Backend: backend}).Kind(); k.Loads != nil {
		part := maps.Clone(m.Parts[k.Loads.Name])
		if part == nil {
			part = Values{}
		}
		if paths.GGUF != "" {
			part["gguf"] = paths.GGUF
		}
		out.Parts = map[string]Values{k.Loads.Name: part}
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
