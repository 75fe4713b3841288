package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"matrix/backends"
	"matrix/backends/fake/queueing"
	"matrix/backends/launched"
	"matrix/backends/wire"
)

// engine is one running server that is asked one request at a time.
type engine struct {
	*wire.Client                  // nil until the server is ready
	config       queueing.Config  // as the process has it on its command line
	proc         *launched.Server // matrix itself, as the server
	base         string           // http://127.0.0.1:port
}

// batchEngine takes whole batches.
type batchEngine struct{ *engine }

// Generate asks for one answer over the imitated engine's API.
func (e *engine) Generate(ctx context.Context, req backends.Request) backends.Reply {
	call := wire.Call{Model: e.config.Model, Context: e.config.Context(), Request: req}
	if e.config.LoadsWhenAsked() {
		call.Body, call.Protocol = nativeBody(req, e.config.Model, e.config.Context())
	} else {
		call.Body, call.Protocol = wire.OpenAIBody(req, e.config.Model, wire.Extended)
	}
	call.URL = e.base + call.Protocol.Path()
	return wire.NameDeath(ctx, e.Do(ctx, call), e.proc.Done())
}

// nativeBody is a streaming request to /api/generate (raw) or /api/chat.
// It is not package ollama's: engines do not import each other.
func nativeBody(req backends.Request, model string, window int64) ([]byte, wire.Protocol) {
	g := req.Generate
	set := map[string]any{
		"num_predict": req.MaxTokens, "num_ctx": window, "temperature": g.Temperature, "top_p": g.TopP,
		"top_k": max(g.TopK, 1), "repeat_penalty": g.RepeatPenalty,
	}
	if g.Temperature > 0 {
		set["seed"] = g.Seed
	}
	if len(g.Stop) > 0 {
		set["stop"] = g.Stop
	}
	body := map[string]any{"model": model, "stream": true, "truncate": false, "keep_alive": -1, "options": set}
	protocol := wire.NDJSONGenerate
	if len(req.Messages) > 0 {
		body["messages"], protocol = req.Messages, wire.NDJSONChat
	} else {
		body["prompt"], body["raw"] = req.Prompt, true
	}
	switch f := req.Format(); {
	case f.JSON:
		body["format"] = "json"
	case f.Schema != "":
		body["format"] = json.RawMessage(f.Schema)
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("encode a request of plain values: %v", err)) // our bug, not the user's
	}
	return text, protocol
}

// Info tells what a simulated engine can honestly tell.
func (e *engine) Info() backends.Info {
	o := e.config.Options
	window := o.Context()
	info := backends.Info{
		Engine: "simulator", Version: queueing.Version, LogPath: e.proc.LogPath(), Argv: e.proc.Command.Argv, Env: e.proc.Command.Env,
		PIDs: []int{e.proc.PID()}, MetricsURL: e.base + "/metrics", MaxModelLen: &window, Simulated: true,
	}
	if o.KVTokens > 0 {
		info.KVTokens = &o.KVTokens
	}
	if o.WeightsGiB > 0 {
		bytes := int64(o.WeightsGiB * (1 << 30))
		info.WeightBytes = &bytes
		if o.LoadsWhenAsked() { // vLLM tells of no such sizes
			info.SizeBytes, info.SizeVRAMBytes = &bytes, &bytes
		}
	}
	info.Cause = e.proc.Cause()
	return info
}

// Done is closed when the server's process has ended.
func (e *engine) Done() <-chan struct{} { return e.proc.Done() }

// Close stops the server.
func (e *engine) Close(ctx context.Context) error {
	e.Client.Close()
	return e.proc.Close(ctx, 3*time.Second)
}

// plain is for the few requests that are no generation. It has no pool, as nothing is to be left open, and no limit: a load
// takes as long as it was told to.
var plain = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// loadByRequest has the model loaded by a request without a prompt, as Ollama does it.
func (e *engine) loadByRequest(ctx context.Context) error {
	var answer struct {
		Done bool `json:"done"`
	}
	err := wire.Documents{HTTP: plain}.Call(ctx, http.MethodPost, e.base+"/api/generate", map[string]any{"model": e.config.Model, "keep_alive": -1}, &answer)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	if err == nil && !answer.Done {
		err = errors.New("load the model: the answer has no done")
	}
	return err
}

// prove checks that the server that answers is the one that was started: it alone knows the served name.
func (e *engine) prove(ctx context.Context) error {
	var loaded struct {
		Models []struct {
			Name string `json:"name"`
		} `json:"models"`
	}
	var documents wire.Documents
	var names []string
	// /api/ps and not /api/tags: only what is loaded stands there.
	if e.config.LoadsWhenAsked() {
		if err := documents.Get(ctx, e.base+"/api/ps", &loaded); err != nil {
			return err
		}
		for _, m := range loaded.Models {
			names = append(names, m.Name)
		}
	} else {
		models, err := documents.Models(ctx, e.base+"/v1")
		if err != nil {
			return err
		}
		for _, m := range models.Data {
			names = append(names, m.ID)
		}
	}
	if len(names) != 1 || names[0] != e.config.Model {
		return fmt.Errorf("the server at %s serves %q, not %q: it is not ours", e.base, names, e.config.Model)
	}
	return nil
}
