package backendtest

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"matrix/backends"
)

// freedWithin is how long an engine may take to give up what nobody waits for any more; the answers themselves would
// take several times as long.
const freedWithin = 30 * time.Second

// slotsFreed shows that an engine stops computing for clients that have gone: more long requests than it has slots time
// out, then its own count of running requests is 0 and the next request is answered at once.
func (l *launched) slotsFreed(t *testing.T) {
	const clients = 24
	reqs, stopped := make([]backends.Request, clients), 0
	for i := range reqs {
		reqs[i] = l.long(int64(40 + i))
		reqs[i].Timeout = 150 * time.Millisecond
	}
	for _, r := range l.together(t, reqs) {
		if r.Status != backends.OK {
			stopped++
		}
	}
	if stopped < clients/2 { // a model may end an answer early
		t.Errorf("only %d of %d requests were still running when they were stopped", stopped, clients)
	}
	began := time.Now()
	if url := l.engine.Info().MetricsURL; url != "" {
		running, known := runningNow(t, url)
		for known && running > 0 && time.Since(began) < freedWithin {
			time.Sleep(50 * time.Millisecond)
			running, known = runningNow(t, url)
		}
		if running > 0 {
			t.Errorf("%v requests are still computed %v after their clients have gone", running, freedWithin)
		}
	}
	req := l.request(l.cell, 70)
	checkOK(t, req, l.engine.Generate(l.within(t), req), l.Can.Streams)
	if took := time.Since(began); took > freedWithin {
		t.Errorf("the next answer took %v: the engine went on with what nobody reads", took)
	}
}

// runningNow reads vLLM's gauge of running and waiting requests; known is false where an engine has none.
func runningNow(t *testing.T, url string) (n float64, known bool) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return 0, false
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(name, "vllm:num_requests_running{") || strings.HasPrefix(name, "vllm:num_requests_waiting{") {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Error(err)
			}
			n, known = n+v, true
		}
	}
	return n, known
}
