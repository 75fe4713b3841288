package backendtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/fake/faults"
	"matrix/backends/wire"
)

// TestFileLimit: requests beyond the limit of open files end as rows that say so, and later ones work again. The client
// runs in a process of its own, whose limit it lowers.
func TestFileLimit(t *testing.T) {
	if url := os.Getenv("BACKENDTEST_FILES"); url != "" {
		beyondTheLimit(t, url)
		return
	}
	server, err := faults.Serve(faults.Fault{Play: func(c *faults.Conn) {
		c.Head()
		c.Tokens()
		c.Pause(200 * time.Millisecond) // so that all are open at once
		c.Close()
	}}, wire.OpenAICompletions)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestFileLimit$", "-test.v")
	cmd.Env = append(os.Environ(), "BACKENDTEST_FILES="+server.URL())
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func beyondTheLimit(t *testing.T, url string) {
	client := wire.New(wire.Options{})
	defer client.Close()
	ask := func(seq int) backends.Reply {
		return client.Do(t.Context(), wire.Call{URL: url, Body: fmt.Appendf(nil, `{"n":%d}`, seq), Model: faults.Model,
			Request: backends.Request{Seq: int64(seq), MaxTokens: 16, Timeout: 10 * time.Second}})
	}
	ask(-1) // what is opened once is open
	lowerLimit(t, 100)
	const n = 400
	var mu sync.Mutex
	ends := map[string]int{}
	var wg sync.WaitGroup
	for seq := range n {
		wg.Go(func() {
			r := ask(seq)
			mu.Lock()
			defer mu.Unlock()
			ends[string(r.Status)+" "+r.ErrorClass]++
		})
	}
	wg.Wait()
	total := 0
	for _, count := range ends {
		total += count
	}
	if total != n || ends["not_sent fd_limit"] == 0 {
		t.Errorf("%d requests ended as %v; want some at the limit of files", total, ends)
	}
	if r := ask(n); r.Status != backends.OK {
		t.Errorf("afterwards: %s (%s)", r.Status, r.Error)
	}
}

func lowerLimit(t *testing.T, files uint64) {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	l.Cur = files
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
}
