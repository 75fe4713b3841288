package ollama

import (
	"context"
	"errors"
	"fmt"

	"matrix/backends"
	"matrix/backends/launched"
)

// attach uses a server that somebody else runs. The model is loaded with our options, which Ollama does anew when they
// differ from what is loaded; the time for it is not a launch's and is not told.
func attach(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	p := spec.Cell.Platform
	ctx, cancel := backends.Within(ctx, spec.Timeout, launched.ErrTimeout)
	defer cancel()
	server, model := newAPI(p.URL), bareName(modelOf(spec.Cell.Model).Model)
	v, err := server.version(ctx)
	if err != nil {
		return nil, launched.Unreachable(p.PublicURL(), err)
	}
	m, about, err := loadAttached(ctx, server, spec)
	if err != nil {
		f, _ := launched.Classify(failures, err.Error())
		var refused *apiError
		if errors.As(err, &refused) && refused.Status == 404 {
			f = launched.Failure{Class: "missing_model", Environment: true, Hint: "ollama pull " + model}
		} else if f.Class == "exited" {
			f.Class = "load_failed"
		}
		return nil, &backends.LaunchError{Environment: f.Environment, Class: f.Class, Err: fmt.Errorf("load %s: %w", model, err), Hint: f.Hint}
	}
	// Its log is not ours to read, so only the sizes tell; none at all on the GPU may be a machine without one.
	split := facts{gpu: m.SizeVRAM > 0}
	if why := partial(split, m); why != "" && !offloadDeclared(p) {
		return nil, &backends.LaunchError{Class: "partial_offload", Err: fmt.Errorf("load %s: %s", model, why),
			Hint: "declare options.num_gpu to measure a split model"}
	}
	info := infoOf(m, about, v)
	info.Attached = true
	if m.Size > 0 && m.SizeVRAM == 0 {
		info.Warnings = append(info.Warnings, fmt.Sprintf("the model lies on the CPU: none of its %.1f GiB is on a GPU (size_vram in /api/ps)", gib(m.Size)))
	}
	info.Warnings = append(info.Warnings, slowly(spec.Cell.Generate)...)
	if spec.Cell.Generate != nil && spec.Cell.Generate.Template != "" {
		info.Template = ""
	}
	e := newEngine(p, server.base, model, m, about, v)
	e.done, e.info = make(chan struct{}), info
	return e, nil
}

// loadAttached has a running server load the model with the options that every request will carry, and takes what it then
// says of it.
func loadAttached(ctx context.Context, server *api, spec backends.Spec) (running, shown, error) {
	model := bareName(modelOf(spec.Cell.Model).Model)
	about, err := server.show(ctx, model)
	if err != nil {
		return running{}, about, err
	}
	if err := server.call(ctx, "/api/generate", loadBody(spec.Cell.Platform, model), nil); err != nil {
		return running{}, about, err
	}
	m, err := server.loaded(ctx, model)
	return m, about, err
}
