package ollama

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// registry is where models without a host in their name come from.
const registry = "https://registry.ollama.ai"

// reference is a model's name in its parts, completed the way Ollama does: registry.ollama.ai/library/NAME:latest.
type reference struct {
	plain                       bool   // http:// was written
	host, namespace, model, tag string // host "": the default one
}

// parseReference takes a model's name apart as Ollama does: [http://][host/][namespace/]model[:tag]. A colon before the
// last slash is a port's.
func parseReference(name string) (reference, error) {
	rest, plain := strings.CutPrefix(name, "http://")
	rest = strings.TrimPrefix(rest, "https://")
	r := reference{plain: plain, namespace: "library", tag: "latest"}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, r.tag = rest[:i], rest[i+1:]
	}
	switch parts := strings.Split(rest, "/"); len(parts) {
	case 1:
		r.model = parts[0]
	case 2:
		r.namespace, r.model = parts[0], parts[1]
	case 3:
		r.host, r.namespace, r.model = parts[0], parts[1], parts[2]
	}
	if strings.HasPrefix(rest, "/") || r.model == "" || r.namespace == "" || r.tag == "" || plain && r.host == "" {
		return r, fmt.Errorf("%q is no Ollama model name", name)
	}
	return r, nil
}

// name is what a server knows the model by: the name as it was written, without a scheme.
func (r reference) name() string {
	switch {
	case r.host != "":
		return fmt.Sprintf("%s/%s/%s:%s", r.host, r.namespace, r.model, r.tag)
	case r.namespace != "library":
		return fmt.Sprintf("%s/%s:%s", r.namespace, r.model, r.tag)
	}
	return r.model + ":" + r.tag
}

// bareName is a declared name without its scheme; the tag stays as it was written.
func bareName(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "http://"), "https://")
}

// loopback goes by the name as it is written, and resolves nothing.
func (r reference) loopback() bool {
	host := r.host
	if h, _, err := net.SplitHostPort(r.host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// registryModel is a model in its registry.
type registryModel struct {
	reference
	manifest string // URL
}

// remote is where a reference's manifest is. Only a name that says http:// is asked without TLS.
func (b hub) remote(r reference) registryModel {
	base := b.registry
	switch {
	case r.plain:
		base = "http://" + r.host
	case r.host != "":
		base = "https://" + r.host
	}
	return registryModel{r, fmt.Sprintf("%s/v2/%s/%s/manifests/%s", base, r.namespace, r.model, r.tag)}
}

// errNoAnswer is told from the caller's own deadline, which is no fault of the network.
var errNoAnswer = errors.New("no answer in 30 s")

// size sums the layers that a download into a store would bring ("": a store that cannot be seen); nil when the registry
// says nothing to strangers: Ollama has a key of its own to show.
func (m registryModel) size(ctx context.Context, store string) (*int64, error) {
	if m.plain && !m.loopback() {
		return nil, nil // refused by the pull, with advice
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errNoAnswer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.manifest, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json")
	var raw json.RawMessage
	err = (&api{http: &http.Client{}}).do(req, &raw)
	var refused *apiError
	if errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, m.explain(err)
	}
	manifest, err := parseManifest(raw, filepath.Join(store, "blobs"))
	if err != nil {
		return nil, m.explain(err)
	}
	var sum int64
	for _, b := range manifest.Blobs {
		if info, err := os.Stat(b.Path); store == "" || err != nil || info.Size() != b.Size {
			sum += b.Size
		}
	}
	return &sum, nil
}

// explain says what went wrong between us or Ollama and the registry, and what to do about it; nil stays nil.
func (r reference) explain(err error) error {
	if err == nil {
		return nil
	}
	host := cmp.Or(r.host, strings.TrimPrefix(registry, "https://"))
	var refused *apiError
	var unsent *url.Error
	text := err.Error()
	switch {
	case errors.As(err, &unsent):
		return fmt.Errorf("cannot reach %s: see the network and HTTPS_PROXY (%w)", host, unsent.Err)
	case errors.Is(err, errNoAnswer):
		return fmt.Errorf("cannot reach %s: see the network and HTTPS_PROXY (%w)", host, err)
	case !errors.As(err, &refused):
		return fmt.Errorf("pull %s: %w", r.name(), err)
	case refused.Status == http.StatusNotFound, strings.Contains(text, "file does not exist"):
		return fmt.Errorf("%s has no model %s: correct model.ollama", host, r.name())
	case strings.Contains(text, "unauthorized"), strings.Contains(text, "authorize"):
		return fmt.Errorf("%s refuses %s: add this machine's key (~/.ollama/id_ed25519.pub) to an account that may read it (%w)", host, r.name(), err)
	case strings.Contains(text, "no space left on device"):
		return fmt.Errorf("the disk is full: what has come is kept, so free some and run it again (%w)", err)
	case strings.Contains(text, "dial tcp"), strings.Contains(text, "lookup "), strings.Contains(text, "timeout"):
		return fmt.Errorf("cannot reach %s: see the network and HTTPS_PROXY (%w)", host, err)
	case refused.Status/100 != 2:
		return fmt.Errorf("%s answered %d: %s", host, refused.Status, refused.Text)
	}
	return fmt.Errorf("pull %s: %w", r.name(), err)
}
