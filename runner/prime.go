package runner

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"time"

	"matrix/experiments"
	"matrix/results"
)

// A priming is a start that is not measured: an engine that keeps what it compiles on disk is started once, answers one
// request and is stopped, so that "warm" means warm for every launch that counts. One comes before the first launch of
// each engine, model and settings that compile alike, unless a start of that kind is on record in the tree.

// primings tells which pending items would find no compiled code: item → what its engine compiles. None for a task of a
// cluster, which sees neither the past nor its neighbours and would double every start.
func primings(w World, items []*Item, past *history, alone bool) map[*Item]string {
	keys := compiled{w: w, known: map[compiledKey]string{}}
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
		past.started(func(id experiments.Identity) bool {
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
func (h *history) started(each func(experiments.Identity) (more bool)) {
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

func startedIn(past []results.Past, each func(experiments.Identity) bool) (more bool) {
	for i := range past {
		_, loaded := past[i].Summary["load_s"]
		if past[i].Problem == "" && (loaded || past[i].Status == results.Complete) && !each(past[i].Identity) {
			return false
		}
	}
	return true
}

// compiled names what engines compile; it remembers, for a plan may have 100,000 cells.
type compiled struct {
	w     World
	known map[compiledKey]string
}

type compiledKey struct{ spec, backend, model, hardware string }

// of is the name for an identity with the settings of its spec; "" where nothing is compiled and kept.
func (c *compiled) of(id experiments.Identity, backend string, args experiments.Values, env map[string]string) string {
	k := compiledKey{id.Components.Get("spec").Hash, id.Components.Get("backend").Hash, id.Components.Get("model").Hash, id.Components.Get("hardware").Hash}
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
func (c *compiled) past(id experiments.Identity) string {
	var spec struct {
		Args      experiments.Values
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

func version(id experiments.Identity) string {
	var backend struct{ Version string }
	_ = json.Unmarshal(id.Components.Get("backend").Value, &backend) // unknown until apply: no version
	return backend.Version
}

// primes is who primes what in one apply. Safe for concurrent use.
type primes struct {
	of map[*Item]string

	mu   sync.Mutex
	done map[string]bool
	busy map[string]chan struct{} // closed when it has ended
}

func newPrimes(of map[*Item]string) *primes {
	return &primes{of: of, done: map[string]bool{}, busy: map[string]chan struct{}{}}
}

// claim says whether the caller is to prime; where another launch does so just now, it waits for it.
func (p *primes) claim(ctx context.Context, key string) bool {
	for {
		p.mu.Lock()
		if key == "" || p.done[key] || ctx.Err() != nil {
			p.mu.Unlock()
			return false
		}
		ended := p.busy[key]
		if ended == nil {
			p.busy[key] = make(chan struct{})
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
}

// release ends what claim began. A priming that failed is left to the next launch.
func (p *primes) release(key string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.busy[key])
	delete(p.busy, key)
	p.done[key] = ok
}

// primedText is said of every priming.
const primedText = "an unmeasured start, so that those that count find what it compiled"

// prime starts the cell's engine once without measuring, where nothing of its kind was started before. ok is false when
// the launch ends here: what goes wrong now would go wrong then.
func (l *launch) prime(ctx context.Context) (out outcome, ok bool) {
	key := l.a.primes.of[l.item]
	if !l.a.primes.claim(ctx, key) {
		return outcome{}, true
	}
	defer func() { l.a.primes.release(key, ok) }()
	began := time.Now()
	l.emit(Event{Kind: LaunchPhase, Phase: "prime", Message: primedText})
	own, telemetry := l.at.server, l.samples
	// A server of its own, which no attempt is measured on: its folder has log and phases, the record of a first start.
	l.at.server, l.samples = &server{}, &samples{}
	if err := l.at.server.begin(l); err != nil {
		l.at.server, l.samples = own, telemetry
		return outcome{status: results.EnvironmentFailed, reason: oneLine(err)}, false
	}
	l.at.server.record.Primed = true
	l.priming.Store(true)
	out, ok = l.unmeasured(ctx)
	l.priming.Store(false)
	l.mu.Lock()
	l.at.server, l.samples, l.engine, l.early = own, telemetry, nil, nil
	if ok {
		l.seg.Phases["prime"] = time.Since(began).Seconds()
	}
	l.mu.Unlock()
	if ok {
		l.emit(Event{Kind: LaunchPhase, Phase: "prime", Took: max(time.Since(began), time.Nanosecond)})
	} else if out.status == results.EngineFailed {
		out.reason += " (in the unmeasured start, isolation.prime)"
	}
	return out, ok
}

// unmeasured is a whole life of an engine: drain → start → one request → stop.
func (l *launch) unmeasured(ctx context.Context) (out outcome, ok bool) {
	if err := l.drain(ctx); err != nil && ctx.Err() == nil {
		out = outcome{status: results.EnvironmentFailed, reason: oneLine(err)}
	} else if cut, is := l.cut(ctx); is {
		out = cut
	} else if out, ok = l.load(ctx); ok {
		l.loaded(l.warmUpRound(ctx, 0, 1))
		if cut, is := l.cut(ctx); is {
			out, ok = cut, false
		} else if died, is := l.died("at its first request"); is {
			out, ok = died, false
		}
	}
	if l.engine != nil {
		l.stopEngine(ctx)
	} else {
		l.at.server.ended(l, "it did not come to be ready")
	}
	if cut, is := l.cut(ctx); is {
		return cut, false
	}
	return out, ok
}
