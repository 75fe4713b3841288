package backendtest

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/backends/wire/faults"
	"matrix/experiments"
)

// Ask sends one request to a server at url and returns how it ended; the answer must come from faults.Model.
type Ask func(ctx context.Context, url string, req backends.Request) backends.Reply

// Faults mixes every fault that a server can have in one protocol into 1,000 requests, 100 of them in
// flight. Each must end as one reply with the fault's status, and none may outlive its timeout.
func Faults(t *testing.T, p wire.Protocol, ask Ask) {
	t.Helper()
	const requests, inFlight = 1000, 100
	list, urls := serveFaults(t, p)
	seqs := make(chan int)
	var wg sync.WaitGroup
	for range inFlight {
		wg.Go(func() {
			for seq := range seqs {
				i := seq % len(list)
				oneFault(t, ask, list[i], urls[i], seq)
			}
		})
	}
	for seq := range requests {
		seqs <- seq
	}
	close(seqs)
	wg.Wait()
}

// serveFaults starts a server for each fault, without those that move megabytes.
func serveFaults(t *testing.T, p wire.Protocol) (list []faults.Fault, urls []string) {
	t.Helper()
	for _, f := range faults.All() {
		if f.Heavy {
			continue
		}
		server, err := faults.Serve(f, p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		list, urls = append(list, f), append(urls, server.URL())
	}
	return list, urls
}

func oneFault(t *testing.T, ask Ask, f faults.Fault, url string, seq int) {
	t.Helper()
	req := backends.Request{
		Seq: int64(seq), PromptID: strconv.Itoa(seq), Prompt: "request " + strconv.Itoa(seq), MaxTokens: 16,
		Timeout: orDuration(f.Timeout, time.Minute), Retries: f.Retries,
		Generate: &experiments.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1},
	}
	began := time.Now()
	r := ask(t.Context(), url, req)
	if late := time.Since(began) - req.Timeout; late > margin {
		t.Errorf("%s: the reply came %v after the timeout", f.Name, late)
	}
	if r.Seq != req.Seq || r.Status != f.Status {
		t.Errorf("%s: seq %d, %s (%s), want seq %d, %s", f.Name, r.Seq, r.Status, r.Error, req.Seq, f.Status)
	}
	if bad := r.Status != backends.OK; bad != (r.ErrorClass != "") || bad != (r.Error != "") {
		t.Errorf("%s: %s with class %q and error %q", f.Name, r.Status, r.ErrorClass, r.Error)
	}
	if r.Attempts != orInt(f.Attempts, 1) || r.Sent.IsZero() || r.Done.Before(r.Sent) {
		t.Errorf("%s: %d attempts, sent %v, done %v", f.Name, r.Attempts, r.Sent, r.Done)
	}
}
