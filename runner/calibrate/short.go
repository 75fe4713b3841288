package calibrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"matrix/backends/fake/stamped"
	"matrix/experiments/textfile"
	"matrix/results/disk"
	"matrix/results/record"
)

// Step is a part of the short form that begins.
type Step struct {
	N, Of int
	What  string // in words
}

// Short measures this machine in some ten seconds, with the mock in a process of its own and no core set aside.
// Each step takes one cost by itself: the second tells the cost of a request, which the third's is less to give that of an
// event that comes alone. observe is called as each begins.
func Short(ctx context.Context, observe func(Step)) (record.Calibration, error) {
	host, _ := os.Hostname() // "" is equal to itself
	c := record.Calibration{Host: host, Cores: runtime.NumCPU(), UnixS: float64(time.Now().UnixNano()) / 1e9}
	p, err := stamped.Start(ctx)
	if err != nil {
		return c, err
	}
	defer p.Close()
	steps := []struct {
		what string
		s    Scenario
		book func(Cost)
	}{
		{"answers of 128 events at once", Scenario{Streams: 64, Tokens: 128, Requests: 10_000}, func(k Cost) { c.EventsPerSCore = k.EventsPerCPUS() }},
		{"answers of one event", Scenario{Streams: 64, Tokens: 1, Requests: 20_000}, func(k Cost) { c.CPUPerRequestS = k.CPUPerRequestS() }},
		{"256 streams, an event each 20 ms", Scenario{Streams: 256, Tokens: 64, GapS: 0.02, Requests: 512}, func(k Cost) {
			c.CPUPerEventS = max(0, k.CPUS-float64(k.Requests)*c.CPUPerRequestS) / float64(k.Events-k.Requests)
		}},
		{"1,000 requests a second", Scenario{RatePerS: 1000, Tokens: 16, GapS: 0.005, Requests: 3000, Stamps: true}, func(k Cost) {
			c.TimestampErrorP99S, c.SendLatenessP99S = k.Receipt.P99S, k.Send.P99S
		}},
	}
	for i, step := range steps {
		observe(Step{i + 1, len(steps), step.what})
		step.s.Protocol = "completions"
		cost, err := Drive(ctx, p.URL, step.s)
		if err != nil {
			return c, fmt.Errorf("calibrate with %s: %w", step.what, err)
		}
		if cost.Failed > 0 {
			return c, fmt.Errorf("calibrate with %s: %d of %d requests failed: %v", step.what, cost.Failed, cost.Requests, cost.Errors)
		}
		step.book(cost)
	}
	seen, err := stamped.Count(ctx, p.URL)
	c.MockLateP99S = seen.LateP99S
	return c, err
}

// Path is where a results tree keeps its calibration.
func Path(root string) string { return filepath.Join(root, ".matrix", "calibration.json") }

// Save writes a calibration into a results tree, whole or not at all.
func Save(root string, c record.Calibration) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("save the calibration: %w", err)
	}
	var tree disk.FS
	err = tree.MkdirAll(filepath.Dir(Path(root)))
	if err == nil {
		err = tree.WriteFile(Path(root), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("save the calibration: %w", err)
	}
	return nil
}

// Read returns the calibration of a results tree; nil where there is none, or one of another machine: results trees are
// copied and shared.
func Read(root string) (*record.Calibration, error) {
	text, err := disk.ReadFile(Path(root), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the calibration: %w", err)
	}
	var c record.Calibration
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("read the calibration %s: %w", Path(root), textfile.PlainJSON(err))
	}
	host, _ := os.Hostname() // as in Short
	if c.Host != host || c.Cores != runtime.NumCPU() {
		return nil, nil
	}
	return &c, nil
}
