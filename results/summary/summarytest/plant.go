package summarytest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
)

// Cell is a cell of a planted tree: so many requests to a platform, launch by launch.
type Cell struct {
	Experiment string // "" = e
	Platform   string // label; the engine's name, too
	Model      string // label; "" = m
	Size       int
	Identity   string         // hash; "" = the platform's name
	GPU        string         // "" = H100
	Dataset    string         // "" = d
	Spec       map[string]any // of the identity: generate, isolation, options; nil = greedy, nothing else
	Launches   []Launch       // in the order in which they are committed
}

// Launch is one attempt. Its zero is a healthy complete one, ten requests a second.
type Launch struct {
	Number   int    // 0 = the next
	Status   string // "" = complete
	Segments int    // 0 = one
	Identity string
	Scale    float64                           // of every time; 0 = 1
	Run      func(*record.Run)                 // changes what is known of the run
	Row      func(i int, r *record.RequestRow) // changes a row
	Text     func(i int) string                // nil = the same words on every platform
	Samples  []record.SampleRow
}

// Slug is the folder of a cell.
func (c Cell) Slug() string { return fmt.Sprintf("%s-%s-%d", c.Platform, c.model(), c.Size) }

func (c Cell) model() string { return cmp.Or(c.Model, "m") }

// gpu is the card's name.
func (c Cell) gpu() string { return cmp.Or(c.GPU, "H100") }

// Plant commits cells into a results tree and returns the attempts' ids, cell by cell.
func Plant(t testing.TB, root string, cells ...Cell) map[string][]string {
	t.Helper()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string][]string{}
	for _, c := range cells {
		last := 0
		for _, l := range c.Launches {
			if l.Number == 0 {
				l.Number = last + 1
			}
			last = l.Number
			ids[c.Slug()] = append(ids[c.Slug()], c.commit(t, store, l))
		}
	}
	return ids
}

// commit is one launch from begin to end, as an apply would have it, with a segment's break where the rows of one end.
func (c Cell) commit(t testing.TB, store *store.Store, l Launch) string {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a, err := store.Begin(c.planned(), c.identity(t, l), l.Number, nil)
	check(err)
	run := record.Run{Planned: int64(c.Size), Mode: "closed", Concurrency: 8, Identity: a.Manifest().Identity, LoadS: new(20.0), ClientCPUS: new(0.1),
		ClientLimited: new(false), PageCache: "warm", CompileCache: "warm", Server: "cell",
		Engine:  record.Engine{Name: c.Platform, Version: "1.0", DType: "bfloat16", WeightBytes: new(int64(8e9)), Layers: new(int64(32)), LayersGPU: new(int64(32))},
		Machine: record.Machine{Host: "box", CPU: "a processor", Cores: 16, GPUName: c.gpu(), GPUUUID: "GPU-a", GPUs: 1, Driver: "580.1", PowerLimitW: new(700.0)}}
	if l.Run != nil {
		l.Run(&run)
	}
	segments := max(1, l.Segments)
	for i := range c.Size {
		if i > 0 && i*segments/c.Size != (i-1)*segments/c.Size {
			check(a.Suspend(run))
			check(a.Resume())
		}
		check(a.Append(c.row(l, i)))
	}
	check(a.Sample(l.Samples...))
	status := l.Status
	if status == "" {
		status = record.Complete
	}
	_, err = a.Commit(status, "done", "", run)
	check(err)
	return a.Manifest().Attempt
}

// row is request i: a tenth of a second each, one after the other.
func (c Cell) row(l Launch, i int) (record.RequestRow, *record.OutputRow) {
	scale := l.Scale
	if scale == 0 {
		scale = 1
	}
	text := fmt.Sprintf("answer %d is yes", i)
	if l.Text != nil {
		text = l.Text(i)
	}
	at := func(v float64) *float64 { return new(scale * (float64(i) + v) / 10) }
	r := record.RequestRow{Seq: int64(i), PromptID: fmt.Sprint(i), Phase: "measure", Status: "ok", Attempts: 1, TokenSource: "usage", MaxTokens: 64, FinishReason: "stop",
		SentS: at(0), FirstTokenS: at(0.2), LastTokenS: at(1), DoneS: at(1), InputTokens: new(int64(200)), OutputTokens: new(int64(32)), CachedTokens: new(int64(0)), Chunks: 32}
	if text != "" {
		r.OutputHash = [16]byte{1}
	}
	if l.Row != nil {
		l.Row(i, &r)
	}
	if r.Status != "ok" {
		return r, nil
	}
	return r, &record.OutputRow{PromptID: r.PromptID, Text: text}
}

// planned has what a manifest needs of a cell, and an address by its folder: equal for equal coordinates.
func (c Cell) planned() *cell.Cell {
	experiment := c.Experiment
	if experiment == "" {
		experiment = "e"
	}
	return &cell.Cell{Experiment: experiment, BatchSize: c.Size, Address: fmt.Sprintf("%064x", []byte(c.Slug()))[:64], Slug: c.Slug(),
		Axes:     []*cell.Axis{{Name: "platform", Label: c.Platform}, {Name: "model", Label: c.model()}, {Name: "batch_size", Label: fmt.Sprint(c.Size)}},
		Platform: &cell.Platform{ID: c.Platform}, Model: &cell.Model{ID: c.model()}}
}

// identity is as a stored one is read; its parts' hashes are equal for equal values.
func (c Cell) identity(t testing.TB, l Launch) cell.Identity {
	t.Helper()
	hash := c.Platform
	for _, own := range []string{c.Identity, l.Identity} {
		if own != "" {
			hash = own
		}
	}
	spec := c.Spec
	if spec == nil {
		spec = map[string]any{"generate": map[string]any{"max_tokens": 64}}
	}
	parts := map[string]any{}
	for name, value := range map[string]any{"spec": spec, "dataset": map[string]any{"sha256": cmp.Or(c.Dataset, "d")}, "hardware": map[string]any{"gpu": c.gpu()}} {
		doc, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		parts[name] = map[string]any{"hash": fmt.Sprintf("%s-%x", name, doc), "value": json.RawMessage(doc)}
	}
	doc, err := json.Marshal(map[string]any{"address": c.planned().Address, "hash": hash, "components": parts})
	if err != nil {
		t.Fatal(err)
	}
	var id cell.Identity
	if err := json.Unmarshal(doc, &id); err != nil {
		t.Fatal(err)
	}
	return id
}
