package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"matrix/backends"
	_ "matrix/backends/engines" // known to the files that it writes
	"matrix/backends/simulator"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/plan"
)

// writeHistory makes a tree with n committed attempts of the 1,000-cell experiment: real manifests beside files of the
// sizes that they tell, but with nothing in them. A tree that is there already is used again.
func writeHistory(dir string, n int) (file, root string, err error) {
	file, root = filepath.Join(dir, "thousand.hcl"), filepath.Join(dir, fmt.Sprintf("past-%d", n))
	if err := os.WriteFile(file, []byte(thousand()), 0o644); err != nil {
		return "", "", err
	}
	done := filepath.Join(root, "complete")
	if _, err := os.Stat(done); err == nil {
		return file, root, nil
	}
	plan, err := planOf(file, root)
	if err != nil {
		return "", "", fmt.Errorf("plan %s: %w", file, err)
	}
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		item := plan.Items[i%len(plan.Items)]
		if err := writeAttempt(root, item, 1+i/len(plan.Items), began.Add(time.Duration(i)*time.Second)); err != nil {
			return "", "", fmt.Errorf("write attempt %d: %w", i, err)
		}
	}
	return file, root, os.WriteFile(done, nil, 0o644)
}

func planOf(file, root string) (*plan.Plan, error) {
	ctx := context.Background()
	config, diags := grid.Load([]string{file}, lang.Options{})
	if diags.HasErrors() {
		return nil, diags
	}
	var cells []*cell.Cell
	for c := range config.Experiments[0].Expand(grid.Hooks{}).Cells() {
		cells = append(cells, c)
	}
	store, err := store.Open(root)
	if err != nil {
		return nil, err
	}
	w := plan.World{Backends: map[string]backends.Backend{cell.Simulator: simulator.New()}, Store: store,
		Datasets: dataset.Open, Version: "0"}
	return plan.Make(ctx, w, config.Experiments[0].Name, cells, plan.Filter{})
}

// files of an attempt. Their bytes are never read by a plan.
var files = []string{"outputs.parquet", "requests.parquet", "run.parquet", "samples.parquet", "server.log"}

func writeAttempt(root string, item *plan.Item, launch int, at time.Time) error {
	c := item.Cell
	id, err := ulid.New(ulid.Timestamp(at), bytes.NewReader(fmt.Appendf(nil, "%010d", launch)))
	if err != nil {
		return err
	}
	m := record.Manifest{Schema: 1, Experiment: c.Experiment, Address: c.Address, Slug: c.Slug, Name: c.Name(), Launch: launch, Attempt: id.String(),
		Status: record.Complete, Reason: "done", Platform: c.Platform.ID, Model: c.Model.ID, BatchSize: c.BatchSize, Axes: map[string]string{},
		Identity: item.Identity, Began: at, Ended: at.Add(time.Minute), Host: "bench", Simulated: true, Segments: 1, Planned: int64(c.BatchSize),
		OK: int64(c.BatchSize), Summary: map[string]float64{"load_s": 1, "duration_s": 20}, Files: map[string]record.FileSum{}}
	for _, a := range c.Axes {
		m.Axes[a.Name] = a.Label
	}
	for i := range 50 { // a real summary has about as many figures
		m.Summary[fmt.Sprintf("metric_%d_s", i)] = float64(i) + 0.123456789
	}
	dir := filepath.Join(root, c.Experiment, c.Slug, m.Attempt)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range files {
		m.Files[name] = record.FileSum{SHA256: c.Address}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			return err
		}
	}
	doc, err := sealed(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), doc, 0o644)
}

// sealed is a manifest with its own checksum, over the document with an empty self.
func sealed(m record.Manifest) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	const end = "\"\n}\n"
	return fmt.Appendf(bytes.TrimSuffix(b.Bytes(), []byte(end)), "%x%s", sha256.Sum256(b.Bytes()), end), nil
}
