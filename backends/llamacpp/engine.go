package llamacpp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// engine is a loaded model of a server that we started.
type engine struct {
	*wire.Client
	server  *server // ends with Close
	model   string  // served name
	props   props   // as they were after the load
	addsBOS bool    // the server begins each raw prompt itself
	cache   bool    // it may answer the beginning of a prompt out of a slot
	window  int64   // tokens of a slot; 0 = not told

	info backends.Info // but how it ended
}

// newEngine gathers what the server, its log and the model's file tell, each for what the others do not: layers are in the
// log only, the tokenizer's rules in the file only, and the context of a slot is the server's own answer, not what was
// asked for.
func newEngine(s *server, spec backends.Spec, name string, m wire.ServedModel, p props, told facts) *engine {
	e := &engine{server: s, model: name, props: p,
		Client: wire.New(wire.Options{NoReuse: true, Health: wire.Health(s.url+"/health", "")}), // it drops idle connections without a word
		cache:  spec.Cell.Isolation == nil || spec.Cell.Isolation.PrefixCache != "off", addsBOS: true}
	if declared, there := spec.Cell.Platform.Args["cache_prompt"].(bool); there {
		e.cache = declared // what is declared goes before the isolation
	}
	e.info = backends.Info{
		Engine: Name, PIDs: []int{s.PID()}, LogPath: spec.LogPath, Argv: s.Command.Argv, Env: backends.OpenEnv(s.Command.Env),
		MetricsURL: s.url + "/metrics", MetricsPrefix: "llamacpp:", MaxModelLen: p.Generation.Context, Quantization: p.FileType,
		WeightBytes: m.Meta.Bytes, Layers: told.layers, LayersGPU: told.layersGPU, Warnings: told.warnings,
	}
	g, err := modelfile.ReadGGUF(sourceOf(spec.Cell).gguf)
	if err == nil {
		e.addsBOS = g.AddBOS == nil || *g.AddBOS
		e.info.Quantization = g.FileType // the name that other engines use for it
		if e.info.WeightBytes == nil {
			e.info.WeightBytes = &g.TensorBytes
		}
	}
	if e.info.LayersGPU == nil && len(told.devices) == 0 {
		e.info.LayersGPU = new(int64) // builds without a GPU backend do not say that none are there
	}
	if told.weightBytes > 0 {
		e.info.SizeBytes = new(int64(told.weightBytes))
	}
	if p.Template != "" {
		sum := sha256.Sum256([]byte(p.Template))
		e.info.Template = hex.EncodeToString(sum[:])
	}
	if n := p.Generation.Context; n != nil {
		e.window = *n
		if p.Slots != nil {
			e.info.KVTokens = new(*n * *p.Slots)
		}
		if want := int64(slotContext(spec.Cell)); want > 0 && *n < want {
			e.info.Warnings = append(e.info.Warnings, fmt.Sprintf("llama.cpp gives a slot %d tokens, ctx_size and parallel ask for %d", *n, want))
		}
	}
	if asked := int64(spec.Cell.Platform.Args.Int("parallel")); asked > 0 && p.Slots != nil && *p.Slots != asked {
		e.info.Warnings = append(e.info.Warnings, fmt.Sprintf("llama.cpp runs %d requests at once, parallel asks for %d", *p.Slots, asked))
	}
	return e
}

// Generate streams one answer.
func (e *engine) Generate(ctx context.Context, req backends.Request) backends.Reply {
	if e.addsBOS { // a prompt with one of its own would have two
		_, req.Prompt = cell.CutBOS(req.Prompt)
	}
	body, protocol := body(req, e.model, e.cache)
	r := e.Do(ctx, wire.Call{URL: e.server.url + protocol.Path(), Body: body, Protocol: protocol, Model: e.model, Context: e.window, Request: req})
	return wire.NameDeath(ctx, r, e.server.Done())
}

// body says each parameter: the server's defaults are those of a chat (top_k 40, min_p 0.05).
func body(req backends.Request, model string, cache bool) ([]byte, wire.Protocol) {
	g := req.Generate
	penalty := g.RepeatPenalty
	if penalty == 0 {
		penalty = 1
	}
	more := map[string]json.RawMessage{}
	for name, value := range map[string]any{"cache_prompt": cache, "top_k": g.TopK, "min_p": 0, "repeat_penalty": penalty, "ignore_eos": g.IgnoreEOS} {
		more[name], _ = json.Marshal(value) // plain numbers and flags
	}
	if _, own := req.Extra["response_format"]; len(g.Asked().Choice) > 0 && !own {
		more["grammar"], _ = json.Marshal(grammarOf(g.Format.Choice)) // a text
		free := *g
		free.Format = cell.ResponseFormat{}
		req.Generate = &free
	}
	maps.Copy(more, req.Extra)
	req.Extra = more
	return wire.OpenAIBody(req, model, wire.Dialect{TemplateArgs: true, RawSchema: true})
}

// Info is what is known of the engine.
func (e *engine) Info() backends.Info {
	info := e.info
	info.Cause = e.server.Cause()
	return info
}

// Done is closed when the server has ended.
func (e *engine) Done() <-chan struct{} { return e.server.Done() }

// Close stops the server.
func (e *engine) Close(ctx context.Context) error {
	e.Client.Close()
	return e.server.Close(ctx, stopGrace)
}

// footprint is the executable with the libraries beside it, or the wheel's folder. nil where it is not found.
func (p program) footprint() *backends.Footprint {
	root := filepath.Dir(p.path)
	if !p.wheel {
		libraries, _ := filepath.Glob(filepath.Join(root, "lib*ggml*"))
		more, _ := filepath.Glob(filepath.Join(root, "libllama*"))
		return backends.ProgramFootprint(slices.Concat([]string{p.path}, libraries, more)...)
	}
	found, _ := filepath.Glob(filepath.Join(root, "..", "lib", "python3*", "site-packages", "xllamacpp"))
	if declared := p.env["PYTHONPATH"]; len(found) == 0 && declared != "" {
		found = []string{filepath.Join(declared, "xllamacpp")}
	}
	if len(found) == 0 {
		return nil
	}
	return backends.ProgramFootprint(found[0])
}
