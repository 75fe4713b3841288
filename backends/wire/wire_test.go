package wire_test

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/fake/faults"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

var protocols = []wire.Protocol{wire.OpenAICompletions, wire.OpenAIChat, wire.NDJSONGenerate, wire.NDJSONChat}

// requestsPerFault is how often each fault is asked for; MATRIX_FAULT_REQUESTS raises it.
func requestsPerFault(t *testing.T, f faults.Fault) int {
	if f.Heavy {
		return 2
	}
	n, err := strconv.Atoi(os.Getenv("MATRIX_FAULT_REQUESTS"))
	if err != nil {
		n = 20
	}
	return n
}

func TestFaults(t *testing.T) {
	for _, p := range protocols {
		for _, f := range faults.All() {
			t.Run(p.String()+"/"+f.Name, func(t *testing.T) {
				t.Parallel()
				server, err := faults.Serve(f, p)
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				client := wire.New(wire.Options{Connections: 16})
				defer client.Close()
				askAll(t, client, server.URL(), p, f)
			})
		}
	}
}

// askAll sends the requests 16 at a time; each ends as exactly one reply.
func askAll(t *testing.T, client *wire.Client, url string, p wire.Protocol, f faults.Fault) {
	n := requestsPerFault(t, f)
	seqs := make(chan int)
	var wg sync.WaitGroup
	for range min(n, 16) {
		wg.Go(func() {
			for seq := range seqs {
				checkFault(t, f, p, seq, ask(t, client, url, p, f, seq))
			}
		})
	}
	for seq := range n {
		seqs <- seq
	}
	close(seqs)
	wg.Wait()
}

func ask(t *testing.T, client *wire.Client, url string, p wire.Protocol, f faults.Fault, seq int) backends.Reply {
	req := backends.Request{
		Seq: int64(seq), MaxTokens: 16, Timeout: f.Timeout, Retries: f.Retries, Chunks: true,
		Generate: &cell.Generate{MaxTokens: 16}, Prompt: "prompt " + strconv.Itoa(seq),
	}
	if req.Timeout == 0 {
		req.Timeout = time.Minute
	}
	began := time.Now()
	body := []byte(`{"prompt":"` + req.Prompt + `"}`)
	r := client.Do(t.Context(), wire.Call{URL: url, Body: body, Protocol: p, Model: faults.Model, Request: req})
	// The promise is 1 s; the rest is for a machine that is busy with other tests.
	if late := time.Since(began) - req.Timeout; late > 4*time.Second {
		t.Errorf("outlived its timeout by %v", late)
	}
	return r
}

func checkFault(t *testing.T, f faults.Fault, p wire.Protocol, seq int, r backends.Reply) {
	if r.Seq != int64(seq) || r.Status != f.Status || f.Class != "" && r.ErrorClass != f.Class && f.Name != "done_alone" {
		t.Errorf("seq %d, status %s, class %q (%s), want %s, %q", r.Seq, r.Status, r.ErrorClass, r.Error, f.Status, f.Class)
	}
	if r.Attempts != max(f.Attempts, 1) {
		t.Errorf("%d attempts, want %d", r.Attempts, max(f.Attempts, 1))
	}
	if (r.Error == "") != (r.Status == backends.OK) || len(r.Error) > 500 {
		t.Errorf("error %q with status %s", r.Error, r.Status)
	}
	if counted := r.OutputTokens != nil; counted && f.Flag != backends.FlagOverMax && (!f.Counted || *r.OutputTokens != faults.OutputTokens) && f.Status == backends.OK ||
		f.Counted && !counted {
		t.Errorf("output tokens %v, counted %v", r.OutputTokens, f.Counted)
	}
	if (r.OutputTokens == nil) != (r.TokenSource == "none") && r.Status == backends.OK {
		t.Errorf("token source %q", r.TokenSource)
	}
	if got := strings.Join(r.Flags, " "); f.Flag != "" && got != f.Flag {
		t.Errorf("flags %q, want %q", got, f.Flag)
	}
	checkTimes(t, r)
	if f.Status == backends.OK {
		checkWhole(t, f, p, r)
	}
}

func checkTimes(t *testing.T, r backends.Reply) {
	last := time.Time{}
	for i, at := range []time.Time{r.Sent, r.FirstChunk, r.FirstToken, r.LastToken, r.Done} {
		if at.IsZero() {
			if i == 0 || i == 4 || r.Status == backends.OK {
				t.Errorf("time %d of %s never came", i, r.Status)
			}
			continue
		}
		if at.Before(last) {
			t.Errorf("time %d is before the one before it", i)
		}
		last = at
	}
}

func checkWhole(t *testing.T, f faults.Fault, p wire.Protocol, r backends.Reply) {
	if !strings.HasPrefix(r.Text, faults.Text) {
		t.Errorf("text %.80q, want %q", r.Text, faults.Text)
	}
	if (r.FinishReason == "length") == strings.HasPrefix(f.Name, "finish_") {
		t.Errorf("finish reason %q", r.FinishReason)
	}
	if r.Chunks < len(faults.Pieces) || len(r.ChunkGaps) != r.Chunks-1 {
		t.Errorf("%d chunks, %d gaps", r.Chunks, len(r.ChunkGaps))
	}
	if r.OutputTokens == nil {
		return
	}
	if r.InputTokens == nil || *r.InputTokens != faults.InputTokens {
		t.Errorf("input tokens %v", r.InputTokens)
	}
	if p.SSE() {
		if r.CachedTokens == nil || *r.CachedTokens != 2 {
			t.Errorf("cached tokens %v", r.CachedTokens)
		}
		return
	}
	if r.ServerQueue == nil || *r.ServerQueue != 0.02 || *r.ServerPrefill != 0.02 || *r.ServerDecode != 0.05 {
		t.Errorf("queue %v, prefill %v, decode %v", r.ServerQueue, r.ServerPrefill, r.ServerDecode)
	}
}
