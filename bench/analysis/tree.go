package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
)

// launchesOfCell is how many of the attempts belong to one cell.
const launchesOfCell = 4

// writeTree commits attempts as the runner would. A tree that is there already is used again.
func writeTree(root string, attempts, rows int) error {
	done := filepath.Join(root, ".matrix", "complete")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	store, err := store.Open(root)
	if err != nil {
		return err
	}
	errs := make([]error, attempts)
	var writers sync.WaitGroup
	const atOnce = 4 // they wait for the disk
	for w := range atOnce {
		writers.Go(func() {
			for i := w; i < attempts && errs[i] == nil; i += atOnce {
				errs[i] = writeAttempt(store, i, rows)
			}
		})
	}
	writers.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o644)
}

func writeAttempt(store *store.Store, i, rows int) error {
	random := rand.New(rand.NewPCG(1, uint64(i)))
	c := cellOf(i/launchesOfCell, rows)
	a, err := store.Begin(c, cell.Identity{Address: c.Address, Hash: c.Address}, 1+i%launchesOfCell, nil)
	if err != nil {
		return err
	}
	speed := 0.95 + 0.1*random.Float64()
	for seq := range rows {
		if err := a.Append(rowOf(random, seq, speed), nil); err != nil {
			return err
		}
	}
	for at := range 600 {
		err := a.Sample(record.SampleRow{TimeS: float64(at), Source: "process", Metric: "rss_bytes", Value: 4e9 + 1e6*random.Float64()},
			record.SampleRow{TimeS: float64(at), Source: "process", Metric: "cpu_s", Value: float64(at)})
		if err != nil {
			return err
		}
	}
	load := 20 + random.Float64()
	_, err = a.Commit(record.Complete, "done", "", record.Run{Planned: int64(rows), Mode: "closed", Concurrency: 64, LoadS: &load, Simulated: true,
		Engine: record.Engine{Name: "simulator", Version: "1", DType: "bfloat16"}})
	return err
}

func cellOf(n, rows int) *cell.Cell {
	platform, model := fmt.Sprintf("p%d", n%5), fmt.Sprintf("m%d", n/5%10)
	setting := fmt.Sprint(n / 50)
	address := fmt.Sprintf("%016x", n) + strings.Repeat("0", 48)
	axis := func(name, label string) *cell.Axis { return &cell.Axis{Name: name, Label: label} }
	return &cell.Cell{Experiment: "large", BatchSize: rows, Address: address, Slug: fmt.Sprintf("%s-%s-%s-%s", platform, model, setting, address[:16]),
		Axes:     []*cell.Axis{axis("platform", platform), axis("model", model), axis("batch_size", fmt.Sprint(rows)), axis("setting", setting)},
		Platform: &cell.Platform{ID: platform}, Model: &cell.Model{ID: model}}
}

// rowOf is a request of a closed load of 64; one of 1,000 fails.
func rowOf(random *rand.Rand, seq int, speed float64) record.RequestRow {
	sent := float64(seq/64) * speed
	first := sent + 0.05 + 0.1*random.ExpFloat64()
	last := first + 0.01*float64(100+random.IntN(56))
	done, in, out := last+0.001, int64(200+random.IntN(800)), int64(100+random.IntN(56))
	r := record.RequestRow{Seq: int64(seq), PromptID: fmt.Sprint(seq), Phase: "measure", Segment: 1, Status: "ok", Attempts: 1, TokenSource: "usage",
		FinishReason: "length", MaxTokens: 156, Chunks: int32(out), SentS: &sent, FirstChunkS: &first, FirstTokenS: &first, LastTokenS: &last, DoneS: &done,
		InputTokens: &in, OutputTokens: &out}
	if seq%1000 == 999 {
		r.Status, r.ErrorClass, r.FirstChunkS, r.FirstTokenS, r.LastTokenS, r.OutputTokens = "failed", "http_500", nil, nil, nil, nil
	}
	return r
}
