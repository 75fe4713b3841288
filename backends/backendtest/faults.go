package backendtest

import (
	"context"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/fake/faults"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// Ask sends one request to a server at url and returns how it ended; the answer must come from faults.Model.
type Ask func(ctx context.Context, url string, req backends.Request) backends.Reply

const (
	// faultRequests are spread over all faults of a protocol; MATRIX_FAULT_REQUESTS sets the number for each fault.
	faultRequests = 1000
	faultInFlight = 250
)

// Faults puts a client through every fault that a server can have in one protocol. Each request must end as one reply
// with the fault's status and class, and none may outlive its timeout.
func Faults(t *testing.T, p wire.Protocol, ask Ask) { playAll(t, p, ask, false) }

// FaultsAsked is Faults for a client that can ask whether the server is well, and does: Listens.
func FaultsAsked(t *testing.T, p wire.Protocol, ask Ask) { playAll(t, p, ask, true) }

// Listens is the health of a server at url: somebody takes its connections.
func Listens(ctx context.Context, url string) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", strings.Split(url, "/")[2])
	if err != nil {
		return err
	}
	return c.Close()
}

// eachOfBackend is how often a backend is put through each fault: the client that it shares has been through all of them more
// often, and what is its own shows at once.
const eachOfBackend = 5

// FaultsOf puts a backend through the fault list with an engine that it made itself, of a server that is well but for its
// answers: by is the protocol, and attach gets the server's address. What does not hold for the backend is left out by name.
func FaultsOf(t *testing.T, by wire.Protocol, attach func(base string) (backends.Engine, error), leaveOut ...string) {
	t.Helper()
	for _, f := range faults.All() {
		if f.Heavy || f.Play == nil || slices.Contains(leaveOut, f.Name) { // where nobody listens, nobody attaches
			continue
		}
		f = anew(f)
		server, err := faults.Serve(f, by)
		if err != nil {
			t.Fatal(err)
		}
		engine, err := attach(server.Base())
		if err != nil {
			server.Close()
			t.Fatalf("%s: %v", f.Name, err)
		}
		ask := func(ctx context.Context, _ string, req backends.Request) backends.Reply {
			if by == wire.OpenAIChat || by == wire.NDJSONChat {
				req.Messages, req.Prompt = []backends.Message{{Role: "user", Content: req.Prompt}}, ""
			}
			return engine.Generate(ctx, req)
		}
		inFlight(eachOfBackend, func(seq int) { oneFault(t, ask, f, server.URL(), seq) })
		if err := engine.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		server.Close()
	}
}

// playAll plays every fault to many requests at once. A client that is right for one may mix up two connections.
func playAll(t *testing.T, p wire.Protocol, ask Ask, asked bool) {
	t.Helper()
	var all []faults.Fault
	for _, f := range faults.All() {
		if !f.Heavy { // those that move megabytes are the wire's own tests
			all = append(all, f)
		}
	}
	each := (faultRequests + len(all) - 1) / len(all)
	if text := os.Getenv("MATRIX_FAULT_REQUESTS"); text != "" {
		var err error
		if each, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	var played atomic.Int64
	for _, f := range all {
		if asked {
			f = anew(f)
		}
		server, err := faults.Serve(f, p)
		if err != nil {
			t.Fatal(err)
		}
		inFlight(each, func(seq int) {
			oneFault(t, ask, f, server.URL(), seq)
			played.Add(1)
		})
		server.Close()
	}
	if n := played.Load(); n != int64(each*len(all)) {
		t.Errorf("%d replies to %d requests", n, each*len(all))
	}
	t.Logf("%d faults, %d requests each", len(all), each)
}

// inFlight calls do for 0 ≤ seq < n, many at once.
func inFlight(n int, do func(seq int)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, faultInFlight)
	for seq := range n {
		free <- struct{}{}
		wg.Go(func() {
			do(seq)
			<-free
		})
	}
	wg.Wait()
}

// anew is what a fault becomes for a client that sends again what the transport has lost.
func anew(f faults.Fault) faults.Fault {
	if f.Lost == 0 {
		return f
	}
	f.Attempts = 1 + f.Lost
	if f.Recovers {
		f.Status, f.Class = backends.OK, ""
	}
	return f
}

// oneFault asks once and holds all of the reply against what the fault says of it.
func oneFault(t *testing.T, ask Ask, f faults.Fault, url string, seq int) {
	t.Helper()
	req := backends.Request{
		Seq: int64(seq), PromptID: strconv.Itoa(seq), Prompt: "request " + strconv.Itoa(seq), MaxTokens: 16,
		Timeout: orDuration(f.Timeout, time.Minute), Retries: f.Retries,
		Generate: &cell.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1},
	}
	began := time.Now()
	r := ask(t.Context(), url, req)
	if late := time.Since(began) - req.Timeout; late > margin {
		t.Errorf("%s: the reply came %v after the timeout", f.Name, late)
	}
	if f.Status == backends.TimedOut && r.Status == backends.NotSent && r.ErrorClass == "timeout" && r.Seq == req.Seq {
		return // this machine was too busy to send it in time, and the reply says so
	}
	if r.Seq != req.Seq || r.Status != f.Status {
		t.Errorf("%s: seq %d, %s (%s), want seq %d, %s", f.Name, r.Seq, r.Status, r.Error, req.Seq, f.Status)
	}
	// What breaks off or is nonsense from the start is found in one of several ways; a fault that names its class has one.
	if f.Class != "" && r.ErrorClass != f.Class && f.Name != "done_alone" {
		t.Errorf("%s: class %q (%s), want %q", f.Name, r.ErrorClass, r.Error, f.Class)
	}
	if bad := r.Status != backends.OK; bad != (r.ErrorClass != "") || bad != (r.Error != "") {
		t.Errorf("%s: %s with class %q and error %q", f.Name, r.Status, r.ErrorClass, r.Error)
	}
	if r.Attempts != orInt(f.Attempts, 1) || r.Sent.IsZero() || r.Done.Before(r.Sent) {
		t.Errorf("%s: %d attempts, sent %v, done %v", f.Name, r.Attempts, r.Sent, r.Done)
	}
	if got := strings.Join(r.Flags, " "); f.Flag != "" && got != f.Flag {
		t.Errorf("%s: flags %q, want %q", f.Name, got, f.Flag)
	}
	checkClock(t, f.Name, r)
}

// checkClock wants every time on the monotonic clock: a step of the wall clock must not move it.
func checkClock(t *testing.T, name string, r backends.Reply) {
	t.Helper()
	for _, at := range []time.Time{r.Sent, r.FirstChunk, r.FirstToken, r.LastToken, r.Done} {
		if !at.IsZero() && !strings.Contains(at.String(), " m=") {
			t.Errorf("%s: %v is a reading of the wall clock", name, at)
		}
	}
}
