package ollama

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/experiments"
)

// registry is where models without a host in their name come from.
const registry = "https://registry.ollama.ai"

// Lacking asks the model's registry for the size of what the store does not hold yet. A GGUF file is the user's own.
func (b backend) Lacking(ctx context.Context, c *experiments.Cell) ([]backends.Download, error) {
	m := c.Model.Ollama
	if c.Platform.Attach || m == nil || m.GGUF != "" {
		return nil, nil
	}
	store := userStore(c.Platform, m.Model)
	if complete(store, m.Model) {
		return nil, nil
	}
	bytes, err := b.sizeOf(ctx, store, m.Model)
	if err != nil {
		return nil, fmt.Errorf("ask for the size of %s: %w", m.Model, err)
	}
	return []backends.Download{{Name: m.Model, Bytes: &bytes, Into: store}}, nil
}

// sizeOf sums the layers that a download would bring.
func (b backend) sizeOf(ctx context.Context, store, name string) (int64, error) {
	url, err := b.manifestURL(name)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json")
	var manifest struct {
		Config layer
		Layers []layer
	}
	remote := &api{http: http.DefaultClient}
	if err := remote.do(req, &manifest); err != nil {
		var refused *apiError
		if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
			return 0, fmt.Errorf("%s has no such model", req.URL.Host)
		}
		return 0, err
	}
	var sum int64
	for _, l := range append(manifest.Layers, manifest.Config) {
		blob := filepath.Join(store, "blobs", strings.Replace(l.Digest, ":", "-", 1))
		if info, err := os.Stat(blob); err != nil || info.Size() != l.Size {
			sum += l.Size
		}
	}
	return sum, nil
}

type layer struct {
	Digest string
	Size   int64
}

// manifestURL completes a name the way Ollama does: registry.ollama.ai/library/NAME:latest.
func (b backend) manifestURL(name string) (string, error) {
	tag, base := "latest", b.registry
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	parts := strings.Split(name, "/")
	switch len(parts) {
	case 1:
		parts = []string{"library", name}
	case 2:
	case 3:
		base, parts = "https://"+parts[0], parts[1:]
	default:
		return "", fmt.Errorf("%q is no Ollama model name", name)
	}
	return fmt.Sprintf("%s/v2/%s/%s/manifests/%s", base, parts[0], parts[1], tag), nil
}

// proxies are passed on for a download alone.
var proxies = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}

// Fetch pulls a model through a server of its own. Ollama keeps what has come, so a pull that was cut off goes on.
func (b backend) Fetch(ctx context.Context, c *experiments.Cell, d backends.Download, progress func(done, total int64)) error {
	binary, err := find(c.Platform)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "matrix-pull-")
	if err != nil {
		return fmt.Errorf("make a scratch folder: %w", err)
	}
	defer os.RemoveAll(dir)
	cell, platform := *c, *c.Platform
	platform.Env = maps.Clone(platform.Env)
	if platform.Env == nil {
		platform.Env = map[string]string{}
	}
	for _, name := range proxies {
		if value := os.Getenv(name); value != "" {
			platform.Env[name] = value
		}
	}
	cell.Platform = &platform
	l := &launching{
		spec:   backends.Spec{Cell: &cell, Dir: dir, LogPath: filepath.Join(dir, "server.log"), Observe: func(backends.Phase) {}},
		binary: binary, source: source{store: d.Into},
	}
	s, err := l.start(ctx, false)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.api.pull(ctx, d.Name, progress); err != nil {
		return fmt.Errorf("pull %s: %w", d.Name, err)
	}
	if _, err := modelfile.OllamaManifest(d.Into, d.Name); err != nil {
		return fmt.Errorf("pull %s: %w", d.Name, err)
	}
	return nil
}

// pull adds the progress of all layers up.
func (a *api) pull(ctx context.Context, name string, progress func(done, total int64)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/api/pull", strings.NewReader(string(encode(map[string]any{"model": name}))))
	if err != nil {
		return err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	done, total := map[string]int64{}, map[string]int64{}
	last := ""
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		var line struct {
			Status, Error, Digest string
			Total, Completed      int64
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("read progress: %w", err)
		}
		if line.Error != "" {
			return &apiError{resp.StatusCode, line.Error}
		}
		last = line.Status
		if line.Digest != "" {
			done[line.Digest], total[line.Digest] = line.Completed, line.Total
			progress(sumOf(done), sumOf(total))
		}
	}
	if last != "success" {
		return fmt.Errorf("the download ended with %q", last)
	}
	return context.Cause(ctx)
}

func sumOf(parts map[string]int64) int64 {
	var sum int64
	for _, n := range parts {
		sum += n
	}
	return sum
}
