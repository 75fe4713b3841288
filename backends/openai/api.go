package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"matrix/backends/wire"
	"matrix/experiments/cell"
	"matrix/experiments/textfile"
)

// api is the part of the interface that is not measured.
type api struct {
	base string // ends in /v1, as a rule
	root string // scheme and host
	key  string
	http *http.Client
}

// newAPI takes a base URL the way clients of OpenAI do: with its /v1, which is added to a bare host.
func newAPI(base, key string) (*api, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil {
		return nil, fmt.Errorf("read url: %w", wire.Unasked(err))
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("read url: %q is no http:// or https:// address", cell.PublicURL(base))
	}
	for _, endpoint := range []string{"/chat/completions", "/completions", "/models"} { // the address of a request, copied whole
		u.Path = strings.TrimSuffix(u.Path, endpoint)
	}
	u.Path = strings.ReplaceAll(u.Path, "/v1/v1", "/v1")
	if u.Path == "" {
		u.Path = "/v1"
	}
	return &api{base: u.String(), root: u.Scheme + "://" + u.Host, key: key, http: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: callPatience, ResponseHeaderTimeout: filePatience,
	}}}, nil
}

// apiError is a refusal in the server's words.
type apiError struct {
	Status int
	Text   string
	After  time.Duration // that the server asks to stay away; 0 = it does not
}

const (
	// callPatience bounds one exchange of JSON: a service that never answers must not hold a launch for ever.
	callPatience = time.Minute
	// filePatience is how long a file's transfer may stand still.
	filePatience = 5 * time.Minute
)

// patient closes a body on which nothing comes.
type patient struct {
	body    io.ReadCloser
	silence *time.Timer
}

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	p.silence.Reset(filePatience)
	return n, err
}

func (p *patient) Close() error {
	p.silence.Stop()
	return p.body.Close()
}

func (e *apiError) Error() string { return fmt.Sprintf("the server says (%d): %s", e.Status, e.Text) }

// call exchanges JSON; a nil body is a GET, a nil out is not read.
func (a *api) call(ctx context.Context, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(text)
	}
	resp, err := a.send(ctx, method, wire.Join(a.base, path), "application/json", r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read %s: %w", path, textfile.PlainJSON(err))
	}
	return nil
}

// send returns a good answer, its body open, or an error.
func (a *api) send(ctx context.Context, method, target, kind string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	if a.key != "" {
		req.Header.Set("Authorization", "Bearer "+a.key)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, wire.Unasked(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return nil, &apiError{resp.StatusCode, a.redact(errorText(text)), wire.RetryAfter(resp.Header, time.Now())}
}

// errorText finds the message in {"error": {"message": …}} and in {"error": "…"}.
func errorText(text []byte) string {
	var nested struct{ Error struct{ Message string } }
	if json.Unmarshal(text, &nested) == nil && nested.Error.Message != "" {
		return nested.Error.Message
	}
	var flat struct{ Error, Detail, Message string }
	if json.Unmarshal(text, &flat) == nil && flat.Error+flat.Detail+flat.Message != "" {
		return strings.TrimSpace(flat.Error + flat.Detail + flat.Message)
	}
	if len(text) > 300 {
		text = text[:300]
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(text)), "")
}

// redact takes the key out of what a server echoes.
func (a *api) redact(text string) string {
	if a.key == "" {
		return text
	}
	return strings.ReplaceAll(text, a.key, "***")
}

// model is one entry of /v1/models. max_model_len is vLLM's, meta.n_ctx llama-server's.
type model struct {
	ID          string `json:"id"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen *int64 `json:"max_model_len"`
	Meta        struct {
		Context *int64 `json:"n_ctx"`
	} `json:"meta"`
}

// window is the tokens of one request's context, nil where the server does not tell.
func (m model) window() *int64 {
	if m.MaxModelLen != nil {
		return m.MaxModelLen
	}
	return m.Meta.Context
}

func (a *api) models(ctx context.Context) ([]model, error) {
	var list struct{ Data []model }
	err := a.call(ctx, http.MethodGet, "/models", nil, &list)
	return list.Data, err
}

// metricPrefixes are how the metrics of servers begin that speak this interface.
var metricPrefixes = []string{"vllm:", "llamacpp:", "sglang:", "tgi_"}

// metrics finds a server's Prometheus text where it has one: at its root, open to all, as vLLM's and llama-server's
// (--metrics) are. The key stays here.
func (a *api) metrics(ctx context.Context) (url, prefix string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	anonymous := &api{base: a.root, http: a.http}
	resp, err := anonymous.send(ctx, http.MethodGet, a.root+"/metrics", "", nil)
	if err != nil {
		return "", ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", ""
	}
	for _, p := range metricPrefixes {
		if bytes.Contains(text, []byte("\n"+p)) {
			return a.root + "/metrics", p
		}
	}
	return "", ""
}

// version asks in the ways of vLLM, llama-server and Ollama; "unknown" where none is understood. The key stays here.
func (a *api) version(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	anonymous := &api{base: a.root, http: a.http}
	for _, path := range []string{"/version", "/props", "/api/version"} {
		var v struct {
			Version   string
			BuildInfo string `json:"build_info"`
		}
		if anonymous.call(ctx, http.MethodGet, path, nil, &v) == nil && v.Version+v.BuildInfo != "" {
			return v.Version + v.BuildInfo
		}
	}
	return "unknown"
}
