package cell

import (
	"cmp"
	"maps"
	"path/filepath"
	"reflect"
)

// Facts is what the world adds to a cell: what the backend resolved, the dataset's digest, the machine.
// Keys and values go into the identity as they are.
type Facts struct {
	Backend     Values // name, version; a missing version is "unknown until apply"
	Model       Values // repository + commit, or digests
	Dataset     Values // SHA-256 of bytes, selection rule
	Hardware    Values // GPU product × count, or CPU model
	Environment Values // driver, kernel, host …: a note, never a reason to run again
}

// Identity is what was asked for, as named components.
type Identity struct {
	Address    string `json:"address"`
	Hash       string `json:"hash"` // SHA-256 over the hashes of spec, dataset, model, backend, hardware
	Components Parts  `json:"components"`
}

// decisive are the components whose change makes a result stale, in the order in which Hash covers them.
var decisive = []string{"spec", "dataset", "model", "backend", "hardware"}

// Identify composes a cell's identity from its evaluated values and what the world says. For many cells an Identifier
// does the same with less work.
func Identify(c *Cell, f Facts) Identity { return NewIdentifier().Identify(c, f) }

// Identifier makes identities, remembering what cells share. The cells, and the maps in their facts, must not change
// while it is used. It is not safe for concurrent use.
type Identifier struct {
	specs    map[specKey]*Component // a map a kind of key: in one map of any, each question would put its key on the heap
	policies map[policyKey]*Component
	parts    map[factKey]*Component
}

// NewIdentifier returns an Identifier that remembers nothing yet.
func NewIdentifier() *Identifier {
	return &Identifier{specs: map[specKey]*Component{}, policies: map[policyKey]*Component{}, parts: map[factKey]*Component{}}
}

// Keys of what is remembered: the pointers and maps that a component is made of.
type (
	specKey struct {
		platform   *Platform
		load       *Load
		generate   *Generate
		warmup     *Warmup
		isolation  *Isolation
		batch      int
		seed       int64
		hasDataset bool
	}
	policyKey struct {
		limits    *Limits
		capture   *Capture
		telemetry *Telemetry
		slo       *SLO
		launches  int
		resume    bool
		seed      int64
		order     string
		name      string
	}
	factKey struct {
		component string
		facts     uintptr
		platform  *Platform
		model     *Model
		dataset   *Dataset
		load      *Load
	}
)

// Identify is the package's Identify.
func (i *Identifier) Identify(c *Cell, f Facts) Identity {
	id := Identity{Address: c.Address}
	parts := &id.Components
	spec := specKey{platform: c.Platform, load: c.Load, generate: c.Generate, warmup: c.Warmup, isolation: c.Isolation, batch: c.BatchSize}
	if c.Dataset != nil {
		spec.seed, spec.hasDataset = c.Dataset.Seed, true
	}
	parts.Spec = once(i.specs, spec, func() Values { return specOf(c) })
	parts.Dataset = once(i.parts, factKey{component: "dataset", facts: mapAddress(f.Dataset)}, func() Values { return f.Dataset })
	parts.Model = once(i.parts, factKey{component: "model", facts: mapAddress(f.Model), platform: c.Platform, model: c.Model},
		func() Values { return modelComponent(c, f.Model) })
	parts.Backend = once(i.parts, factKey{component: "backend", facts: mapAddress(f.Backend), platform: c.Platform},
		func() Values { return backendOf(c.Platform, f.Backend) })
	parts.Hardware = once(i.parts, factKey{component: "hardware", facts: mapAddress(f.Hardware)}, func() Values { return f.Hardware })
	parts.Environment = once(i.parts, factKey{component: "environment", facts: mapAddress(f.Environment), platform: c.Platform, model: c.Model, dataset: c.Dataset, load: c.Load},
		func() Values { return environmentOf(c, f.Environment) })
	parts.Policy = once(i.policies, policyKey{c.Limits, c.Capture, c.Telemetry, c.SLO, c.Launches, c.Resume, c.Seed, c.Order, c.Experiment},
		func() Values { return policyOf(c) })
	var covered []byte
	for _, name := range decisive {
		covered = append(covered, name+" "+id.Components.Get(name).Hash+"\n"...)
	}
	id.Hash = sumOf(covered)
	return id
}

// backendOf is what runs. Of an engine that a lock pins, the lock is what tells it apart, and not its number alone.
func backendOf(p *Platform, facts Values) Values {
	backend := with(facts, Values{"platform": p.Backend})
	if p.Engine != nil && p.Engine.Lock != nil {
		backend["lock"] = p.Engine.LockHash()
	}
	return backend
}

func mapAddress(v Values) uintptr { return reflect.ValueOf(v).Pointer() }

// once makes a component, or remembers it.
func once[K comparable](known map[K]*Component, key K, value func() Values) *Component {
	c, ok := known[key]
	if !ok {
		v := value()
		if v == nil {
			v = Values{}
		}
		value := Canonical(v)
		c = &Component{Hash: sumOf(value), Value: value}
		known[key] = c
	}
	return c
}

// with is a copy of facts with more in it.
func with(facts, more Values) Values {
	all := Values{}
	maps.Copy(all, facts)
	maps.Copy(all, more)
	return all
}

// goFloat keeps whole numbers whole, as evaluated HCL does.
func goFloat(f float64) any {
	if n := int64(f); float64(n) == f {
		return n
	}
	return f
}

// specOf is what the cell asks of the engine and of the load generator.
func specOf(c *Cell) Values {
	spec := Values{"batch_size": int64(c.BatchSize)}
	put := func(name string, v any, empty bool) {
		if !empty {
			spec[name] = v
		}
	}
	p := c.Platform
	put("args", p.Args, len(p.Args) == 0)
	put("env", p.Env, len(p.Env) == 0)
	put("options", p.Options, len(p.Options) == 0)
	put("attach", true, !p.Attach)
	for name, part := range map[string]Values{"load": loadSpec(c.Load), "generate": generateSpec(c.Generate), "warmup": valuesOf(c.Warmup), "isolation": isolationSpec(c)} {
		put(name, part, len(part) == 0)
	}
	if c.Dataset != nil {
		put("dataset_seed", c.Dataset.Seed, c.Dataset.Seed == 0)
	}
	return spec
}

// nonceRule is where the prompts' nonces come from. Before they came from the launch too, a server that outlived one was
// sent the same bytes at each, and answered out of its cache: such results are not pooled with these.
func nonceRule(c *Cell) string {
	if c.Outlived() && c.Isolation.PrefixCache != "natural" {
		return "launch"
	}
	return usualNonce
}

// usualNonce is the nonce's identity default.
const usualNonce = "dataset"

func isolationSpec(c *Cell) Values {
	isolation := valuesOf(c.Isolation)
	if rule := nonceRule(c); rule != usualNonce {
		isolation["nonce"] = rule
	}
	return isolation
}

// usualBurstiness is the identity default of gamma arrivals: what they had before it could be set.
const usualBurstiness = 0.5

func loadSpec(l *Load) Values {
	normal := l.Normalised()
	load := valuesOf(&normal)
	if normal.Arrival == "gamma" && normal.Burstiness == usualBurstiness {
		delete(load, "burstiness")
	}
	return load
}

func generateSpec(g *Generate) Values {
	asked := *g
	asked.Thinking = cmp.Or(g.Thinking, "false")
	if g.Temperature == 0 { // no seed is sent
		asked.Seed = 0
	}
	return valuesOf(&asked)
}

// modelComponent is what was resolved of the model, and what the file declares of it for this backend. A name that
// has been resolved to a commit or digest is left out: the same bytes under another name are the same model.
func modelComponent(c *Cell, facts Values) Values {
	declared := Values{}
	resolved := facts["commit"] != nil || facts["digest"] != nil || facts["sha256"] != nil || facts["digests"] != nil
	put := func(name, v string) {
		if v != "" && !filepath.IsAbs(v) {
			declared[name] = v
		}
	}
	if p := c.Platform.Kind().Loads; p != nil {
		for _, a := range p.Attributes {
			v := c.Model.Parts[p.Name].Text(a.Name)
			switch {
			case a.Path || a.Movable && resolved || a.Default != "" && v == a.Default:
			case a.Digest:
				put(a.Name+"_sha256", digestOf(v))
			default:
				put(a.Name, v)
			}
		}
	} else if c.Platform.Simulated() {
		put("model", simulatedModel(c.Model))
	}
	return with(facts, declared)
}

// simulatedModel tells models apart where nothing is loaded: by what a real engine would load, else by the label.
func simulatedModel(m *Model) string {
	for _, p := range ModelParts() {
		if v := m.Parts[p.Name]; v != nil && p.Label != nil {
			if label := p.Label(v); label != "" {
				return label
			}
		}
	}
	return m.ID
}

// environmentOf is where the cell runs: a note beside the result.
func environmentOf(c *Cell, facts Values) Values {
	local := Values{}
	put := func(name, v string) {
		if v != "" {
			local[name] = v
		}
	}
	put("python", c.Platform.Python)
	put("binary", c.Platform.Binary)
	put("trace", c.Load.Trace)
	if c.Dataset != nil {
		put("dataset_path", c.Dataset.Path)
	}
	own := c.Platform.Kind().Loads
	for _, p := range ModelParts() {
		for _, a := range p.Attributes {
			if v := c.Model.Parts[p.Name].Text(a.Name); a.Local != "" && (a.Path || filepath.IsAbs(v)) || a.Path && p == own {
				put(a.localName(), v)
			}
		}
	}
	more := Values{}
	if len(local) > 0 {
		more["local_env"] = local
	}
	if e := c.Platform.Engine; e != nil && e.Lock != nil {
		more["packages"] = e.Lock.Versions()
	}
	if c.Platform.URL != "" {
		more["url"] = c.Platform.PublicURL()
	}
	return with(facts, more)
}

// policyOf is how often and how long the cell is run, and what is kept: never a reason to run it again.
func policyOf(c *Cell) Values {
	policy := Values{"launches": int64(c.Launches), "order": c.Order, "seed": c.Seed, "resume": c.Resume,
		"limits": valuesOf(c.Limits), "capture": valuesOf(c.Capture), "telemetry": valuesOf(c.Telemetry)}
	if c.SLO != nil {
		policy["slo"] = valuesOf(c.SLO)
	}
	if c.Description != "" {
		policy["description"] = c.Description
	}
	if len(c.Tags) > 0 {
		policy["tags"] = c.Tags
	}
	return policy
}
