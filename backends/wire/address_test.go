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

// A key in an address goes to the server and comes back in no answer and no error.
func TestQueryStaysPrivate(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		http.Error(w, "no such page: "+r.URL.String()+" (hunter 22)", http.StatusNotFound)
	}))
	defer server.Close()
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
	if err := errors.New("another"); Unasked(err) != err {
		t.Error("another error is changed")
	}
}
