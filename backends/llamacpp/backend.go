package llamacpp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/experiments/cell"
)

// New is the backend of platforms with backend = "llama_cpp".
func New() backends.Backend {
	return backends.Backend{
		Kind: kind, Check: check, Refuses: refuses, Fit: fit, Resolve: resolve, Launch: launch, ModelFiles: modelFiles, Recipe: writeRecipe,
		Lacking: lacking, Fetch: fetch, Installed: installed,
	}
}

// kind: its server grows four answers at a time unless told otherwise.
var kind = &cell.EngineKind{Name: Name, Server: Name, Installs: cell.InstallsPackage,
	Sequences: func(p *cell.Platform) float64 { return float64(cmp.Or(p.Args.Int("parallel"), 4)) },
	Loads: &cell.Part{Name: Name, Attributes: []cell.PartAttribute{
		{Name: "gguf", Path: true, Required: true}, {Name: "template", Digest: true}}},
}

// source is what a cell's model block says of the file.
type source struct{ gguf, template string } // an absolute path; Jinja, "" = the file's own

// sourceOf is zero where the model has no llama_cpp: a nil map answers like an empty one.
func sourceOf(c *cell.Cell) source {
	part := c.Model.Parts[Name]
	return source{part.Text("gguf"), part.Text("template")}
}

// errNoModel says what to write: resolve and recipe may be asked before check has spoken.
var errNoModel = errors.New(`the model does not say what llama.cpp loads: add llama_cpp = { gguf = "file.gguf" }`)

// resolve reads the program's version and the file's digest.
func resolve(ctx context.Context, c *cell.Cell) (backends.Identity, error) {
	id := backends.Identity{Engine: Name}
	m := sourceOf(c)
	if m.gguf == "" {
		return id, errNoModel
	}
	p, err := find(c.Platform)
	if err == nil {
		id.Version, err = p.version(ctx)
	}
	id.Missing = err
	digest, err := modelfile.DigestParts(m.gguf)
	if err != nil {
		return id, fmt.Errorf("read model: %w; correct model.llama_cpp.gguf", err)
	}
	id.Model = cell.Values{"gguf_sha256": digest}
	if g, err := modelfile.ReadGGUF(m.gguf); err == nil && m.template == "" && g.ChatTemplate == "" {
		// It would answer all the same, with a template of its own (ChatML).
		id.NoTemplate, id.TemplateHint = filepath.Base(m.gguf), ", or model.llama_cpp.template"
	}
	return id, ctx.Err()
}

// modelFiles has the parts of a split file, which llama.cpp finds by itself.
func modelFiles(c *cell.Cell) []string {
	if m := sourceOf(c); m.gguf != "" {
		return modelfile.Parts(m.gguf)
	}
	return nil
}

// lacking: a GGUF file is the user's own. It lacks nothing, or nothing can fetch it.
func lacking(_ context.Context, c *cell.Cell) ([]backends.Download, error) {
	if m := sourceOf(c); m.gguf != "" {
		for _, part := range modelfile.Parts(m.gguf) {
			if _, err := os.Stat(part); err != nil {
				return nil, fmt.Errorf("find the model's file: %w", err)
			}
		}
	}
	return nil, nil
}

// fetch is never called, as lacking names nothing; it says why to whoever does.
func fetch(context.Context, *cell.Cell, backends.Download, func(done, total int64)) error {
	return errors.New("a GGUF file is not fetched: put it where model.llama_cpp.gguf says")
}

// installed is what doctor says of llama.cpp on this machine.
func installed(p *cell.Platform) backends.Installed {
	i := backends.Installed{Name: "llama.cpp", Tested: Tested,
		Advice: "Install llama.cpp and name its llama-server with platform.binary, or the wheel xllamacpp and name its interpreter with platform.python."}
	program, err := find(p)
	if err == nil {
		i.Path = program.path
		i.Version, err = program.version(context.Background())
	}
	i.Err = err
	return i
}
