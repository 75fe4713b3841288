package launched

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestUnreachable: TLS on one side alone is told from a server that is not there.
func TestUnreachable(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	plain, secure := httptest.NewServer(page), httptest.NewTLSServer(page)
	defer plain.Close()
	defer secure.Close()
	ask := func(url string) string {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			t.Fatalf("%s answered", url)
		}
		return Unreachable(url, err).Hint
	}
	gone := httptest.NewServer(page)
	gone.Close()
	for url, want := range map[string]string{
		strings.Replace(plain.URL, "http:", "https:", 1): "plain HTTP",
		secure.URL: "SSL_CERT_FILE",
		gone.URL:   "start the server",
	} {
		if hint := ask(url); !strings.Contains(hint, want) {
			t.Errorf("%s: %q, want %q", url, hint, want)
		}
	}
}
