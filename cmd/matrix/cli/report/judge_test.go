package report

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"matrix/backends/wire"
)

// The judge's question goes out as a chat, with the key of the environment, and its streamed answer comes back whole.
func TestJudgeAsksAnOpenAIServer(t *testing.T) {
	var got struct {
		Model       string
		Messages    []struct{ Role, Content string }
		Temperature float64
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer k" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, text := range []string{"I say ", "B"} {
			fmt.Fprintf(w, "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", text)
		}
		fmt.Fprint(w, "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}))
	defer server.Close()
	ask := func(key string) (string, error) {
		client := wire.New(wire.Options{APIKey: key})
		defer client.Close()
		return judgeFlags{url: server.URL + "/v1/", model: "m", tokens: 16}.ask(client)(t.Context(), "Which?")
	}
	text, err := ask("k")
	if err != nil || text != "I say B" || got.Model != "m" || len(got.Messages) != 1 || got.Messages[0].Content != "Which?" {
		t.Errorf("%q, %v, sent %+v", text, err, got)
	}
	if _, err := ask("wrong"); err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("a refused key: %v", err)
	}
}
