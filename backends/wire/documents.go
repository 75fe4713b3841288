package wire

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"matrix/experiments/cell"
	"matrix/experiments/textfile"
)

// Documents asks a server for what is not measured: small JSON documents, such as its version and its models.
type Documents struct {
	HTTP *http.Client // nil = one that keeps no connection open and waits some seconds for an answer
	Key  string       // sent as Bearer, and taken out of what the server echoes; "" = none
}

// impatient has no pool: between a few questions at a load's beginning nothing is to be left open.
var impatient = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// mostDocument bounds what is read of an answer, in bytes.
const mostDocument = 16 << 20

// StatusError is an answer other than 2xx.
type StatusError struct {
	Status int           // HTTP's
	Text   string        // in the server's words
	After  time.Duration // that the server asks to stay away; 0 = it does not
}

// Error is for people: who decides by the status reads the field.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server says (%d): %s", e.Status, e.Text)
}

// Get reads one document into out. A refusal is a *StatusError.
func (d Documents) Get(ctx context.Context, url string, out any) error {
	return d.Call(ctx, http.MethodGet, url, nil, out)
}

// Call exchanges JSON: a nil body is none, a nil out is not read. A refusal is a *StatusError.
func (d Documents) Call(ctx context.Context, method, url string, body, out any) error {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(text)
	}
	resp, err := d.Send(ctx, method, url, "application/json", r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostDocument))
	if err == nil && out != nil {
		err = textfile.PlainJSON(json.Unmarshal(text, out))
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", cell.PublicURL(url), err)
	}
	return nil
}

// Send returns a good answer, its body open; kind is the body's type. A refusal is a *StatusError, and no error has the
// address's query in it.
func (d Documents) Send(ctx context.Context, method, url, kind string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, Unasked(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	if d.Key != "" {
		req.Header.Set("Authorization", "Bearer "+d.Key)
	}
	client := d.HTTP
	if client == nil {
		client = impatient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, Unasked(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return nil, &StatusError{resp.StatusCode, Echoed(d.Redact(cmp.Or(ErrorText(text), http.StatusText(resp.StatusCode))), url), RetryAfter(resp.Header, time.Now())}
}

// Redact takes the key out of a text.
func (d Documents) Redact(text string) string {
	return without(text, []string{d.Key})
}

// Health makes the question whether a server is well: a GET that anything but 5xx answers. It has a connection of its own
// and keeps it, so that it does not queue behind a burst.
func Health(url, apiKey string) func(context.Context) error {
	server := Documents{Key: apiKey, HTTP: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: 4 * time.Second,
	}}}
	return func(ctx context.Context) error {
		response, err := server.Send(ctx, http.MethodGet, url, "", nil)
		if refused, said := errors.AsType[*StatusError](err); said && refused.Status < http.StatusInternalServerError {
			return nil
		}
		if err != nil {
			return fmt.Errorf("ask whether the engine is well: %w", err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be kept
		return nil
	}
}
