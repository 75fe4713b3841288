// Command cluster measures what matrix itself costs on a cluster: goroutines play the nodes, an engine that answers at
// once plays vLLM, and everything else is what a real run does: the run's folder, claims, attempts with their Parquet
// tables, markers, the watcher's polling. No figure of it says anything about an engine.
//
//	go run ./bench/cluster -cells 10000 -launches 5 -nodes 200 -dir /mnt/shared
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"matrix/results/claim"
	"matrix/results/store"
	"matrix/runner/apply"
	"matrix/runner/plan"
	"matrix/runner/slurm"
)

func main() {
	b := bench{}
	flag.IntVar(&b.cells, "cells", 10_000, "cells")
	flag.IntVar(&b.launches, "launches", 5, "launches per cell")
	flag.IntVar(&b.nodes, "nodes", 200, "simulated nodes")
	flag.IntVar(&b.most, "most", 0, "stop after so many launches of the run (0 = all)")
	dir := flag.String("dir", os.TempDir(), "folder on the file system to measure")
	flag.Parse()
	if err := b.run(context.Background(), *dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench/cluster:", err)
		os.Exit(1)
	}
}

// bench is one measurement.
type bench struct {
	cells, launches, nodes, most int

	store *store.Store
	run_  *slurm.Run
	byAt  map[string]*plan.Item
}

func (b *bench) run(ctx context.Context, parent string) error {
	dir, err := os.MkdirTemp(parent, "matrix-bench-cluster")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.store, err = store.Open(dir); err != nil {
		return err
	}
	began := time.Now()
	if b.run_, err = slurm.Create(b.store, []*plan.Plan{b.plan()}, func(w io.Writer) error { _, err := io.WriteString(w, "{}"); return err }, 1); err != nil {
		return err
	}
	fmt.Printf("%d cells x %d launches, %d nodes, on %s\n", b.cells, b.launches, b.nodes, parent)
	fmt.Printf("run laid down           %8.2f s\n", time.Since(began).Seconds())
	if err := b.openGroups(); err != nil {
		return err
	}
	return b.measure(ctx)
}

// openGroups times what each task does first: find its group, at the end of the file in the worst case.
func (b *bench) openGroups() error {
	began := time.Now()
	if _, _, err := slurm.OpenGroup(b.store, b.run_.Plan(), len(b.run_.Groups)-1); err != nil {
		return err
	}
	fmt.Printf("last group found        %8.2f ms\n", ms(time.Since(began)))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// measure lets the nodes take groups until none is left, and reports as it goes.
func (b *bench) measure(ctx context.Context) error {
	total := len(b.run_.Groups)
	if b.most > 0 {
		total = min(total, b.most)
	}
	var next, done atomic.Int64
	var failed atomic.Value
	var wg sync.WaitGroup
	began, cpu := time.Now(), cpuSeconds()
	for n := range b.nodes {
		wg.Go(func() {
			node := b.node(n)
			for {
				i := int(next.Add(1)) - 1
				if i >= total || failed.Load() != nil {
					return
				}
				if _, err := node.Do(ctx, b.run_.Groups[i]); err != nil {
					failed.CompareAndSwap(nil, err)
				}
				done.Add(1)
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	b.follow(&done, total, over)
	if err, ok := failed.Load().(error); ok {
		return err
	}
	wall := time.Since(began)
	fmt.Printf("%-8d launches in    %8.2f s: %.1f a second, %.2f ms of CPU each\n", total, wall.Seconds(), float64(total)/wall.Seconds(), (cpuSeconds()-cpu)*1e3/float64(total))
	return b.watch(ctx, total)
}

// follow prints the rate of each tenth, to see where it bends.
func (b *bench) follow(done *atomic.Int64, total int, over chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	step := max(1, total/10)
	last, at, cpu := 0, time.Now(), cpuSeconds()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		if n := int(done.Load()); n-last >= step {
			now := cpuSeconds()
			fmt.Printf("  %6d done: %7.1f launches/s, %6.2f ms of CPU each\n", n, float64(n-last)/time.Since(at).Seconds(), (now-cpu)*1e3/float64(n-last))
			last, at, cpu = n, time.Now(), now
		}
	}
}

// watch times the watcher's look at a run with so much done, and a status.
func (b *bench) watch(ctx context.Context, total int) error {
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := 0
	w := slurm.Watch{Run: b.run_, Queue: idle{}, MaxArray: 1001, MaxQueued: 1000, Tries: 3, EveryFile: time.Millisecond, EveryLook: time.Hour,
		Observe: func(e slurm.Event) {
			if seen++; seen >= total {
				cancel()
			}
		}}
	began := time.Now()
	if _, err := w.Do(short); err != nil && short.Err() == nil {
		return err
	}
	fmt.Printf("watcher takes all in    %8.2f s: %.3f ms a launch\n", time.Since(began).Seconds(), ms(time.Since(began))/float64(total))
	began = time.Now()
	if _, err := b.run_.Look(ctx); err != nil {
		return err
	}
	fmt.Printf("matrix status           %8.2f s\n", time.Since(began).Seconds())
	began = time.Now()
	past, err := b.store.History(ctx, "bench")
	fmt.Printf("history of %6d       %8.2f s\n", len(past), time.Since(began).Seconds())
	return err
}

// idle is a cluster that does nothing: the nodes are goroutines here.
type idle struct{}

func (idle) Submit(context.Context, slurm.Job) (string, error)  { return "1", nil }
func (idle) List(context.Context, string) ([]slurm.Task, error) { return nil, nil }
func (idle) Cancel(context.Context, []string) error             { return nil }

func (b *bench) node(n int) *slurm.Node {
	owner := claim.Me("bench")
	owner.Host = fmt.Sprintf("node%d", n)
	return &slurm.Node{World: b.world(), Run: b.run_, Owner: owner, Scratch: os.TempDir() + "/matrix-bench-scratch", Apply: apply.Apply,
		Say: func(string, ...any) {},
		Plan: func(_ context.Context, w plan.LaunchRef) (*plan.Plan, error) {
			known := b.byAt[w.Address]
			item := &plan.Item{Cell: known.Cell, Identity: known.Identity, State: plan.New, Launches: []int{w.Launch}}
			return &plan.Plan{Experiment: w.Experiment, Items: []*plan.Item{item}, Order: []plan.Step{{Item: item, Launch: w.Launch}}}, nil
		}, Options: apply.Options{Source: []byte("experiment {}"), WithoutNVML: true}}
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}

// plan is cells × launches of a simulated platform.
func (b *bench) plan() *plan.Plan {
	p := &plan.Plan{Experiment: "bench"}
	b.byAt = map[string]*plan.Item{}
	for i := range b.cells {
		item := newItem(i)
		b.byAt[item.Cell.Address] = item
		p.Items = append(p.Items, item)
	}
	for n := range b.launches {
		for _, item := range p.Items {
			p.Order = append(p.Order, plan.Step{Item: item, Launch: n + 1})
		}
	}
	return p
}
