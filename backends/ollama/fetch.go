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
	"matrix/backends/wire"
	"matrix/experiments/cell"
	"matrix/experiments/textfile"
)

// hub gets models from a registry.
type hub struct{ registry string } // base URL of what has no host in its name; a test has another

// lacking asks the model's registry for the size of what the store does not hold yet. A GGUF file is the user's own; it
// lacks nothing, or nothing can fetch it.
func (b hub) lacking(ctx context.Context, c *cell.Cell) ([]backends.Download, error) {
	m := modelOf(c.Model)
	if m == nil {
		return nil, nil
	}
	if m.GGUF != "" {
		if _, err := os.Stat(m.GGUF); err != nil {
			return nil, fmt.Errorf("find the model's file: %w", err)
		}
		return nil, nil
	}
	r, err := parseReference(m.Model)
	if err != nil {
		return nil, err
	}
	d := backends.Download{Name: m.Model, Into: c.Platform.PublicURL()}
	store := ""
	if c.Platform.Attach {
		if here, err := attachedHas(ctx, c.Platform.URL, r.name()); err != nil || here {
			return nil, err
		}
	} else {
		store = userStore(c.Platform, m.Model)
		if d.Into = store; complete(store, m.Model) {
			return nil, nil
		}
	}
	if d.Bytes, err = b.remote(r).size(ctx, store); err != nil {
		return nil, err
	}
	return []backends.Download{d}, nil
}

// attachedHas asks a running server whether it has a model.
func attachedHas(ctx context.Context, url, name string) (bool, error) {
	_, err := newAPI(url).show(ctx, name)
	var refused *apiError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return false, nil
	}
	return false, fmt.Errorf("ask %s for %s: %w", cell.PublicURL(url), name, err)
}

// proxies are passed on for a download alone.
var proxies = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}

// fetch pulls a model, through a server of its own or the one that is attached to. Ollama keeps what has come, so a
// pull that was cut off goes on.
func (b hub) fetch(ctx context.Context, c *cell.Cell, d backends.Download, progress func(done, total int64)) error {
	r, err := parseReference(d.Name)
	if err != nil {
		return err
	}
	if c.Platform.Attach {
		return newAPI(c.Platform.URL).pull(ctx, r, progress)
	}
	binary, err := find(c.Platform)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "matrix-pull-")
	if err != nil {
		return fmt.Errorf("make a scratch folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.MkdirAll(d.Into, 0o755); err != nil {
		return fmt.Errorf("make models folder: %w", err)
	}
	l := &launching{
		spec:   backends.Spec{Cell: forDownload(c), Dir: dir, LogPath: filepath.Join(dir, "server.log"), Observe: func(backends.Phase) {}},
		binary: binary, source: source{store: d.Into},
	}
	s, err := l.start(ctx, false)
	if err != nil {
		return err
	}
	defer s.Discard(stopGrace)
	if err := s.api.pull(ctx, r, progress); err != nil {
		return err
	}
	_, err = manifestOf(d.Into, d.Name)
	return err
}

// forDownload is a cell whose server sees the user's proxies.
func forDownload(c *cell.Cell) *cell.Cell {
	cell, platform := *c, *c.Platform
	platform.Env = map[string]string{}
	for _, name := range proxies {
		if value := os.Getenv(name); value != "" {
			platform.Env[name] = value
		}
	}
	maps.Copy(platform.Env, c.Platform.Env)
	cell.Platform = &platform
	return &cell
}

// pull adds the progress of all layers up.
func (a *api) pull(ctx context.Context, r reference, progress func(done, total int64)) error {
	if r.plain && !r.loopback() {
		return fmt.Errorf("pull %s: a registry without TLS is used on this machine only; ollama pull --insecure %s gets it", r.name(), r.name())
	}
	// insecure makes Ollama speak HTTP to the registry; the scheme in a name alone does not.
	body := cell.Canonical(map[string]any{"model": r.name(), "insecure": r.plain, "stream": true})
	req, err := a.request(ctx, http.MethodPost, "/api/pull", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	resp, err := a.http.Do(req)
	if err == nil {
		defer resp.Body.Close()
		err = r.explain(a.followPull(resp, progress))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return wire.Unasked(err)
}

// followPull reads a pull's progress to its end, which must be "success".
func (a *api) followPull(resp *http.Response, progress func(done, total int64)) error {
	// By layer: Ollama loads several at once, and tells of each by itself.
	done, total := map[string]int64{}, map[string]int64{}
	last := "HTTP status " + resp.Status
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var line struct {
			Status, Error, Digest string
			Total, Completed      int64
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("read progress: %w", textfile.PlainJSON(err))
		}
		if line.Error != "" {
			return a.refusal(resp, line.Error)
		}
		last = line.Status
		if line.Digest != "" {
			done[line.Digest], total[line.Digest] = line.Completed, line.Total
			progress(sumOf(done), sumOf(total))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the server broke off: %w", err)
	}
	if last != "success" {
		return fmt.Errorf("the download ended with %q", last)
	}
	progress(sumOf(total), sumOf(total)) // a layer's last line may tell of less
	return nil
}

// sumOf: a total grows while it goes on, since a layer is known only when its download begins.
func sumOf(parts map[string]int64) int64 {
	var sum int64
	for _, n := range parts {
		sum += n
	}
	return sum
}
