package load

import (
	"context"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
)

// engine is a fake whose Generate is a function.
type engine struct {
	generate func(ctx context.Context, req backends.Request) backends.Reply
	done     chan struct{}

	mu           sync.Mutex
	flying, most int
	seqs         []int64
	at           []time.Duration
	began        time.Time
}

func newEngine(generate func(context.Context, backends.Request) backends.Reply) *engine {
	return &engine{generate: generate, done: make(chan struct{}), began: time.Now()}
}

func (e *engine) Generate(ctx context.Context, req backends.Request) backends.Reply {
	e.mu.Lock()
	e.flying++
	e.most = max(e.most, e.flying)
	e.seqs = append(e.seqs, req.Seq)
	e.at = append(e.at, time.Since(e.began))
	e.mu.Unlock()
	reply := e.generate(ctx, req)
	e.mu.Lock()
	e.flying--
	e.mu.Unlock()
	return reply
}
func (e *engine) Info() backends.Info         { return backends.Info{} }
func (e *engine) Done() <-chan struct{}       { return e.done }
func (e *engine) Close(context.Context) error { return nil }

// takes answers after d, or as canceled.
func takes(d time.Duration) func(context.Context, backends.Request) backends.Reply {
	return func(ctx context.Context, req backends.Request) backends.Reply {
		select {
		case <-time.After(d):
			return backends.Reply{Seq: req.Seq, Status: backends.OK, Done: time.Now()}
		case <-ctx.Done():
			return backends.Reply{Seq: req.Seq, Status: backends.Canceled, Done: time.Now()}
		}
	}
}

func requests(n int, timeout time.Duration) iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for i := range n {
			if !yield(backends.Request{Seq: int64(i), Timeout: timeout}) {
				return
			}
		}
	}
}

// tally collects what a job reports.
type tally struct {
	mu        sync.Mutex
	begun     map[int64]int
	ended     map[int64]int
	replies   []backends.Reply
	scheduled []time.Time
}

func (t *tally) job(j Job) Job {
	t.begun, t.ended = map[int64]int{}, map[int64]int{}
	j.Begin = func(req backends.Request, scheduled time.Time) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.begun[req.Seq]++
		t.scheduled = append(t.scheduled, scheduled)
	}
	j.Done = func(r backends.Reply) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.ended[r.Seq]++
		t.replies = append(t.replies, r)
	}
	return j
}

func (t *tally) once(tt *testing.T, n int) {
	tt.Helper()
	if len(t.begun) != n || len(t.ended) != n {
		tt.Fatalf("%d begun, %d ended, want %d", len(t.begun), len(t.ended), n)
	}
	for seq, times := range t.ended {
		if times != 1 || t.begun[seq] != 1 {
			tt.Errorf("request %d: begun %d times, ended %d times", seq, t.begun[seq], times)
		}
	}
}

func TestClosedKeepsItsConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, began := newEngine(takes(time.Second)), time.Now()
		var got tally
		err := Run(t.Context(), e, got.job(Job{Shape: &cell.Load{Mode: "closed", Concurrency: 4}, Requests: requests(10, 0)}))
		if err != nil {
			t.Fatal(err)
		}
		got.once(t, 10)
		if e.most != 4 {
			t.Errorf("%d in flight at most, want 4", e.most)
		}
		if took := time.Since(began); took != 3*time.Second { // 4 + 4 + 2
			t.Errorf("took %s, want 3s", took)
		}
	})
}

func TestClosedRamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(takes(time.Hour))
		var got tally
		shape := &cell.Load{Mode: "closed", Concurrency: 4, Ramp: 8 * time.Second}
		if err := Run(t.Context(), e, got.job(Job{Shape: shape, Requests: requests(4, 0)})); err != nil {
			t.Fatal(err)
		}
		if want := []time.Duration{0, 2 * time.Second, 4 * time.Second, 6 * time.Second}; !slices.Equal(e.at, want) {
			t.Errorf("sent at %v, want %v", e.at, want)
		}
	})
}

func TestBatchIsAllInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(takes(time.Second))
		var got tally
		if err := Run(t.Context(), e, got.job(Job{Shape: &cell.Load{Mode: "batch"}, Requests: requests(5000, 0)})); err != nil {
			t.Fatal(err)
		}
		got.once(t, 5000)
		if e.most != 5000 {
			t.Errorf("%d in flight at most, want all 5000", e.most)
		}
	})
}

func TestOpenSendsWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(takes(time.Hour)) // however slow the engine is
		shape := &cell.Load{Mode: "open", Rate: 2, Arrival: "constant", Duration: 2 * time.Second}
		schedule, err := NewSchedule(shape, 1)
		if err != nil {
			t.Fatal(err)
		}
		var got tally
		if err := Run(t.Context(), e, got.job(Job{Shape: shape, Arrivals: schedule.Arrivals(), Requests: requests(100, 0)})); err != nil {
			t.Fatal(err)
		}
		got.once(t, 4)
		if want := []time.Duration{0, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond}; !slices.Equal(e.at, want) {
			t.Errorf("sent at %v, want %v", e.at, want)
		}
		for i, s := range got.scheduled {
			if s.Sub(e.began) != e.at[i] {
				t.Errorf("request %d: scheduled at %s, sent at %s", i, s.Sub(e.began), e.at[i])
			}
		}
	})
}

// Nothing outlives its timeout by a second, even when the engine ignores its context.
func TestTimeoutIsGuarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := newEngine(func(ctx context.Context, req backends.Request) backends.Reply {
			<-release
			return backends.Reply{Status: backends.OK}
		})
		began := time.Now()
		var got tally
		if err := Run(t.Context(), deaf, got.job(Job{Shape: &cell.Load{Mode: "batch"}, Requests: requests(3, 10*time.Second)})); err != nil {
			t.Fatal(err)
		}
		got.once(t, 3)
		if took := time.Since(began); took < 10*time.Second || took >= 11*time.Second {
			t.Errorf("given up after %s, want within a second of 10s", took)
		}
		for _, r := range got.replies {
			if r.Status != backends.TimedOut || r.ErrorClass != "unresponsive" {
				t.Errorf("got %s (%s), want timed_out (unresponsive)", r.Status, r.ErrorClass)
			}
		}
		close(release)
	})
}

func TestCancelNamesItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		e := newEngine(takes(time.Minute))
		time.AfterFunc(time.Second, func() { cancel(&Stop{Status: backends.Canceled, Class: "cell_limit", Text: "over"}) })
		var got tally
		if err := Run(ctx, e, got.job(Job{Shape: &cell.Load{Mode: "closed", Concurrency: 2}, Requests: requests(10, 0)})); err != nil {
			t.Fatal(err)
		}
		got.once(t, 2) // no more is admitted
		for _, r := range got.replies {
			if r.Status != backends.Canceled || r.ErrorClass != "cell_limit" {
				t.Errorf("got %s (%s), want canceled (cell_limit)", r.Status, r.ErrorClass)
			}
		}
	})
}

// A dead engine ends admission, and its broken connections say why they broke.
func TestDeadEngineEndsAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(nil)
		e.generate = func(ctx context.Context, req backends.Request) backends.Reply {
			if req.Seq == 5 {
				time.AfterFunc(20*time.Millisecond, func() { close(e.done) }) // the exit is noticed a little later
			}
			if req.Seq >= 5 {
				return backends.Reply{Status: backends.Disconnected, ErrorClass: "connection_reset"}
			}
			return takes(time.Second)(ctx, req)
		}
		var got tally
		if err := Run(t.Context(), e, got.job(Job{Shape: &cell.Load{Mode: "closed", Concurrency: 1}, Requests: requests(1000, 0)})); err != nil {
			t.Fatal(err)
		}
		got.once(t, 6) // and not the 995 others on a dead port
		if last := got.replies[5]; last.ErrorClass != "engine_died" {
			t.Errorf("class %q, want engine_died", last.ErrorClass)
		}
	})
}

// batcher answers the even requests of what it is given.
type batcher struct{ *engine }

func (b batcher) GenerateAll(ctx context.Context, reqs iter.Seq[backends.Request], done func(backends.Reply)) error {
	for req := range reqs {
		if req.Seq%2 == 0 {
			done(backends.Reply{Seq: req.Seq, Status: backends.OK})
		}
	}
	return nil
}

func TestBatcherTakesAll(t *testing.T) {
	var got tally
	if err := Run(t.Context(), batcher{newEngine(nil)}, got.job(Job{Shape: &cell.Load{Mode: "closed"}, Requests: requests(10, 0)})); err != nil {
		t.Fatal(err)
	}
	if len(got.begun) != 10 || len(got.ended) != 5 {
		t.Errorf("%d begun, %d ended, want 10 and 5", len(got.begun), len(got.ended))
	}
}

func TestArrivals(t *testing.T) {
	for _, arrival := range []string{"poisson", "constant", "gamma"} {
		s, err := NewSchedule(&cell.Load{Mode: "open", Rate: 50, Arrival: arrival, Burstiness: 0.5, Duration: 200 * time.Second}, 7)
		if err != nil {
			t.Fatal(err)
		}
		once, again := slices.Collect(s.Arrivals()), slices.Collect(s.Arrivals())
		if !slices.Equal(once, again) {
			t.Errorf("%s: two walks differ", arrival)
		}
		if !slices.IsSorted(once) || once[len(once)-1] >= 200*time.Second {
			t.Errorf("%s: not ascending before the stop", arrival)
		}
		if n := len(once); n < 9_000 || n > 11_000 { // 10,000 expected; the seed is fixed
			t.Errorf("%s: %d arrivals, want about 10,000", arrival, n)
		}
		if s.Planned(1_000_000) != len(once) || s.Planned(10) != 10 {
			t.Errorf("%s: planned %d and %d", arrival, s.Planned(1_000_000), s.Planned(10))
		}
	}
}

func TestTrace(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "trace")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s, err := NewSchedule(&cell.Load{Mode: "open", Trace: write("# unix seconds\n100\n100.5\n\n103\n")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Collect(s.Arrivals()), []time.Duration{0, 500 * time.Millisecond, 3 * time.Second}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, text := range map[string]string{"a mark and CRLF": "\xef\xbb\xbf0.1\r\n0.6\r\n3.1\r\n", "UTF-16": "\xff\xfe1\x00\n\x001\x00.\x005\x00\n\x004\x00"} {
		s, err := NewSchedule(&cell.Load{Mode: "open", Trace: write(text)}, 0)
		if err != nil || s.Planned(9) != 3 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{"": "no times", "1\nx\n": ":2: \"x\" is no time", "2\n1\n": ":2: times must ascend",
		"1\nNaN\n": ":2: \"NaN\" is no time", "0\n1e300\n": ":2: 1e300 is more than 30 days", "0,1\n": ":1: \"0,1\" is no time", "\xe4\n": "not valid UTF-8", "\x1f\x8b": "gzip data end too early"} {
		if _, err := NewSchedule(&cell.Load{Mode: "open", Trace: write(text)}, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("trace %q: got %v, want %q", text, err, want)
		}
	}
	if _, err := NewSchedule(&cell.Load{Mode: "open"}, 0); err == nil {
		t.Error("an open load without a rate: want an error")
	}
}

// TestBurstiness: the gaps' coefficient of variation is 1/√shape: 2 in bursts, 1 as Poisson's, 0.5 more even.
func TestBurstiness(t *testing.T) {
	for shape, want := range map[float64]float64{0.25: 2, 1: 1, 4: 0.5} {
		s, err := NewSchedule(&cell.Load{Mode: "open", Rate: 100, Arrival: "gamma", Burstiness: shape, Duration: 400 * time.Second}, 3)
		if err != nil {
			t.Fatal(err)
		}
		var sum, squares float64
		at := slices.Collect(s.Arrivals())
		for i := 1; i < len(at); i++ {
			gap := (at[i] - at[i-1]).Seconds()
			sum, squares = sum+gap, squares+gap*gap
		}
		n := float64(len(at) - 1)
		mean := sum / n
		got := math.Sqrt(squares/n-mean*mean) / mean
		if math.Abs(got-want) > 0.05*want || math.Abs(mean*100-1) > 0.05 {
			t.Errorf("shape %g: coefficient of variation %.3f, want %.3f; mean gap %.5f s, want 0.01", shape, got, want, mean)
		}
	}
	if _, err := NewSchedule(&cell.Load{Mode: "open", Rate: 1, Arrival: "gamma"}, 0); err == nil {
		t.Error("gamma without a shape: want an error")
	}
}
