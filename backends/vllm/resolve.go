package vllm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// resolve is the same for both entry points: they are the same vLLM with the same model.
// A model that is not here is no error but a note and Missing: a plan is made before the download.
func resolve(ctx context.Context, c *cell.Cell) (backends.Identity, error) {
	id := backends.Identity{Engine: "vllm"}
	if c.Platform.Attach {
		id.Model = cell.Values{"model": attachedModel(c)}
		return id, ctx.Err()
	}
	if modelOf(c.Model) == nil {
		return id, fmt.Errorf("model %q does not say what vLLM loads", c.Model.ID)
	}
	i, err := find(c.Platform.Python, c.Platform.Env)
	id.Version, id.Missing = i.version, err
	if err == nil {
		id.Notes = append(id.Notes, namesAsked(c, i.site)...)
	}
	values, err := modelValues(c)
	id.Model = values
	if dir, _, err := modelDir(c); err == nil {
		lookAtTemplate(c, dir, &id)
	}
	var absent *modelfile.NotFoundError
	if errors.As(err, &absent) {
		id.Notes = append(id.Notes, absent.Name+" not downloaded")
		advice := "run matrix fetch"
		if isLocal(modelOf(c.Model).Model) {
			advice = "put it there, or correct model.vllm"
		}
		id.Missing = errors.Join(id.Missing, fmt.Errorf("%w: %s", err, advice))
		err = nil
	}
	return id, errors.Join(err, ctx.Err())
}

// modelValues is what the identity knows a model by: repository and commit, or the digests of a folder's files.
func modelValues(c *cell.Cell) (cell.Values, error) {
	m := modelOf(c.Model)
	v := cell.Values{}
	for name, value := range map[string]string{"dtype": m.DType, "quantization": m.Quantization, "tokenizer": m.Tokenizer} {
		if value != "" {
			v[name] = value
		}
	}
	if strings.HasSuffix(m.Model, ".gguf") && filepath.IsAbs(m.Model) {
		digest, err := modelfile.Digest(m.Model)
		v["files"] = cell.Values{filepath.Base(m.Model): digest}
		return v, err
	}
	dir, commit, err := modelDir(c)
	if err != nil || commit != "" {
		v["repository"] = m.Model
		if commit != "" {
			v["commit"] = commit
		} else if m.Revision != "" {
			v["revision"] = m.Revision
		}
		return v, err
	}
	v["files"], err = digests(dir)
	return v, err
}

// modelDir is the folder of the files that a launch reads; commit is "" for a local folder. It looks under the platform's
// environment (HF_HOME and the like), not under the caller's.
func modelDir(c *cell.Cell) (dir, commit string, err error) {
	hub := modelfile.HubDir(process.Getenv(c.Platform.Env))
	return modelfile.ResolveHFIn(hub, modelOf(c.Model).Model, modelOf(c.Model).Revision)
}

// digests are those of the files that decide what a model answers.
// A folder has no commit, so its files are what tells one model from its successor; pictures and licences do not.
func digests(dir string) (cell.Values, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read model folder: %w", err)
	}
	files := cell.Values{}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".json", ".safetensors", ".bin", ".pt", ".model", ".jinja", ".txt":
			digest, err := modelfile.Digest(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("read model folder: %w", err)
			}
			files[e.Name()] = digest
		}
	}
	return files, nil
}

// ready refuses a launch that lacks what it needs, before anything is started.
func ready(ctx context.Context, c *cell.Cell) (install, error) {
	i, err := find(c.Platform.Python, c.Platform.Env)
	if err != nil {
		class := "missing_package"
		if isNotExist(err) {
			class = "missing_interpreter"
		}
		return i, &backends.LaunchError{
			Environment: true, Class: class, Err: err, Hint: "set platform.python to an interpreter that has vLLM",
		}
	}
	if modelOf(c.Model) == nil {
		return i, &backends.LaunchError{Class: "bad_argument", Err: fmt.Errorf("model %q does not say what vLLM loads", c.Model.ID)}
	}
	if strings.HasSuffix(modelOf(c.Model).Model, ".gguf") {
		return i, ctx.Err()
	}
	if _, _, err := modelDir(c); err != nil {
		return i, &backends.LaunchError{
			Environment: true, Class: "missing_model", Err: err, Hint: "run matrix fetch first: launches do not download",
		}
	}
	return i, ctx.Err()
}

// reserves is gpu_memory_utilization of the GPU: vLLM compares it with what is free and refuses to start, but only after
// it has been imported (23 s).
func reserves(c *cell.Cell, totalBytes int64) int64 {
	s := fitSettingsOf(c)
	if s.cpu || c.Platform.Attach {
		return 0
	}
	return int64(s.utilization * float64(totalBytes))
}

// modelFiles are the weights in the model's folder.
func modelFiles(c *cell.Cell) []string {
	dir, _, err := modelDir(c)
	if err != nil {
		return nil
	}
	var files []string
	for _, pattern := range []string{"*.safetensors", "*.bin", "*.pt"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are well formed
		files = append(files, found...)
	}
	return files
}
