package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/record"
	"matrix/runner/plan"
)

// noop is an engine that is ready at once and answers at once.
type noop struct{ done chan struct{} }

func (noop) Resolve(context.Context, *cell.Cell) (backends.Identity, error) {
	return backends.Identity{}, nil
}

func (noop) Launch(context.Context, backends.Spec) (backends.Engine, error) {
	return noop{done: make(chan struct{})}, nil
}

func (noop) Generate(_ context.Context, r backends.Request) backends.Reply {
	now, in, out := time.Now(), int64(20), int64(8)
	return backends.Reply{Seq: r.Seq, Status: backends.OK, Attempts: 1, Sent: now, FirstChunk: now, FirstToken: now, LastToken: now, Done: now,
		InputTokens: &in, OutputTokens: &out, TokenSource: "usage", FinishReason: "length", Chunks: 1, Text: "x"}
}

func (noop) Info() backends.Info         { return backends.Info{Engine: "noop", Simulated: true} }
func (e noop) Done() <-chan struct{}     { return e.done }
func (noop) Close(context.Context) error { return nil }

func (b *bench) world() plan.World {
	return plan.World{Backends: map[string]backends.Backend{cell.Simulator: {Resolve: noop{}.Resolve, Launch: noop{}.Launch}}, Store: b.store,
		Machine: record.Machine{Host: "bench", CPU: "bench"}, Version: "bench",
		Datasets: func(ctx context.Context, d *cell.Dataset) (*dataset.Set, error) { return dataset.Open(ctx, d) }}
}

// newItem is a complete cell with ten requests.
func newItem(i int) *plan.Item {
	length := func(n int) cell.Length {
		return cell.Length{Distribution: "constant", Mean: float64(n), Min: n, Max: n}
	}
	sum := sha256.Sum256(fmt.Append(nil, i))
	address := hex.EncodeToString(sum[:])
	label := fmt.Sprint(i)
	c := &cell.Cell{
		Experiment: "bench", Address: address, Slug: "noop-m-" + label + "-" + address[:16],
		Axes:     []*cell.Axis{{Name: "platform", Label: "noop", JSON: `"noop"`}, {Name: "n", Label: label, JSON: label}},
		Platform: &cell.Platform{ID: "noop", Backend: cell.Simulator}, Model: &cell.Model{ID: "m"},
		Dataset:   &cell.Dataset{ID: "d", Seed: 3, Synthetic: &cell.Synthetic{Count: 20, InputTokens: length(20), OutputTokens: length(8)}},
		BatchSize: 10, Load: &cell.Load{Mode: "closed", Concurrency: 4}, Generate: &cell.Generate{MaxTokens: 8},
		Warmup: &cell.Warmup{Requests: 1}, Isolation: &cell.Isolation{Server: "cell", Caches: "warm", PrefixCache: "off"},
		Limits: &cell.Limits{MaxErrorRate: 1}, Capture: &cell.Capture{Outputs: "all"}, Telemetry: &cell.Telemetry{},
		Launches: 5, Resume: true, Order: "blocks", Seed: 1,
	}
	return &plan.Item{Cell: c, Identity: cell.Identity{Address: address, Hash: address}, State: plan.New}
}
