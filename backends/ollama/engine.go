package ollama

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// engine is a loaded model of a server that we started or, with server nil, attached to.
type engine struct {
	*wire.Client                // closed by Close
	platform     *cell.Platform // its options go with every request
	server       *server        // nil: attached
	url          string         // the server's, without a slash at its end
	model        string         // served name, also of an attached server's
	thinks       bool           // the model can, so it must be told not to
	addsBOS      bool           // the engine begins each sequence itself
	window       int64          // tokens of one request
	oldEra       bool           // a prompt that is too long is cut without a word
	done         chan struct{}  // of an attached one; nil where server.Done tells
	once         sync.Once      // closes done

	mu     sync.Mutex    // guards what follows, and server.log once the load is over
	info   backends.Info // Warnings may grow
	looked time.Time     // at the log
}

// newEngine is of a server at base that has loaded a model, m and about being what it says of it. Its info is the caller's to add.
func newEngine(p *cell.Platform, base, model string, m running, about shown, version string) *engine {
	// Ollama never drops an idle connection.
	client := wire.New(wire.Options{IdleTimeout: time.Minute, Health: wire.Health(wire.Join(base, "/api/version"), "")})
	return &engine{
		Client: client, platform: p, url: base, model: model, thinks: about.thinks(), addsBOS: about.ModelInfo.AddBOS,
		window: windowOf(p, m), oldEra: cutsSilently(version),
	}
}

// Generate streams one answer.
func (e *engine) Generate(ctx context.Context, req backends.Request) backends.Reply {
	if e.addsBOS { // up to 0.24 a prompt with a <bos> of its own would have two
		_, req.Prompt = cell.CutBOS(req.Prompt)
	}
	body, protocol := bodyOf(e.platform, req, e.model, e.thinks)
	r := e.Do(ctx, wire.Call{URL: wire.Join(e.url, protocol.Path()), Body: body, Protocol: protocol, Model: e.model, Context: e.window, Request: req})
	e.cutPrompt(&r)
	if e.server == nil {
		return r
	}
	return wire.NameDeath(ctx, r, e.server.Done())
}

// cutPrompt fails an answer to half a question. Old versions cut a prompt to the window and answer what is left; the
// count of prompt tokens, which is that of the window then, is all that tells.
func (e *engine) cutPrompt(r *backends.Reply) {
	if r.Status != backends.OK || r.InputTokens == nil || !e.oldEra || e.window == 0 || *r.InputTokens < e.window {
		return
	}
	r.Status, r.ErrorClass = backends.Failed, "prompt_too_long"
	r.Error = fmt.Sprintf("the prompt was cut to the %d tokens of num_ctx; this version of Ollama does so without an error", e.window)
}

// Info is what is known by now; the log may have told more since the load.
func (e *engine) Info() backends.Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil {
		e.look()
		e.info.Cause = e.server.Cause()
	} else {
		e.lookAttached()
	}
	info := e.info
	info.Warnings = slices.Clone(info.Warnings)
	return info
}

// look reads the log at most once a second: the runner asks for Info often, and the machine is being measured.
func (e *engine) look() {
	if time.Since(e.looked) < time.Second {
		return
	}
	e.looked = time.Now()
	before := e.server.log.facts
	e.server.log.read()
	now := e.server.log.facts
	if now.loads > before.loads {
		e.warn("ollama loaded the model again during the run: its runner died, or options differed")
	}
	if now.cut > before.cut {
		e.warn("ollama cut prompts that did not fit num_ctx")
	}
}

// lookAttached asks a server that is not ours what it has loaded, as look reads the log of one that is: a model that was
// loaded anew with another context, or that went to the CPU midway, would be found in no other way.
func (e *engine) lookAttached() {
	if time.Since(e.looked) < time.Second {
		return
	}
	e.looked = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // nobody waits long for what is a note
	defer cancel()
	m, err := newAPI(e.url).loaded(ctx, e.model)
	switch {
	case errors.Is(err, errNotLoaded):
		e.warn("ollama had unloaded the model when it was asked again")
	case err != nil: // busy or gone: its answers tell
	case m.Digest != e.info.Revision:
		e.warn("ollama has another model under this name since the attach")
	case m.SizeVRAM < *e.info.SizeVRAMBytes:
		e.warn(fmt.Sprintf("ollama moved the model: %.1f GiB of it were on the GPU at the attach, %.1f later", gib(*e.info.SizeVRAMBytes), gib(m.SizeVRAM)))
	case m.ContextLength != nil && *m.ContextLength != e.window:
		e.warn(fmt.Sprintf("ollama loaded the model again, with a context of %d tokens instead of %d", *m.ContextLength, e.window))
	}
}

// warn says a thing once; it wants the lock.
func (e *engine) warn(text string) {
	if !slices.Contains(e.info.Warnings, text) {
		e.info.Warnings = append(e.info.Warnings, text)
	}
}

// Done is closed when the server has ended.
func (e *engine) Done() <-chan struct{} {
	if e.server != nil {
		return e.server.Done()
	}
	return e.done
}

// Close stops the server and all that it started. A server that was attached to goes on.
func (e *engine) Close(ctx context.Context) error {
	e.Client.Close()
	if e.server == nil {
		e.once.Do(func() { close(e.done) })
		return nil
	}
	return e.server.Close(ctx, stopGrace)
}

// info gathers what a launch knows of its engine.
// What the log tells goes over what files and API tell: it is of this load.
func (l *launching) info(s *server, m running, about shown, version string) backends.Info {
	info := infoOf(m, about, version)
	info.PIDs = []int{s.PID()}
	info.LogPath = l.spec.LogPath
	info.Argv, info.Env = s.Command.Argv, backends.OpenEnv(s.Command.Env)
	info.Footprint = footprint(l.binary)
	info.Warnings = append(slices.Clone(s.log.warnings), slowly(l.spec.Cell.Generate)...)
	info.WeightBytes, info.Layers = l.source.weights(l.model)
	if s.log.layers != nil {
		info.Layers = s.log.layers
	}
	switch {
	case s.log.layersGPU != nil:
		info.LayersGPU = s.log.layersGPU
	case s.log.computes && !s.log.gpu:
		info.LayersGPU = new(int64) // newer versions do not say that none are where no GPU is
	}
	if l.source.gguf != "" {
		info.Revision = "sha256:" + l.source.digest
	}
	if s.log.slots != nil && m.ContextLength != nil {
		tokens := *s.log.slots * *m.ContextLength
		info.KVTokens = &tokens
	}
	if asked := s.Command.Env["OLLAMA_NUM_PARALLEL"]; s.log.slots != nil && strconv.FormatInt(*s.log.slots, 10) != asked {
		info.Warnings = append(info.Warnings, fmt.Sprintf("ollama runs %d requests at once, OLLAMA_NUM_PARALLEL asks for %s", *s.log.slots, asked))
	}
	if want := int64(contextOf(l.spec.Cell.Platform)); m.ContextLength != nil && *m.ContextLength != want {
		info.Warnings = append(info.Warnings, fmt.Sprintf("ollama runs with a context of %d tokens, num_ctx asks for %d", *m.ContextLength, want))
	}
	if l.spec.Cell.Generate != nil && l.spec.Cell.Generate.Template != "" {
		info.Template = "" // prompts are sent raw, rendered by matrix
	}
	return info
}

// infoOf is what the API tells of a loaded model.
func infoOf(m running, about shown, version string) backends.Info {
	return backends.Info{
		Engine: "ollama", Version: version, MaxModelLen: m.ContextLength, SizeBytes: &m.Size, SizeVRAMBytes: &m.SizeVRAM,
		Quantization: about.Details.Quantization, Revision: m.Digest, Template: about.template(),
	}
}

// windowOf is what the server says, or else what we asked for.
func windowOf(p *cell.Platform, m running) int64 {
	if m.ContextLength != nil {
		return *m.ContextLength
	}
	return int64(contextOf(p))
}

// cutsSilently reports whether a version ignores truncate = false, which came with 0.12.6. A version that cannot be
// read is taken for such a one: the check costs nothing.
func cutsSilently(version string) bool {
	var n [3]int
	_, err := fmt.Sscanf(version, "%d.%d.%d", &n[0], &n[1], &n[2])
	return err != nil || slices.Compare(n[:], []int{0, 12, 6}) < 0
}
