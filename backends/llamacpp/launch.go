package llamacpp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"matrix/backends"
	"matrix/backends/launched"
	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/backends/wire"
)

// stopGrace is how long a server gets to end.
const stopGrace = 3 * time.Second

// server is a started process with the watch over its log.
type server struct {
	*launched.Server
	log *loadLog // followed until the load has ended
	url string   // http://127.0.0.1:PORT
}

// launch starts a server for one attempt and waits until its model is loaded. The model is served by a name that only this
// launch has, so an answer cannot come from another server at the same port.
func launch(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	ctx, cancel := backends.Within(ctx, spec.Timeout, launched.ErrTimeout)
	defer cancel()
	p, err := find(spec.Cell.Platform)
	version := ""
	if err == nil {
		version, err = p.version(ctx)
	}
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "missing_binary", Err: err, Hint: "see matrix doctor"}
	}
	digest, err := modelfile.DigestParts(sourceOf(spec.Cell).gguf)
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "missing_model", Err: fmt.Errorf("read model: %w", err), Hint: "correct model.llama_cpp.gguf"}
	}
	name := "matrix-" + strings.ToLower(spec.Attempt)
	s, err := start(ctx, spec, p, name)
	if err != nil {
		return nil, err
	}
	e, err := s.load(ctx, spec, name)
	if err != nil {
		failed := s.Failed(ctx, fmt.Errorf("load %s: %w", Name, err), failures, 500)
		s.Discard(stopGrace)
		return nil, failed
	}
	e.info.Version = version
	if b := e.props.BuildInfo; b != "" && !strings.HasPrefix(b, "b0-") { // one built outside a git tree has no number
		e.info.Version = b
	}
	e.info.Revision = "sha256:" + digest
	e.info.Footprint = p.footprint()
	return e, nil
}

// start runs the server; it listens at once and loads meanwhile, or loads first, by its build.
func start(ctx context.Context, spec backends.Spec, with program, name string) (*server, error) {
	port, err := process.ChoosePort(spec.Cell.Platform.Args.Int("port"))
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "port_taken", Err: err, Hint: "leave args.port out, or end what listens there"}
	}
	cmd, err := command(spec, with, port, name)
	if err != nil {
		return nil, err
	}
	spec.Enter("spawn")
	began := time.Now()
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	spec.Listen(url)
	p, err := launched.Start(ctx, spec, "llama.cpp", cmd)
	if err != nil {
		return nil, err
	}
	spec.Observe(backends.Phase{Name: "spawn", Duration: time.Since(began)}) // at once: a load is counted from here
	spec.Enter("import")
	s := &server{Server: p, log: newLoadLog(time.Now(), spec), url: url}
	s.Watch(func(line string) { s.log.line(time.Now(), line) })
	return s, nil
}

// load waits until the server is well, proves that it is ours and reads back what came of the load.
func (s *server) load(ctx context.Context, spec backends.Spec, name string) (*engine, error) {
	var documents wire.Documents
	// While it loads it answers 503, or does not listen.
	err := s.Await(ctx, "while loading", 50*time.Millisecond, func() (bool, error) { return documents.Get(ctx, s.url+"/health", nil) == nil, nil })
	if err != nil {
		return nil, err
	}
	models, err := documents.Models(ctx, s.url+"/v1")
	if err != nil {
		return nil, err
	}
	m, err := models.Find(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.url, launched.ErrNotOurs)
	}
	var props props
	if err := documents.Get(ctx, s.url+"/props", &props); err != nil {
		return nil, err
	}
	s.Unwatch()
	s.log.ready(time.Now())
	told := s.log.told()
	if why := partial(told, spec); why != "" {
		return nil, &backends.LaunchError{Class: "partial_offload", Err: errors.New(why), LogTail: s.Tail(25),
			Hint: "take a smaller model, ctx_size or parallel, or declare args.n_gpu_layers to measure a split model"}
	}
	return newEngine(s, spec, name, m, props, told), nil
}

// partial says how a model came to lie beside the GPU, "" when it does not: llama.cpp loads what does not fit onto the CPU,
// and a build without a GPU backend all of it, without a word. Where no GPU was given, the CPU is what was asked for.
func partial(told facts, spec backends.Spec) string {
	if _, declared := layersDeclared(spec.Cell.Platform); declared {
		return ""
	}
	switch on, of := told.layersGPU, told.layers; {
	case on != nil && of != nil && *on < *of && (len(told.devices) > 0 || len(spec.GPUs) > 0):
		return fmt.Sprintf("only %d of %d layers are on the GPU", *on, *of)
	case on == nil && len(told.devices) == 0 && len(spec.GPUs) > 0:
		return "no layer is on the GPU: this build of llama.cpp found none"
	}
	return ""
}

// props is /props, whose fields came one by one: build_info in 2024-12, model_ftype in 2026.
type props struct {
	BuildInfo  string `json:"build_info"`    // "b6123-abc1234"; "" = older builds
	Slots      *int64 `json:"total_slots"`   // nil = not told
	FileType   string `json:"model_ftype"`   // "Q4_K - Medium": other engines write it otherwise
	Template   string `json:"chat_template"` // of chats, in Jinja; "" = not told
	Generation struct {
		Context *int64 `json:"n_ctx"` // of one slot
	} `json:"default_generation_settings"`
}
