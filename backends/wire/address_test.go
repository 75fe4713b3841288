package wire

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"matrix/backends"
)

func TestJoin(t *testing.T) {
	for _, c := range [][3]string{
		{"http://h:1/v1", "/models", "http://h:1/v1/models"},
		{"http://h:1/v1/", "/models", "http://h:1/v1/models"},
		{"http://h:1/v1?api_key=k", "/models", "http://h:1/v1/models?api_key=k"},
		{"http://h:1?a=1&b=2", "/v1/models", "http://h:1/v1/models?a=1&b=2"},
	} {
		if got := Join(c[0], c[1]); got != c[2] {
			t.Errorf("%s and %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

func TestBare(t *testing.T) {
	for given, want := range map[string]string{
		"http://h:1": "http://h:1", "http://h:1/v1/": "http://h:1", "http://h:1/api": "http://h:1", "http://h:1/v1?key=a/v1": "http://h:1?key=a/v1",
	} {
		if got := Bare(given, "/v1", "/api"); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

// A key in an address goes to the server and comes back in no answer and no error.
func TestQueryStaysPrivate(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		http.Error(w, "no such page: "+r.URL.String()+" (hunter 22)", http.StatusNotFound)
	}))
	defer server.Close()
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no luck at "+r.URL.String(), http.StatusInternalServerError)
	}))
	defer failing.Close()
	c := New(Options{})
	defer c.Close()
	base := server.URL + "/v1?api_key=hunter%2022"
	r := c.Do(t.Context(), Call{URL: Join(base, "/completions"), Body: []byte("{}"), Protocol: OpenAIChat, Request: backends.Request{Timeout: time.Second}})
	if asked != "api_key=hunter%2022" || r.Status == backends.OK || strings.Contains(r.Error, "hunter") {
		t.Errorf("asked %q, %s: %s", asked, r.Status, r.Error)
	}
	server.Close()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, Join(base, "/models"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = http.DefaultClient.Do(req); err == nil || strings.Contains(Unasked(err).Error(), "hunter") {
		t.Errorf("%v", err)
	}
	for name, ask := range map[string]func(base string) error{
		"health":   func(base string) error { return Health(base, "")(t.Context()) },
		"document": func(base string) error { return Documents{}.Get(t.Context(), base, nil) },
	} {
		// The address as such is a url.Error too, of its own kind.
		for _, address := range []string{base, failing.URL + "?api_key=hunter%2022", "http://h:port?api_key=hunter%2022"} {
			if err := ask(address); err == nil || strings.Contains(err.Error(), "hunter") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := errors.New("another"); Unasked(err) != err {
		t.Error("another error is changed")
	}
}
