package stamped

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/wire"
)

func TestMain(m *testing.M) {
	MainIfAsked()
	os.Exit(m.Run())
}

var protocols = map[string]wire.Protocol{
	"/v1/completions": wire.OpenAICompletions, "/v1/chat/completions": wire.OpenAIChat,
	"/api/generate": wire.NDJSONGenerate, "/api/chat": wire.NDJSONChat,
}

// serve runs the mock in this process until the test ends.
func serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { New().Serve(l); close(ended) }()
	t.Cleanup(func() { l.Close(); <-ended })
	return "http://" + l.Addr().String()
}

// settled asks until nothing is in flight: a client may have read an answer's end before the mock has booked it.
func settled(t *testing.T, url string) (c Counts, err error) {
	t.Helper()
	for {
		if c, err = Count(t.Context(), url); err != nil || c.InFlight == 0 {
			return c, err
		}
	}
}

// TestAnswers: the product's own client takes each dialect for a whole answer, and each text is a moment not after its
// receipt.
func TestAnswers(t *testing.T) {
	url := serve(t)
	client := wire.New(wire.Options{})
	defer client.Close()
	for path, protocol := range protocols {
		for _, gap := range []time.Duration{0, time.Millisecond} {
			if err := Set(t.Context(), url, Settings{Tokens: 5, Gap: gap}); err != nil {
				t.Fatal(err)
			}
			for range 2 { // on one connection
				r := client.Do(t.Context(), wire.Call{URL: url + path, Body: []byte("{}"), Protocol: protocol, Model: "mock", Request: backends.Request{MaxTokens: 5}})
				if r.Status != backends.OK || r.Chunks != 5 || r.OutputTokens == nil || *r.OutputTokens != 5 || r.FinishReason != "length" {
					t.Fatalf("%s: %+v", path, r)
				}
				moments := strings.Fields(r.Text)
				if len(moments) != 6 || len(moments[0]) != stampDigits || moments[5] < moments[0] || moments[0] < moments[1] {
					t.Errorf("%s: moments %q", path, moments)
				}
			}
			c, err := settled(t, url)
			if err != nil || c.Requests != 2 || c.Completed != 2 || c.InFlight != 0 || c.MostAtOnce != 1 {
				t.Errorf("%s: counts %+v, %v", path, c, err)
			}
		}
	}
}

// TestConcurrencyIsCounted: streams that overlap are seen at once.
func TestConcurrencyIsCounted(t *testing.T) {
	url := serve(t)
	if err := Set(t.Context(), url, Settings{Tokens: 20, Gap: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	client := wire.New(wire.Options{})
	defer client.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			client.Do(t.Context(), wire.Call{URL: url + "/v1/completions", Body: []byte("{}"), Request: backends.Request{MaxTokens: 20}})
		})
	}
	wg.Wait()
	c, err := settled(t, url)
	if err != nil || c.Completed != 8 || c.MostAtOnce < 2 || c.MostAtOnce > 8 || c.MeanAtOnce <= 0 || c.MeanAtOnce > 8 {
		t.Errorf("counts %+v, %v", c, err)
	}
}

// TestProcess: the mock in a process of its own answers, and is gone after Close.
func TestProcess(t *testing.T) {
	p, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := Set(t.Context(), p.URL, Settings{Tokens: 1}); err != nil {
		t.Error(err)
	}
	p.Close()
	if _, err := Count(context.Background(), p.URL); err == nil {
		t.Error("the mock answers after it was closed")
	}
}

func TestUnknownPathIsRefused(t *testing.T) {
	if err := call(t.Context(), serve(t)+"/nothing", nil, nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want a 404", err)
	}
}
