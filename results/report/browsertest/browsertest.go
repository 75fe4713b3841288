// Package browsertest drives a real Chromium in tests, by its own protocol over two pipes: no port is opened, nothing is downloaded.
package browsertest

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Browser is a Chromium that ends with its test.
type Browser struct {
	t   testing.TB // every failure ends it: callers check no errors
	out *os.File   // to the browser; messages end with a zero byte

	mu      sync.Mutex          // guards what follows, and the writing
	asked   int                 // number of the last message
	waiting map[int]chan answer // by number of the message; nil = the browser has ended
	pages   map[string]*Page    // by session
}

// answer is the reply to one message: a result or an error.
type answer struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// Start starts a Chromium; the test is skipped where there is none, but in CI, where it fails.
// In CI a missing browser would quietly test nothing.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no chromium: bash .ci/run tools")
		}
		t.Skip("no chromium here")
	}
	// Chromium reads descriptor 3 and writes 4, which ExtraFiles are in this order.
	theirIn, out, err1 := os.Pipe()
	in, theirOut, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	// No sandbox: containers of CI have none. /dev/shm is too small there for a page.
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // it leaves a folder there
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Ours must be closed, or the end of the browser is never read.
	_, _ = theirIn.Close(), theirOut.Close()
	b := &Browser{t: t, out: out, waiting: map[int]chan answer{}, pages: map[string]*Page{}}
	heard := make(chan struct{})
	go func() { defer close(heard); b.listen(in) }()
	// It is asked to end, so that it ends its own children, too.
	t.Cleanup(func() {
		b.call("", "Browser.close", nil, nil)
		_ = cmd.Wait()
		_, _ = out.Close(), in.Close()
		<-heard
	})
	return b
}

// listen reads until the browser has ended.
// Whoever still waits then gets a closed channel, and goes on.
func (b *Browser) listen(in *os.File) {
	// a screenshot is one message of a megabyte
	messages := bufio.NewReaderSize(in, 1<<20)
	for {
		text, err := messages.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, w := range b.waiting {
				close(w)
			}
			b.waiting = nil
			return
		}
		// an answer has an id, an event has none but a method
		var m struct {
			ID        int
			SessionID string
			Method    string
			Params    json.RawMessage
			answer
		}
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		w, p := b.waiting[m.ID], b.pages[m.SessionID]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		switch {
		case w != nil:
			w <- m.answer
		case p != nil:
			p.happened(m.Method, m.Params)
		}
	}
}

// call asks the browser, or a page of it, and waits.
// It may be called side by side. A minute without an answer fails the test: a browser that hangs must not hang the
// suite.
func (b *Browser) call(session, method string, params, into any) {
	b.t.Helper()
	w := make(chan answer, 1)
	b.mu.Lock()
	b.asked++
	message := map[string]any{"id": b.asked, "method": method}
	if params != nil {
		message["params"] = params
	}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err == nil && b.waiting != nil {
		b.waiting[b.asked] = w
		_, err = b.out.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case a, there := <-w:
		if there && a.Error != nil {
			b.t.Fatalf("%s: %s", method, a.Error.Message)
		}
		if there && into != nil {
			if err := json.Unmarshal(a.Result, into); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
	case <-time.After(time.Minute):
		b.t.Fatalf("%s: no answer within a minute", method)
	}
}
