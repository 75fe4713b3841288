package llamacpp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/ggml"
	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/backends/wire"
	"matrix/experiments/textfile"
)

// stopGrace is how long a server gets to end.
const stopGrace = 3 * time.Second

var (
	errTimeout = errors.New("the model was not loaded in time (limits.load)")
	errNotOurs = errors.New("another server answers at our port")
)

// server is a started process with the watch over its log.
type server struct {
	proc    *process.Process
	log     *loadLog
	logPath string
	cmd     backends.Command
	url     string
	unwatch context.CancelFunc
	watcher sync.WaitGroup
}

func launch(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	if spec.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, spec.Timeout, errTimeout)
		defer cancel()
	}
	p, err := find(spec.Cell.Platform)
	version := ""
	if err == nil {
		version, err = p.version(ctx)
	}
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "missing_binary", Err: err, Hint: "see matrix doctor"}
	}
	digest, err := modelfile.Digest(sourceOf(spec.Cell).gguf)
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
		err = s.failed(ctx, err)
		s.stop()
		return nil, err
	}
	e.info.Version = version
	if b := e.props.BuildInfo; b != "" && !strings.HasPrefix(b, "b0-") {
		e.info.Version = b
	}
	e.info.Revision = "sha256:" + digest
	e.info.Footprint = p.footprint()
	return e, nil
}

// start runs the server; it listens at once and loads meanwhile, or loads first, by its build.
func start(ctx context.Context, spec backends.Spec, p program, name string) (*server, error) {
	port, err := process.ChoosePort(spec.Cell.Platform.Args.Int("port"))
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "port_taken", Err: err, Hint: "leave args.port out, or end what listens there"}
	}
	cmd, err := command(spec, p, port, name)
	if err != nil {
		return nil, err
	}
	for file, text := range cmd.Files {
		if err := os.WriteFile(filepath.Join(spec.Dir, file), []byte(text), 0o600); err != nil {
			return nil, &backends.LaunchError{Environment: true, Class: "disk", Err: fmt.Errorf("write %s: %w", file, err), Hint: "see that the results' folder can be written"}
		}
	}
	spec.Enter("spawn")
	began := time.Now()
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	spec.Listen(url)
	proc, err := process.Start(ctx, process.Command{Argv: cmd.Argv, Env: process.Env(cmd.Env), Dir: cmd.Dir, LogPath: spec.LogPath, Attempt: spec.Attempt})
	if err != nil {
		return nil, &backends.LaunchError{Environment: true, Class: "spawn", Err: err}
	}
	spec.Observe(backends.Phase{Name: "spawn", Duration: time.Since(began)}) // at once: a load is counted from here
	spec.Enter("import")
	s := &server{proc: proc, log: newLoadLog(time.Now(), spec), logPath: spec.LogPath, cmd: cmd, url: url}
	watch, cancel := context.WithCancel(context.Background())
	s.unwatch = cancel
	s.watcher.Go(func() {
		process.Watch(watch, spec.LogPath, proc.LogOffset(), func(line string) { s.log.line(time.Now(), line) })
	})
	return s, nil
}

// load waits until the server is well, proves that it is ours and reads back what came of the load.
func (s *server) load(ctx context.Context, spec backends.Spec, name string) (*engine, error) {
	if err := s.await(ctx); err != nil {
		return nil, err
	}
	models, err := ask[models](ctx, s.url+"/v1/models")
	if err != nil {
		return nil, err
	}
	m, ours := models.named(name)
	if !ours {
		return nil, fmt.Errorf("%s: %w", s.url, errNotOurs)
	}
	props, err := ask[props](ctx, s.url+"/props")
	if err != nil {
		return nil, err
	}
	s.unwatch()
	s.watcher.Wait()
	s.log.ready(time.Now())
	told := s.log.told()
	if why := partial(told, spec); why != "" {
		return nil, &backends.LaunchError{Class: "partial_offload", Err: errors.New(why), LogTail: process.TailFrom(s.logPath, s.proc.LogOffset(), 25),
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

// await races the server's health against exit and deadline. While it loads it answers 503, or does not listen.
func (s *server) await(ctx context.Context) error {
	const pause = 50 * time.Millisecond
	for {
		if _, err := ask[struct{}](ctx, s.url+"/health"); err == nil {
			return nil
		}
		select {
		case <-s.proc.Done():
			return fmt.Errorf("llama.cpp ended while loading (%s)", s.proc.Exit())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// failed adds to an error what the log knows.
func (s *server) failed(ctx context.Context, err error) error {
	var ready *backends.LaunchError
	if errors.As(err, &ready) {
		return err
	}
	tail := process.TailFrom(s.logPath, s.proc.LogOffset(), 25)
	f := ggml.Classify(failures, err.Error(), process.TailFrom(s.logPath, s.proc.LogOffset(), 500))
	switch {
	case errors.Is(err, errTimeout) || errors.Is(context.Cause(ctx), errTimeout):
		f = ggml.Failure{Class: "timeout", Hint: "raise limits.load"}
	case errors.Is(err, errNotOurs):
		f = ggml.Failure{Class: "port_taken", Environment: true}
	case ctx.Err() != nil:
		f = ggml.Failure{Class: "canceled", Environment: true}
	}
	return &backends.LaunchError{Environment: f.Environment, Class: f.Class, Err: fmt.Errorf("load %s: %w", Name, err), LogTail: tail, Hint: f.Hint}
}

// stop ends the server whatever it does.
func (s *server) stop() {
	s.unwatch()
	s.watcher.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace+30*time.Second)
	defer cancel()
	_ = s.proc.Stop(ctx, stopGrace) // why the launch failed is said already
}

// models is /v1/models. The alias is the id; its size stands under meta.
type models struct{ Data []model }

type model struct {
	ID   string `json:"id"`
	Meta struct {
		Size *int64 `json:"size"`
	} `json:"meta"`
}

func (m models) named(name string) (model, bool) {
	for _, one := range m.Data {
		if one.ID == name {
			return one, true
		}
	}
	return model{}, false
}

// props is /props, whose fields came one by one: build_info in 2024-12, model_ftype in 2026.
type props struct {
	BuildInfo  string `json:"build_info"`
	Slots      *int64 `json:"total_slots"`
	FileType   string `json:"model_ftype"`
	Template   string `json:"chat_template"`
	Generation struct {
		Context *int64 `json:"n_ctx"` // of one slot
	} `json:"default_generation_settings"`
}

var plain = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// ask reads a small document of the server; any status but 200 is an error.
func ask[T any](ctx context.Context, url string) (out T, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return out, err
	}
	resp, err := plain.Do(req)
	if err != nil {
		return out, wire.Unasked(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return out, fmt.Errorf("get %s: %s", url, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err == nil {
		err = textfile.PlainJSON(json.Unmarshal(text, &out))
	}
	if err != nil {
		return out, fmt.Errorf("read %s: %w", url, err)
	}
	return out, nil
}
