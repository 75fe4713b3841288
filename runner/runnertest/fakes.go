package runnertest

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/runner/machine"
	"matrix/runner/telemetry"
)

// Backend launches engines that a test scripts.
type Backend struct {
	Identity backends.Identity // what Resolve says of any cell
	// OnLaunch decides how the n-th launch (from 1) goes; nil = a healthy engine.
	OnLaunch func(ctx context.Context, n int, spec backends.Spec) (backends.Engine, error)

	Launches atomic.Int64 // so far
}

// Resolve says Identity, and never fails.
func (b *Backend) Resolve(context.Context, *cell.Cell) (backends.Identity, error) {
	return b.Identity, nil
}

// Launch counts, and returns what OnLaunch makes, or a healthy engine.
func (b *Backend) Launch(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	n := int(b.Launches.Add(1))
	if b.OnLaunch != nil {
		return b.OnLaunch(ctx, n, spec)
	}
	return NewEngine(), nil
}

// Value is the backend as the program's table has it.
func (b *Backend) Value() backends.Backend {
	return backends.Backend{Resolve: b.Resolve, Launch: b.Launch}
}

// Engine answers after a tenth of a second unless a test says otherwise.
type Engine struct {
	Answer func(ctx context.Context, req backends.Request) backends.Reply // measured and warm-up alike
	Stop   func(ctx context.Context) error

	once   sync.Once
	done   chan struct{}
	cause  error
	closed atomic.Bool
}

// NewEngine is one that answers every request well, until it is told to die.
func NewEngine() *Engine {
	return &Engine{Answer: Healthy, done: make(chan struct{})}
}

// Die ends the engine, once, with the cause that it will give.
func (e *Engine) Die(cause error) {
	e.once.Do(func() { e.cause = cause; close(e.done) })
}

// Generate is Answer.
func (e *Engine) Generate(ctx context.Context, req backends.Request) backends.Reply {
	return e.Answer(ctx, req)
}

// Info has the cause of its death once it is dead, as an engine's has.
func (e *Engine) Info() backends.Info {
	info := backends.Info{Engine: "fake", Version: "1"}
	select {
	case <-e.done:
		info.Cause = e.cause // written before done was closed
	default:
	}
	return info
}

// Done is closed by Die, not by Close.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Close notes that it was called, and is Stop where a test has one.
func (e *Engine) Close(ctx context.Context) error {
	e.closed.Store(true)
	if e.Stop != nil {
		return e.Stop(ctx)
	}
	return nil
}

// Healthy is a good answer after 100 ms, of 7 tokens to 5.
func Healthy(ctx context.Context, req backends.Request) backends.Reply {
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

// Batcher hands each request of a batch to answerAll.
type Batcher struct {
	*Engine
	AnswerAll func(ctx context.Context, reqs []backends.Request, done func(backends.Reply)) error
}

// GenerateAll takes the whole batch before it answers any of it.
func (b *Batcher) GenerateAll(ctx context.Context, reqs iter.Seq[backends.Request], done func(backends.Reply)) error {
	var all []backends.Request
	for r := range reqs {
		all = append(all, r)
	}
	return b.AnswerAll(ctx, all, done)
}

// Machine has no GPU and nothing to do.
func Machine() machine.Machine {
	return machine.Machine{
		Overflows:   func() (int64, bool) { return 0, false },
		Files:       func() (uint64, uint64) { return 1024, 1024 },
		Leftovers:   func(context.Context) ([]int, error) { return nil, nil },
		Quiet:       func(context.Context, time.Duration) float64 { return 0 },
		GPUs:        func() ([]telemetry.GPU, error) { return nil, telemetry.ErrNoNVML },
		Serves:      func(context.Context, int, []string) bool { return false },
		DropCaches:  func() error { return nil },
		ForgetFiles: func([]string) error { return nil },
		Strain:      func(context.Context) (*int64, *float64) { return nil, nil },
		Blind:       func() bool { return false },
		Cores:       2,
	}
}

// Platform is the backend's name in a test's world.
const Platform = "fake_backend"

// Cell is a complete cell of a served platform with a batch of its own size.
func Cell(name string, batch int) *cell.Cell {
	return &cell.Cell{
		Experiment: "exp", Address: fmt.Sprintf("%064x", len(name)*1000+batch), Slug: fmt.Sprintf("%s-%d", name, batch),
		Axes: []*cell.Axis{{Name: "platform", Label: name, JSON: `"` + name + `"`}, {Name: "model", Label: "m", JSON: `"m"`},
			{Name: "batch_size", Label: fmt.Sprint(batch), JSON: fmt.Sprint(batch)}},
		Platform:  &cell.Platform{ID: name, Backend: Platform},
		Model:     &cell.Model{ID: "m"},
		Dataset:   &cell.Dataset{ID: "d", Seed: 3, Repeat: true, Synthetic: &cell.Synthetic{Count: 100, InputTokens: Constant(20), OutputTokens: Constant(5)}},
		BatchSize: batch,
		Load:      &cell.Load{Mode: "closed", Concurrency: 4},
		Generate:  &cell.Generate{MaxTokens: 5},
		Warmup:    &cell.Warmup{Requests: 3},
		Isolation: &cell.Isolation{Server: "cell", Caches: "warm", PrefixCache: "off"},
		Limits:    &cell.Limits{MaxErrorRate: 1},
		Capture:   &cell.Capture{Outputs: "all"},
		Telemetry: &cell.Telemetry{},
		Launches:  1, Resume: true, Order: "blocks", Seed: 1,
	}
}

// Constant is a length of exactly n tokens.
func Constant(n int) cell.Length {
	return cell.Length{Distribution: "constant", Mean: float64(n), Min: n, Max: n}
}

// Identity is an identity whose components hash to their own values.
func Identity(address string, values map[string]string) cell.Identity {
	id := cell.Identity{Address: address}
	for _, name := range []string{"environment", "spec", "dataset", "model", "backend", "hardware"} {
		v := values[name]
		if v == "" {
			v = "{}"
		}
		id.Components.Set(name, cell.Component{Hash: fmt.Sprintf("%x", v), Value: json.RawMessage(v)})
		if name != "environment" {
			id.Hash += fmt.Sprintf("%x.", v)
		}
	}
	id.Hash = address[len(address)-8:] + id.Hash
	return id
}

// Reserving is a backend that wants half a GPU and reads its weights from a file.
func Reserving(b *Backend) backends.Backend {
	value := b.Value()
	value.Reserves = func(_ *cell.Cell, total int64) int64 { return total / 2 }
	value.ModelFiles = func(*cell.Cell) []string { return []string{"/models/weights"} }
	return value
}
