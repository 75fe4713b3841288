package wire

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestModels(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/models" || r.Header.Get("Authorization") != "Bearer key" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(`{"data":[{"id":"alias","root":"org/name","max_model_len":4096},{"id":"gguf","meta":{"n_ctx":2048,"size":7}},{"id":"bare"}]}`))
	}))
	defer server.Close()
	models, err := Documents{Key: "key"}.Models(t.Context(), server.URL+"/v1/")
	if err != nil {
		t.Fatal(err)
	}
	for want, is := range map[string]struct {
		id     string
		window int64
	}{"alias": {"alias", 4096}, "org/name": {"alias", 4096}, "gguf": {"gguf", 2048}, "bare": {"bare", 0}} {
		m, err := models.Find(want)
		window := int64(0)
		if n := m.Window(); n != nil {
			window = *n
		}
		if err != nil || m.ID != is.id || window != is.window {
			t.Errorf("%s: %s with %d tokens (%v), want %+v", want, m.ID, window, err, is)
		}
	}
	if _, err := models.Find("other"); err == nil || !strings.Contains(err.Error(), "alias, gguf, bare") {
		t.Errorf("a model that is not there: %v", err)
	}
}
