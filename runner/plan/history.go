package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/machine"
)

// History is what the store knows of an experiment, looked up by identity first (a renamed label finds its results),
// then by address (for before → after).
type History struct {
	ctx        context.Context
	store      *store.Store
	all        []store.Past
	byHash     map[string][]*store.Past
	byAddress  map[string][]*store.Past
	unreadable map[string][]*store.Past // by slug: manifests that tell nothing
	unfinished map[launchKey]*leftover
	err        error // the first that a lookup met
}

// readHistory reads what was committed, and what is unfinished: of that only who holds the lock may look.
func readHistory(ctx context.Context, store *store.Store, experiment string) (*History, error) {
	past, err := store.Recall(ctx, experiment)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the results of %s: %w", experiment, err)
	}
	h := indexHistory(past)
	h.ctx, h.store = ctx, store
	return h, nil
}

// readUnfinished adds the attempts that wait to be resumed. The caller holds the store's lock.
func (h *History) readUnfinished(experiment string) error {
	left, err := h.store.Unfinished(h.ctx)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the unfinished attempts: %w", err)
	}
	for _, a := range left {
		if m := a.Manifest(); m.Experiment == experiment {
			h.unfinished[launchKey{m.Identity.Hash, m.Launch}] = newLeftover(a)
		}
	}
	return nil
}

// glance is readAll for a plan, which holds no lock: it takes the lock for the moment, and only when there is something
// to look at. Unfinished could do without, but then the attempts of an apply that runs now would pass for interrupted.
func glance(ctx context.Context, store *store.Store, experiment string) (*History, error) {
	work, err := os.ReadDir(filepath.Join(store.Root(), ".matrix", "work"))
	if err != nil || len(work) == 0 {
		return readHistory(ctx, store, experiment)
	}
	unlock, err := store.Lock("matrix plan")
	if err != nil {
		return readHistory(ctx, store, experiment) // held, or not ours to write: the plan is without them
	}
	defer unlock()
	return ReadAll(ctx, store, experiment)
}

// ReadAll is everything there is. The caller holds the lock, so no attempt that is found at work is.
func ReadAll(ctx context.Context, store *store.Store, experiment string) (*History, error) {
	left := &History{ctx: ctx, store: store, unfinished: map[launchKey]*leftover{}}
	if err := left.readUnfinished(experiment); err != nil {
		return nil, err
	}
	h, err := readHistory(ctx, store, experiment)
	if err != nil {
		return nil, err
	}
	h.unfinished = left.unfinished
	return h, nil
}

// ReadLeft is what waits to be resumed, without the past. The caller holds the lock.
func ReadLeft(ctx context.Context, store *store.Store, experiment string) (*History, error) {
	h := indexHistory(nil)
	h.ctx, h.store = ctx, store
	return h, h.readUnfinished(experiment)
}

// indexHistory sorts past attempts by what a plan asks for them. One without an identity is damaged and known by its folder
// alone.
func indexHistory(past []store.Past) *History {
	h := &History{all: past, byHash: map[string][]*store.Past{}, byAddress: map[string][]*store.Past{},
		unreadable: map[string][]*store.Past{}, unfinished: map[launchKey]*leftover{}}
	for i := range past {
		p := &past[i]
		if p.Identity.Hash == "" {
			h.unreadable[p.Slug] = append(h.unreadable[p.Slug], p)
			continue
		}
		h.byHash[p.Identity.Hash] = append(h.byHash[p.Identity.Hash], p)
		h.byAddress[p.Address] = append(h.byAddress[p.Address], p)
	}
	return h
}

// Estimator learns from what there is. Servers' folders that cannot be read cost no more than a worse estimate.
func (h *History) Estimator(experiment string, machine record.Machine) *Estimator {
	var servers []record.ServerRecord
	if h.store != nil {
		servers, _ = store.Servers(h.store.Root(), experiment)
	}
	return newEstimator(h.all, servers, machine)
}

// judge decides where an item stands.
func (h *History) judge(item *Item, f Filter) {
	c := item.Cell
	past, before := h.lookUp(item)
	var left map[int]*leftover
	for n := 1; n <= c.Launches && len(h.unfinished) > 0; n++ {
		if l := h.unfinished[launchKey{item.Identity.Hash, n}]; l != nil {
			if left == nil {
				left = map[int]*leftover{}
			}
			left[n] = l
		}
	}
	(&verdict{item: item, filter: f, left: left}).judge(past, before)
}

// lookUp returns the attempts that count for the item's identity, and the last result at its address that does not.
func (h *History) lookUp(item *Item) (past []*store.Past, before *store.Past) {
	past = slices.Concat(h.unreadable[item.Cell.Slug], h.byHash[item.Identity.Hash])
	for _, p := range h.byAddress[item.Cell.Address] {
		if p.Identity.Hash != item.Identity.Hash && isResult(p) {
			before = p
		}
	}
	if before == nil || hasResult(past) {
		return past, before
	}
	if taken := h.accepted(item); len(taken) > 0 {
		return slices.Concat(past, taken), before
	}
	if unknownHere(item, before.Identity) {
		item.Notes = append(item.Notes, "the engine or model cannot be read here; taken to be as in the last result")
		return slices.Concat(past, h.byHash[before.Identity.Hash]), before
	}
	return past, before
}

// accepted returns the attempts that the user blessed for the identity as it is now.
func (h *History) accepted(item *Item) []*store.Past {
	marks, err := h.store.Accepts(h.ctx, item.Cell.Experiment, item.Cell.Slug)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.err = errors.Join(h.err, fmt.Errorf("read the marks of %s: %w", item.Cell.Name(), err))
		return nil
	}
	var taken []*store.Past
	for _, p := range h.byAddress[item.Cell.Address] {
		for _, m := range marks {
			if m.Blesses(&p.Manifest, item.Identity.Hash) {
				taken = append(taken, p)
				break
			}
		}
	}
	return taken
}

// unknownHere reports that the identity differs from a stored one only by what this machine cannot tell: an engine or a
// model that is not installed here has neither version nor digest, and that alone makes no result stale.
func unknownHere(item *Item, before cell.Identity) bool {
	for _, name := range staleKinds {
		now, then := item.Identity.Components.Get(name), before.Components.Get(name)
		if now.Hash == then.Hash {
			continue
		}
		if name == "hardware" && item.WaitsFor != "" && declared(item.Cell.Hardware, then.Value) {
			continue // it was measured on a machine of its kind, which this one is not
		}
		if name != "backend" && name != "model" || !partOf(now.Value, then.Value) {
			return false
		}
	}
	return true
}

// declared reports whether a result's hardware is what the cell's block asks for.
func declared(h *cell.Hardware, then json.RawMessage) bool {
	var x struct {
		GPU  string `json:"gpu"`
		GPUs int    `json:"gpus"`
	}
	if json.Unmarshal(then, &x) != nil {
		return false
	}
	return (h.GPU == "" || machine.SameGPU(h.GPU, x.GPU)) && (h.GPUs == 0 || h.GPUs == x.GPUs) && (x.GPU != "" || h.VRAMGiB == 0)
}

// partOf reports whether everything that a says, b says too, and b says more.
func partOf(a, b json.RawMessage) bool {
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil || len(x) >= len(y) {
		return false
	}
	for k, v := range x {
		if v != nil && !reflect.DeepEqual(v, y[k]) {
			return false
		}
	}
	return true
}

// Leftovers are the unfinished attempts.
func (h *History) Leftovers() *Leftovers { return &Leftovers{of: h.unfinished} }
