package vllm

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
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

// Models come from Hugging Face through the interpreter's own huggingface_hub: the cache layout, tokens, mirrors
// (HF_ENDPOINT) and resumption are its business. The road not taken is our own HTTP client for the same protocol.
//
//go:embed fetch.py
var fetchScript string

// repository is one that a launch reads from.
type repository struct {
	what, name, revision string // what: "weights" (all of a model) or "tokenizer" (no weights)
}

// repositories are those that a cell's launch loads; a local folder is none.
func repositories(c *cell.Cell) []repository {
	m := modelOf(c.Model)
	var all []repository
	if !isLocal(m.Model) {
		all = append(all, repository{"weights", m.Model, cmp.Or(m.Revision, "main")})
	}
	if m.Tokenizer != "" && m.Tokenizer != m.Model && !isLocal(m.Tokenizer) {
		revision, _ := c.Platform.Args["tokenizer_revision"].(string)
		all = append(all, repository{"tokenizer", m.Tokenizer, cmp.Or(revision, "main")})
	}
	return all
}

// isLocal reports whether a model is a folder and not a repository; the language made such paths absolute.
func isLocal(model string) bool { return filepath.IsAbs(model) || strings.HasPrefix(model, "~") }

// lacking asks the hub which of a model's files are not in the cache. A local folder that is not there is an error:
// nothing can fetch it.
func lacking(ctx context.Context, c *cell.Cell) ([]backends.Download, error) {
	if modelOf(c.Model) == nil || c.Platform.Attach {
		return nil, nil
	}
	if path := modelfile.ExpandHome(modelOf(c.Model).Model); isLocal(path) {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("find the model's folder: %w", err)
		}
	}
	var missing []backends.Download
	for _, r := range repositories(c) {
		var need fetchRecord
		if err := runFetch(ctx, c, "lacking", r, func(record fetchRecord) { need = record }); err != nil {
			return nil, err
		}
		if need.Files > 0 {
			missing = append(missing, backends.Download{Name: r.name, Bytes: &need.Bytes, Into: hubDir(c)})
		}
	}
	return missing, nil
}

// fetch downloads what is lacking; huggingface_hub goes on where an earlier try stopped.
func fetch(ctx context.Context, c *cell.Cell, d backends.Download, progress func(done, total int64)) error {
	for _, r := range repositories(c) {
		if r.name == d.Name {
			return runFetch(ctx, c, "fetch", r, func(record fetchRecord) { progress(record.Done, record.Total) })
		}
	}
	return fmt.Errorf("%s loads no %s", c.Name(), d.Name)
}

// hubDir is the cache under the platform's environment: a fetch must fill the folder in which a launch looks.
func hubDir(c *cell.Cell) string { return modelfile.HubDir(process.Getenv(c.Platform.Env)) }

// fetchRecord is one line that fetch.py prints.
type fetchRecord struct {
	Files, Bytes int64  // of "lacking": what is not here
	Done, Total  int64  // of "fetch": bytes so far, and of all
	Error, Text  string // Error is a word of explain's list, "" = none; Text is the library's own
	Endpoint     string // without a path: HF_ENDPOINT, or the hub's
	Token        bool   // one was sent
}

// runFetch runs fetch.py, by huggingface_hub of the platform's own interpreter, so that files land where its vLLM looks for
// them. act is "lacking" or "fetch"; each gets every record that comes. An error that the script explains itself wins over
// its exit code.
func runFetch(ctx context.Context, c *cell.Cell, act string, r repository, each func(fetchRecord)) error {
	python, err := interpreter(c.Platform.Python)
	if err != nil {
		return err
	}
	sites, _ := importPath(python, c.Platform.Env) // without them it says that it lacks the library
	script, err := json.Marshal(sites)
	if err != nil {
		return err
	}
	var failed fetchRecord
	_, stderr, err := process.Ask(ctx, process.Question{Path: python, Env: fetchEnv(c), Line: func(line []byte) {
		var record fetchRecord
		if json.Unmarshal(line, &record) != nil {
			return // a library's own word
		}
		if failed = record; record.Error == "" {
			each(record)
		}
	}, Args: []string{"-Ic", fmt.Sprintf("import sys; sys.path[:0] = %s or []\n%s", script, fetchScript), act, r.what, r.name, r.revision}})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case failed.Error != "":
		return failed.explain(python, r)
	case err != nil:
		return fmt.Errorf("run huggingface_hub: %w: %s", err, lastLine(string(stderr)))
	}
	return nil
}

// hubVariables are what huggingface_hub and the network need beside what an engine gets: nothing is measured here.
var hubVariables = []string{"HF_*", "HUGGING_FACE_*", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
	"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}

// fetchEnv is an engine's environment with the user's proxies, HF_TOKEN and HF_ENDPOINT. The cache is the one that the
// plan looks at.
func fetchEnv(c *cell.Cell) []string {
	var env []string
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); process.Matches(hubVariables, name) {
			env = append(env, kv)
		}
	}
	return append(append(env, process.Env(c.Platform.Env)...), "HF_HUB_CACHE="+hubDir(c), "HF_HUB_OFFLINE=0", "TRANSFORMERS_OFFLINE=0",
		"HF_HUB_DISABLE_PROGRESS_BARS=1", "HF_HUB_DISABLE_TELEMETRY=1")
}

// explain says what went wrong and what to do about it.
func (f fetchRecord) explain(python string, r repository) error {
	page := strings.TrimRight(f.Endpoint, "/") + "/" + r.name
	switch f.Error {
	case "no_library":
		return fmt.Errorf("%s has no huggingface_hub: install vLLM into it, or set platform.python (%s)", python, f.Text)
	case "gated":
		if f.Token {
			return fmt.Errorf("%s is gated and your token has no access yet: ask for it at %s", r.name, page)
		}
		return fmt.Errorf("%s is gated: accept its licence at %s, then set HF_TOKEN or run hf auth login", r.name, page)
	case "no_repository":
		return fmt.Errorf("%s has no repository %s for you: correct model.vllm, or set HF_TOKEN if it is private", f.Endpoint, r.name)
	case "no_revision":
		return fmt.Errorf("%s has no revision %q: correct model.vllm.revision", r.name, r.revision)
	case "refused":
		return fmt.Errorf("%s refuses %s: HF_TOKEN is wrong or has no right to it (%s)", f.Endpoint, r.name, f.Text)
	case "unreachable":
		return fmt.Errorf("cannot reach %s: see the network, HTTPS_PROXY and HF_ENDPOINT (%s)", f.Endpoint, f.Text)
	case "disk_full":
		return fmt.Errorf("the disk is full: what has come is kept, so free some and run it again (%s)", f.Text)
	}
	return errors.New(f.Text)
}

// lastLine is where Python says what went wrong; the traceback above it helps nobody who has no source.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
