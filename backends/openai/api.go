package openai

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// api is the part of the interface that is not measured.
type api struct {
	wire.Documents
	base string // ends in /v1, as a rule
	root string // scheme and host
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
	return &api{base: u.String(), root: u.Scheme + "://" + u.Host, Documents: wire.Documents{Key: key, HTTP: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: callPatience, ResponseHeaderTimeout: filePatience,
	}}}}, nil
}

const (
	// callPatience bounds one exchange of JSON: a service that never answers must not hold a launch for ever.
	callPatience = time.Minute
	// filePatience is how long a file's transfer may stand still.
	filePatience = 5 * time.Minute
)

// patient closes a body on which nothing comes.
type patient struct {
	body    io.ReadCloser // of a response; closed by the timer too
	silence *time.Timer   // runs out filePatience after the last byte
}

// Read starts the wait anew with each piece, so that a long transfer has no limit as long as something comes.
func (p *patient) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	p.silence.Reset(filePatience)
	return n, err
}

// Close stops the timer, which would hold on to the body for minutes.
func (p *patient) Close() error {
	p.silence.Stop()
	return p.body.Close()
}

// call exchanges JSON with a path of the interface; a nil body is none, a nil out is not read.
func (a *api) call(ctx context.Context, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	return a.Call(ctx, method, wire.Join(a.base, path), body, out)
}

// models is the proof of address and key, before anything is sent that costs money.
func (a *api) models(ctx context.Context) (wire.ServedModels, error) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	return a.Models(ctx, a.base)
}

// metricPrefixes are how the metrics of servers begin that speak this interface.
var metricPrefixes = []string{"vllm:", "llamacpp:", "sglang:", "tgi_"}

// metrics finds a server's Prometheus text where it has one: at its root, open to all, as vLLM's and llama-server's
// (--metrics) are. The key stays here.
func (a *api) metrics(ctx context.Context) (url, prefix string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	resp, err := wire.Documents{HTTP: a.HTTP}.Send(ctx, http.MethodGet, a.root+"/metrics", "", nil)
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
	anonymous := wire.Documents{HTTP: a.HTTP}
	for _, path := range []string{"/version", "/props", "/api/version"} {
		var v struct {
			Version   string
			BuildInfo string `json:"build_info"`
		}
		if anonymous.Get(ctx, wire.Join(a.root, path), &v) == nil && v.Version+v.BuildInfo != "" {
			return v.Version + v.BuildInfo
		}
	}
	return "unknown"
}
