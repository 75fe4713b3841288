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
// then by address (for before → after). What stands at the address of a cell is that cell's alone: two cells that ask for
// the same are measured each.
type History struct {
	ctx        context.Context
	store      *store.Store
	cells      addresses
	all        []store.Past
	byIdentity map[owned][]*store.Past
	byAddress  map[string][]*store.Past
	unreadable map[string][]*store.Past // by slug: manifests that tell nothing
	unfinished map[launchKey]*leftover
	err        error // the first that a lookup met
}

// addresses are those of an experiment's cells, whatever a filter leaves of them.
type addresses map[string]bool

// owned is an identity with the address that it was measured at; "" = no cell is there, so any that asks for the same may
// have it.
type owned struct{ hash, address string }

// own is the key of what was measured.
func (a addresses) own(m *record.Manifest) owned {
	if !a[m.Address] {
		return owned{hash: m.Identity.Hash}
	}
	return owned{m.Identity.Hash, m.Address}
}

// readHistory reads what was committed, and what is unfinished: of that only who holds the lock may look.
func readHistory(ctx context.Context, store *store.Store, p *Plan) (*History, error) {
	past, err := store.Recall(ctx, p.Experiment)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the results of %s: %w", p.Experiment, err)
	}
	h := indexHistory(past, p.cells)
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
			h.unfinished[launchKey{h.cells.own(&m), m.Launch}] = newLeftover(a)
		}
	}
	return nil
}

// glance is readAll for a plan, which holds no lock: it takes the lock for the moment, and only when there is something
// to look at. Unfinished could do without, but then the attempts of an apply that runs now would pass for interrupted.
func glance(ctx context.Context, store *store.Store, p *Plan) (*History, error) {
	work, err := os.ReadDir(filepath.Join(store.Root(), ".matrix", "work"))
	if err != nil || len(work) == 0 {
		return readHistory(ctx, store, p)
	}
	unlock, err := store.Lock("matrix plan")
	if err != nil {
		return readHistory(ctx, store, p) // held, or not ours to write: the plan is without them
	}
	defer unlock()
	return ReadAll(ctx, store, p)
}

// ReadAll is everything there is of a plan's experiment. The caller holds the lock, so no attempt that is found at work is.
func ReadAll(ctx context.Context, store *store.Store, p *Plan) (*History, error) {
	left, err := ReadLeft(ctx, store, p)
	if err != nil {
		return nil, err
	}
	h, err := readHistory(ctx, store, p)
	if err != nil {
		return nil, err
	}
	h.unfinished = left.unfinished
	return h, nil
}

// ReadLeft is what waits to be resumed, without the past. The caller holds the lock.
func ReadLeft(ctx context.Context, store *store.Store, p *Plan) (*History, error) {
	h := indexHistory(nil, p.cells)
	h.ctx, h.store = ctx, store
	return h, h.readUnfinished(p.Experiment)
}

// indexHistory sorts past attempts by what a plan asks for them. One without an identity is damaged and known by its folder
// alone.
func indexHistory(past []store.Past, cells addresses) *History {
	h := &History{cells: cells, all: past, byIdentity: map[owned][]*store.Past{}, byAddress: map[string][]*store.Past{},
		unreadable: map[string][]*store.Past{}, unfinished: map[launchKey]*leftover{}}
	for i := range past {
		p := &past[i]
		if p.Identity.Hash == "" {
			h.unreadable[p.Slug] = append(h.unreadable[p.Slug], p)
			continue
		}
		own := cells.own(&p.Manifest)
		h.byIdentity[own] = append(h.byIdentity[own], p)
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
		if _, l := leftOf(h.unfinished, item, n); l != nil {
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
	past = slices.Concat(h.unreadable[item.Cell.Slug], h.measured(item.Identity.Hash, item.Cell))
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
		return slices.Concat(past, h.measured(before.Identity.Hash, item.Cell)), before
	}
	return past, before
}

// measured are the attempts at an identity that a cell may have: what bore another name, then its own.
func (h *History) measured(hash string, c *cell.Cell) []*store.Past {
	return slices.Concat(h.byIdentity[owned{hash: hash}], h.byIdentity[owned{hash, c.Address}])
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
func (h *History) Leftovers() *Leftovers { return &Leftovers{of: h.unfinished, cells: h.cells} }
