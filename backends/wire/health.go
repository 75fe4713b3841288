package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"matrix/experiments/cell"
)

const (
	// freshHealth is how long an answer about the server's health is believed: thousands of connections may break at once.
	freshHealth = time.Second
	// healthPatience is how long a busy server has to answer.
	healthPatience = 10 * time.Second
)

// health is what was last heard of the server's.
type health struct {
	ask func(context.Context) error // never nil

	mu sync.Mutex // held while it is asked: who comes meanwhile wants the same answer
	at time.Time  // of the last answer; zero: never asked
	ok bool       // of that answer
}

// well asks whether the server is well, at most once in freshHealth: when a thousand connections break at once, one
// question answers for all. A nil health knows nothing and says no.
func (h *health) well(ctx context.Context) bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at.IsZero() || time.Since(h.at) > freshHealth {
		bounded, cancel := context.WithTimeout(ctx, healthPatience)
		err := h.ask(bounded)
		cancel()
		if ctx.Err() != nil {
			return false // we stop; that says nothing of the server
		}
		h.ok, h.at = err == nil, time.Now()
	}
	return h.ok
}

// Health makes the question whether a server is well: a GET that anything but 5xx answers. It has a connection of its own
// and keeps it, so that it does not queue behind a burst.
func Health(url, apiKey string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: 4 * time.Second,
	}}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("ask whether the engine is well: %w", Unasked(err))
		}
		if apiKey != "" {
			request.Header.Set("Authorization", "Bearer "+apiKey)
		}
		response, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("ask whether the engine is well: %w", Unasked(err))
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be kept
		if response.StatusCode >= http.StatusInternalServerError {
			return fmt.Errorf("ask whether the engine is well: %s from %s", response.Status, cell.PublicURL(url))
		}
		return nil
	}
}
