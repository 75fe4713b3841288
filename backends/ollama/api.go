package ollama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"matrix/backends/wire"
	"matrix/experiments/cell"
	"matrix/experiments/textfile"
)

// api is the part of Ollama's interface that is not measured.
type api struct {
	base string       // without a slash at its end
	http *http.Client // keeps no connection, so that none stands beside those that are measured
}

// newAPI sets no limit of time: a load may take minutes, and its caller's context knows how many.
func newAPI(base string) *api {
	return &api{base: wire.Bare(base, "/v1", "/api"), http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// apiError is a refusal in the server's words.
type apiError struct {
	Status int    // HTTP's; 200 where the error came in a good answer's body
	Text   string // in the server's words
}

// Error names who says it: the text is often llama-server's, passed on.
func (e *apiError) Error() string { return fmt.Sprintf("ollama says (%d): %s", e.Status, e.Text) }

// refusal is what a server says, which may echo a key of the address.
func (a *api) refusal(resp *http.Response, text string) *apiError {
	return &apiError{resp.StatusCode, wire.Echoed(text, a.base)}
}

// call sends a body (nil = GET) and reads the answer into out, which may be nil.
func (a *api) call(ctx context.Context, path string, body []byte, out any) error {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	req, err := a.request(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	return a.do(req, out)
}

// request is one to a path. No error has the address's query, where a gateway may want a key: errors are stored and shown.
func (a *api) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, wire.Join(a.base, path), body)
	return req, wire.Unasked(err)
}

// do sends a request and decodes its answer into out, which may be nil. An "error" in the answer is one whatever the
// status.
func (a *api) do(req *http.Request, out any) error {
	resp, err := a.http.Do(req)
	if err != nil {
		if cause := context.Cause(req.Context()); cause != nil {
			return cause
		}
		return wire.Unasked(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("read %s: %w", cell.PublicURL(req.URL.Path), err)
	}
	var failed struct{ Error string }
	if json.Unmarshal(text, &failed) == nil && failed.Error != "" || resp.StatusCode/100 != 2 {
		if failed.Error == "" {
			failed.Error = strings.TrimSpace(string(text))
		}
		return a.refusal(resp, failed.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read %s: %w", cell.PublicURL(req.URL.Path), textfile.PlainJSON(err))
	}
	return nil
}

// version is that of the server which answers, which need not be the executable's.
func (a *api) version(ctx context.Context) (string, error) {
	var v struct{ Version string }
	err := a.call(ctx, "/api/version", nil, &v)
	return v.Version, err
}

// shown is what /api/show tells of a model.
type shown struct {
	Template     string   // Go's or Jinja's, as the model brings it
	Capabilities []string // "completion", "tools", "thinking" …; none in versions that do not tell
	Details      struct {
		Quantization string `json:"quantization_level"` // "Q4_K_M", "F16"
	}
	ModelInfo struct {
		AddBOS bool `json:"tokenizer.ggml.add_bos_token"` // false also where the model does not say
	} `json:"model_info"`
}

// show reads a model's files; it loads nothing.
func (a *api) show(ctx context.Context, name string) (shown, error) {
	var s shown
	err := a.call(ctx, "/api/show", cell.Canonical(map[string]string{"model": name}), &s)
	return s, err
}

// running is one entry of /api/ps.
type running struct {
	Name          string // with its tag
	Digest        string // of the manifest, 64 hex digits
	Size          int64  // bytes, weights and caches together
	SizeVRAM      int64  `json:"size_vram"`      // bytes of Size that are on GPUs
	ContextLength *int64 `json:"context_length"` // tokens of one request; nil: an old version
}

// loaded is the entry of a model in /api/ps. Ollama adds ":latest" to a name without a tag.
func (a *api) loaded(ctx context.Context, name string) (running, error) {
	var list struct{ Models []running }
	if err := a.call(ctx, "/api/ps", nil, &list); err != nil {
		return running{}, err
	}
	for _, m := range list.Models {
		if m.Name == name || m.Name == name+":latest" {
			return m, nil
		}
	}
	return running{}, fmt.Errorf("%s: %w", name, errNotLoaded)
}

// errNotLoaded means that /api/ps does not have a model right after its load.
var errNotLoaded = errors.New("ollama does not list it as loaded")

// create makes a model from a GGUF file. Weights that the store already holds are not sent again.
// The answer is not streamed: with a stream, an error would come after a 200.
func (a *api) create(ctx context.Context, s source, name string) error {
	digest := "sha256:" + s.digest
	if err := a.putBlob(ctx, s.gguf, digest); err != nil {
		return err
	}
	body := map[string]any{"model": name, "files": map[string]string{"model.gguf": digest}, "stream": false}
	if s.template != "" {
		body["template"] = s.template
	}
	var done struct{ Status string }
	if err := a.call(ctx, "/api/create", cell.Canonical(body), &done); err != nil {
		return err
	}
	if done.Status != "success" {
		return fmt.Errorf("create model: ollama ended with %q", done.Status)
	}
	return nil
}

// putBlob sends a file into the server's store, under its digest ("sha256:…"), unless it is there.
func (a *api) putBlob(ctx context.Context, path, digest string) error {
	blob := "/api/blobs/" + digest
	head, err := a.request(ctx, http.MethodHead, blob, nil)
	if err != nil {
		return err
	}
	var missing *apiError
	if err := a.do(head, nil); !errors.As(err, &missing) || missing.Status != http.StatusNotFound {
		return err // there, or a real error
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	post, err := a.request(ctx, http.MethodPost, blob, f)
	if err != nil {
		return err
	}
	post.ContentLength = info.Size()
	return a.do(post, nil)
}
