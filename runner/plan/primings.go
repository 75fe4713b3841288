package plan

import (
	"encoding/json"
	"os"
	"strings"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
)

// A priming is a start that is not measured: an engine that keeps what it compiles on disk is started once, answers one
// request and is stopped, so that "warm" means warm for every launch that counts. One comes before the first launch of
// each engine, model and settings that compile alike, unless a start of that kind is on record in the tree.

// NeedPriming tells which pending items would find no compiled code: item → what its engine compiles. None for a task of a
// cluster, which sees neither the past nor its neighbours and would double every start.
func NeedPriming(w World, items []*Item, past *History, alone bool) map[*Item]string {
	keys := compileKeys{w: w, known: map[compileKey]string{}}
	wanted, missing := map[*Item]string{}, map[string]bool{}
	for _, item := range items {
		c := item.Cell
		if alone || !item.Pending() || c.Isolation == nil || !c.Isolation.Prime || c.Isolation.Caches != "warm" || c.Platform.Attached() {
			continue
		}
		if key := keys.of(item.Identity, c.Platform.Backend, c.Platform.Args, c.Platform.Env); key != "" {
			wanted[item], missing[key] = key, true
		}
	}
	if len(missing) > 0 {
		past.started(func(id cell.Identity) bool {
			delete(missing, keys.past(id))
			return len(missing) > 0
		})
	}
	for item, key := range wanted {
		if !missing[key] {
			delete(wanted, item)
		}
	}
	return wanted
}

// prime notes the items before which the primings come: of those that compile alike, the first to run. What waits for
// something that this machine lacks is not started.
func (p *Plan) prime(wanted map[*Item]string) {
	seen := map[string]bool{}
	for _, step := range p.Order {
		if key := wanted[step.Item]; key != "" && !seen[key] && step.Item.State != Unavailable {
			seen[key] = true
			p.Primings = append(p.Primings, step.Item)
		}
	}
}

// started calls each for the identities of which an engine came to be ready, in this experiment and, if it asks for
// more, in the others of the tree, until it has seen enough.
func (h *History) started(each func(cell.Identity) (more bool)) {
	for _, left := range h.unfinished {
		if run := left.attempt.SavedRun(); run != nil && run.LoadS != nil && !each(left.attempt.Manifest().Identity) {
			return
		}
	}
	if !startedIn(h.all, each) || h.store == nil {
		return
	}
	folders, err := os.ReadDir(h.store.Root())
	if err != nil {
		return // nothing is on record then
	}
	for _, f := range folders {
		if !f.IsDir() || strings.HasPrefix(f.Name(), ".") || len(h.all) > 0 && f.Name() == h.all[0].Experiment {
			continue
		}
		past, err := h.store.Recall(h.ctx, f.Name())
		if err == nil && !startedIn(past, each) {
			return
		}
	}
}

// startedIn calls each with the identities of past attempts that came as far as a loaded engine; more is false when each
// wanted no more.
func startedIn(past []store.Past, each func(cell.Identity) bool) (more bool) {
	for i := range past {
		_, loaded := past[i].Summary["load_s"]
		if past[i].Problem == "" && (loaded || past[i].Status == record.Complete) && !each(past[i].Identity) {
			return false
		}
	}
	return true
}

// compileKeys names what engines compile; it remembers, for a plan may have 100,000 cells.
type compileKeys struct {
	w     World
	known map[compileKey]string
}

// compileKey is what a name for compiled code depends on, as hashes of the identity's components.
type compileKey struct{ spec, backend, model, hardware string }

// of is the name for an identity with the settings of its spec; "" where nothing is compiled and kept.
func (c *compileKeys) of(id cell.Identity, backend string, args cell.Values, env map[string]string) string {
	k := compileKey{id.Components.Get("spec").Hash, id.Components.Get("backend").Hash, id.Components.Get("model").Hash, id.Components.Get("hardware").Hash}
	name, known := c.known[k]
	if known {
		return name
	}
	if compiles := c.w.Backends[backend].Compiles; compiles != nil {
		if name = compiles(backend, args, env); name != "" {
			name = strings.Join([]string{name, version(id), k.model, k.hardware}, "\n")
		}
	}
	c.known[k] = name
	return name
}

// past is of for an identity of which only what was stored is known.
func (c *compileKeys) past(id cell.Identity) string {
	var spec struct {
		Args      cell.Values
		Env       map[string]string
		Isolation struct{ Caches string }
	}
	var backend struct{ Platform string }
	if json.Unmarshal(id.Components.Get("spec").Value, &spec) != nil || json.Unmarshal(id.Components.Get("backend").Value, &backend) != nil ||
		spec.Isolation.Caches == "cold" {
		return ""
	}
	return c.of(id, backend.Platform, spec.Args, spec.Env)
}

// version is the engine's in an identity, "" where it is not known before the apply.
func version(id cell.Identity) string {
	var backend struct{ Version string }
	_ = json.Unmarshal(id.Components.Get("backend").Value, &backend) // unknown until apply: no version
	return backend.Version
}
