package ollama

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/experiments/cell"
)

// Tested are the versions that the project's tests run against.
const Tested = "0.11.4, 0.33.0"

// New is the backend of platforms with backend = "ollama".
func New() backends.Backend {
	hub := hub{registry}
	return backends.Backend{
		Kind: kind, Check: Check, Fit: Fit, Resolve: resolve, Launch: start, Refuses: refuses, ModelFiles: modelFiles, Recipe: writeRecipe,
		Lacking: hub.lacking, Fetch: hub.fetch, Installed: installed, Program: &backends.Program{Pin: pin, Build: build},
	}
}

// installed starts the executable once, for its version, and no server.
func installed(p *cell.Platform) backends.Installed {
	i := backends.Installed{Name: "Ollama", Tested: Tested, Advice: "Install Ollama, or name its executable with platform.binary."}
	if i.Path, i.Err = find(p); i.Err == nil {
		i.Version, i.Err = version(context.Background(), i.Path)
	}
	return i
}

// resolve reads the executable's version and the model's digest.
func resolve(ctx context.Context, c *cell.Cell) (backends.Identity, error) {
	id := backends.Identity{Engine: "ollama"}
	if modelOf(c.Model) == nil {
		return id, fmt.Errorf("model %q does not say what Ollama loads", c.Model.ID)
	}
	if c.Platform.Attach {
		id.Model = cell.Values{"model": modelOf(c.Model).Model}
		return id, ctx.Err()
	}
	binary, err := find(c.Platform)
	if err == nil {
		id.Version, err = version(ctx, binary)
	}
	id.Missing = err
	m, err := resolveModel(c)
	id.Model = m.identity
	if g, err := modelfile.ReadGGUF(m.gguf); m.gguf != "" && m.template == "" && err == nil && g.ChatTemplate == "" {
		// It would answer all the same, to the turns' texts in a row.
		id.NoTemplate, id.TemplateHint = filepath.Base(m.gguf), ", or model.ollama.template"
	}
	var absent *modelfile.NotFoundError
	if errors.As(err, &absent) {
		id.Notes = append(id.Notes, absent.Name+" not downloaded")
		id.Missing = errors.Join(id.Missing, fmt.Errorf("%w: run matrix fetch, or ollama pull %s", err, absent.Name))
		err = nil
	}
	return id, errors.Join(err, ctx.Err())
}

// start starts a server, gives it its model and loads it; or attaches to one that runs.
func start(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	if modelOf(spec.Cell.Model) == nil {
		return nil, &backends.LaunchError{Class: "bad_argument", Err: fmt.Errorf("model %q does not say what Ollama loads", spec.Cell.Model.ID)}
	}
	if spec.Cell.Platform.Attach {
		return attach(ctx, spec)
	}
	return launch(ctx, spec)
}
