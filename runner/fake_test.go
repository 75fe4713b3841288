package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matrix/backends"
	"matrix/experiments"
	"matrix/experiments/dataset"
	"matrix/results"
	"matrix/runner/telemetry"
)

// fakeBackend launches engines that a test scripts.
type fakeBackend struct {
	identity backends.Identity
	// launch decides how the n-th launch (from 1) goes; nil = a healthy engine.
	launch func(ctx context.Context, n int, spec backends.Spec) (backends.Engine, error)

	launches atomic.Int64
}

func (b *fakeBackend) Resolve(context.Context, *experiments.Cell) (backends.Identity, error) {
	return b.identity, nil
}

func (b *fakeBackend) Launch(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	n := int(b.launches.Add(1))
	if b.launch != nil {
		return b.launch(ctx, n, spec)
	}
	return newFakeEngine(), nil
}

func (b *fakeBackend) value() backends.Backend {
	return backends.Backend{Resolve: b.Resolve, Launch: b.Launch}
}

// fakeEngine answers after a tenth of a second unless a test says otherwise.
type fakeEngine struct {
	answer func(ctx context.Context, req backends.Request) backends.Reply // measured and warm-up alike
	stop   func(ctx context.Context) error

	once   sync.Once
	done   chan struct{}
	cause  error
	closed atomic.Bool
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{answer: healthy, done: make(chan struct{})}
}

func healthy(ctx context.Context, req backends.Request) backends.Reply {
	sent := time.Now()
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
		return backends.Reply{Seq: req.Seq, Status: backends.Canceled, Attempts: 1, Sent: sent, Done: time.Now()}
	}
	in, out := int64(7), int64(5)
	first := sent.Add(40 * time.Millisecond)
	return backends.Reply{Seq: req.Seq, Status: backends.OK, HTTPStatus: 200, Attempts: 1, Sent: sent, FirstChunk: first, FirstToken: first,
		LastToken: time.Now(), Done: time.Now(), InputTokens: &in, OutputTokens: &out, TokenSource: "usage", FinishReason: "length",
		Chunks: 5, Text: fmt.Sprint("answer ", req.Seq)}
}

func (e *fakeEngine) die(cause error) {
	e.once.Do(func() { e.cause = cause; close(e.done) })
}

func (e *fakeEngine) Generate(ctx context.Context, req backends.Request) backends.Reply {
	return e.answer(ctx, req)
}

func (e *fakeEngine) Info() backends.Info {
	info := backends.Info{Engine: "fake", Version: "1"}
	select {
	case <-e.done:
		info.Cause = e.cause // written before done was closed
	default:
	}
	return info
}

func (e *fakeEngine) Done() <-chan struct{} { return e.done }

func (e *fakeEngine) Close(ctx context.Context) error {
	e.closed.Store(true)
	if e.stop != nil {
		return e.stop(ctx)
	}
	return nil
}

// fakeBatcher hands each request of a batch to answerAll.
type fakeBatcher struct {
	*fakeEngine
	answerAll func(ctx context.Context, reqs []backends.Request, done func(backends.Reply)) error
}

func (b *fakeBatcher) GenerateAll(ctx context.Context, reqs iter.Seq[backends.Request], done func(backends.Reply)) error {
	var all []backends.Request
	for r := range reqs {
		all = append(all, r)
	}
	return b.answerAll(ctx, all, done)
}

// quietMachine has no GPU and nothing to do.
func quietMachine() machine {
	return machine{
		overflows:   func() (int64, bool) { return 0, false },
		files:       func() (uint64, uint64) { return 1024, 1024 },
		leftovers:   func(context.Context) ([]int, error) { return nil, nil },
		quiet:       func(context.Context, time.Duration) float64 { return 0 },
		gpus:        func() ([]telemetry.GPU, error) { return nil, telemetry.ErrNoNVML },
		serves:      func(context.Context, int, []string) bool { return false },
		dropCaches:  func() error { return nil },
		forgetFiles: func([]string) error { return nil },
		strain:      func(context.Context) (*int64, *float64) { return nil, nil },
		blind:       func() bool { return false },
		cores:       2,
	}
}

const fakePlatform = "fake_backend"

// testCell is a complete cell of a served platform with a batch of its own size.
func testCell(name string, batch int) *experiments.Cell {
	return &experiments.Cell{
		Experiment: "exp", Address: fmt.Sprintf("%064x", len(name)*1000+batch), Slug: fmt.Sprintf("%s-%d", name, batch),
		Axes: []*experiments.Axis{{Name: "platform", Label: name, JSON: `"` + name + `"`}, {Name: "model", Label: "m", JSON: `"m"`},
			{Name: "batch_size", Label: fmt.Sprint(batch), JSON: fmt.Sprint(batch)}},
		Platform:  &experiments.Platform{ID: name, Backend: fakePlatform},
		Model:     &experiments.Model{ID: "m"},
		Dataset:   &experiments.Dataset{ID: "d", Seed: 3, Repeat: true, Synthetic: &experiments.Synthetic{Count: 100, InputTokens: constant(20), OutputTokens: constant(5)}},
		BatchSize: batch,
		Load:      &experiments.LoadShape{Mode: "closed", Concurrency: 4},
		Generate:  &experiments.Generate{MaxTokens: 5},
		Warmup:    &experiments.Warmup{Requests: 3},
		Isolation: &experiments.Isolation{Server: "cell", Caches: "warm", PrefixCache: "off"},
		Limits:    &experiments.Limits{MaxErrorRate: 1},
		Capture:   &experiments.Capture{Outputs: "all"},
		Telemetry: &experiments.Telemetry{},
		Launches:  1, Resume: true, Order: "blocks", Seed: 1,
	}
}

func constant(n int) experiments.Length {
	return experiments.Length{Distribution: "constant", Mean: float64(n), Min: n, Max: n}
}

// testIdentity is an identity whose components hash to their own values.
func testIdentity(address string, values map[string]string) experiments.Identity {
	id := experiments.Identity{Address: address}
	for _, name := range append([]string{"environment"}, staleKinds...) {
		v := values[name]
		if v == "" {
			v = "{}"
		}
		id.Components.Set(name, experiments.Component{Hash: fmt.Sprintf("%x", v), Value: json.RawMessage(v)})
		if name != "environment" {
			id.Hash += fmt.Sprintf("%x.", v)
		}
	}
	id.Hash = address[len(address)-8:] + id.Hash
	return id
}

// rig is a store, a fake backend and what an apply told.
type rig struct {
	t       *testing.T
	world   World
	backend *fakeBackend
	host    machine
	options Options
	events  []Event
}

func newRig(t *testing.T) *rig {
	t.Helper()
	forgetCompressors()
	t.Cleanup(forgetCompressors) // what runs next may have no rig, and no bubble
	store, err := results.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, backend: &fakeBackend{}, host: quietMachine()}
	r.host.lockFolder = t.TempDir()
	r.world = World{Backends: map[string]backends.Backend{fakePlatform: r.backend.value()}, Store: store,
		Machine: results.Machine{Host: "here", CPU: "cpu"}, Version: "test",
		Datasets: func(ctx context.Context, d *experiments.Dataset) (*dataset.Set, error) { return dataset.Open(ctx, d) }}
	var busy atomic.Bool
	r.options.Observe = func(e Event) {
		if busy.Swap(true) {
			t.Error("Observe was called concurrently")
		}
		r.events = append(r.events, e)
		busy.Store(false)
	}
	return r
}

// plan is what Make would find for cells without a history.
func (r *rig) plan(cells ...*experiments.Cell) *Plan {
	p := &Plan{Experiment: "exp"}
	for _, c := range cells {
		p.Items = append(p.Items, &Item{Cell: c, Identity: testIdentity(c.Address, nil), State: New, Reasons: []Reason{ReasonNew}, Launches: upTo(c.Launches)})
	}
	p.arrange()
	return p
}

func (r *rig) apply(ctx context.Context, p *Plan) Summary {
	r.t.Helper()
	sum, err := apply(ctx, r.world, p, r.options, r.host)
	if err != nil {
		r.t.Fatal(err)
	}
	return sum
}

func (r *rig) history() []results.Past {
	r.t.Helper()
	past, err := r.world.Store.History(context.Background(), "exp")
	if err != nil {
		r.t.Fatal(err)
	}
	return past
}

// only returns the one committed attempt.
func (r *rig) only() results.Past {
	r.t.Helper()
	past := r.history()
	if len(past) != 1 {
		r.t.Fatalf("%d attempts, want 1: %+v", len(past), past)
	}
	if past[0].Problem != "" {
		r.t.Fatalf("the attempt has a problem: %s %s", past[0].Problem, past[0].Detail)
	}
	return past[0]
}

// rows reads the measured rows of an attempt and checks that each planned request has exactly one.
func (r *rig) rows(p results.Past, planned int) map[int64]results.RequestRow {
	r.t.Helper()
	rows := map[int64]results.RequestRow{}
	err := results.ReadRequests(p.Dir, func(row results.RequestRow) error {
		if row.Phase != "measure" {
			return nil
		}
		if _, twice := rows[row.Seq]; twice {
			r.t.Errorf("request %d has two rows", row.Seq)
		}
		rows[row.Seq] = row
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(rows) != planned {
		r.t.Errorf("%d measured rows, want %d", len(rows), planned)
	}
	return rows
}

func (r *rig) kinds() map[EventKind]int {
	n := map[EventKind]int{}
	for _, e := range r.events {
		n[e.Kind]++
	}
	return n
}

var errCrash = errors.New("exit status 1")

// forgetCompressors empties the Parquet library's pool of compressors: one that was made inside a synctest bubble may
// not be used outside of it. A pool lives two collections.
func forgetCompressors() {
	runtime.GC()
	runtime.GC()
}
