package vllm

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"matrix/backends"
	"matrix/experiments"
)

//go:embed fetch.py
var fetchScript string

// hub gets models from Hugging Face through the interpreter's own huggingface_hub: the cache layout, tokens, mirrors
// (HF_ENDPOINT) and resumption are its business. The road not taken is our own HTTP client for the same protocol.
type hub struct{}

// fetchRecord is one line that fetch.py prints.
type fetchRecord struct {
	Files, Bytes int64
	Into         string
	Done, Total  int64
}

// Lacking asks the hub which of a model's files are not in the cache; a local folder lacks nothing.
func (hub) Lacking(ctx context.Context, c *experiments.Cell) ([]backends.Download, error) {
	m := c.Model.VLLM
	if m == nil || c.Platform.Attach || isLocal(m.Model) {
		return nil, nil
	}
	var need fetchRecord
	err := runFetch(ctx, c, "lacking", func(r fetchRecord) { need = r })
	if err != nil || need.Files == 0 {
		return nil, err
	}
	return []backends.Download{{Name: m.Model, Bytes: &need.Bytes, Into: need.Into}}, nil
}

// Fetch downloads what is lacking; huggingface_hub goes on where an earlier try stopped.
func (hub) Fetch(ctx context.Context, c *experiments.Cell, _ backends.Download, progress func(done, total int64)) error {
	return runFetch(ctx, c, "fetch", func(r fetchRecord) { progress(r.Done, r.Total) })
}

// isLocal reports whether a model is a folder and not a repository; the language made such paths absolute.
func isLocal(model string) bool { return strings.HasPrefix(model, "/") }

func runFetch(ctx context.Context, c *experiments.Cell, what string, each func(fetchRecord)) error {
	m := c.Model.VLLM
	cmd := exec.CommandContext(ctx, cmp.Or(c.Platform.Python, "python3"), "-c", fetchScript, what, m.Model, cmp.Or(m.Revision, "main"))
	// Nothing is measured here: the user's whole environment goes along (proxies, HF_TOKEN, HF_ENDPOINT).
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=0", "HF_HUB_DISABLE_PROGRESS_BARS=1", "HF_HUB_DISABLE_TELEMETRY=1")
	for k, v := range c.Platform.Env {
		if k != "HF_HUB_OFFLINE" {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var r fetchRecord
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			each(r)
		}
	}
	if err := errors.Join(lines.Err(), cmd.Wait()); err != nil {
		return fmt.Errorf("%s: %w", fetchReason(stderr.String()), err)
	}
	return ctx.Err()
}

// fetchReason is the last line of a Python traceback, with advice for the usual ones.
func fetchReason(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := lines[len(lines)-1]
	switch {
	case strings.Contains(stderr, "No module named 'huggingface_hub'"):
		return "the interpreter has no huggingface_hub: install vllm into it"
	case strings.Contains(stderr, "GatedRepo"), strings.Contains(stderr, "401 Client Error"):
		return "the repository is gated: accept its licence on the hub and set HF_TOKEN (" + last + ")"
	}
	return last
}
