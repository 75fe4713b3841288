package experiments

import (
	"iter"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Expansion walks an experiment's cells. A cell is a row of integers over the axes' values; whatever is derived
// from some axes is derived once per combination of these.
type Expansion struct {
	p     *program
	hooks Hooks
	found *findings

	// The current cell.
	idx      []int32
	now      *Cell
	fitID    uint32    // 0: no prediction (yet)
	fitValue cty.Value // cell.fit

	memo        []map[memoKey]outcome // by expression
	compared    []bool
	silly       []*hcl.Diagnostic
	evaluations int // of expressions; what the memo saves is the point of it
	platforms   map[memoKey]*platformAt
	shared      map[string]*Platform
	digests     map[string]fileSum
	slots       map[slotKey]*declared
	fits        map[fitKey]fitAt
	byPlatform  []int // axes that decide the merged platform
	used        []bool
	excluded    []bool
	address     *addresser

	load      *component[LoadShape]
	generate  *component[Generate]
	warmup    *component[Warmup]
	isolation *component[Isolation]
	limits    *component[Limits]
	capture   *component[Capture]
	telemetry *component[Telemetry]
	slo       *component[SLO]
}

// Expand prepares the walk.
func (e *Experiment) Expand(h Hooks) *Expansion {
	p := e.program
	if p == nil {
		p = &program{broken: true}
	}
	x := &Expansion{p: p, hooks: h, found: newFindings(), memo: make([]map[memoKey]outcome, p.exprs), compared: make([]bool, p.exprs),
		silly: make([]*hcl.Diagnostic, p.exprs), platforms: map[memoKey]*platformAt{}, shared: map[string]*Platform{},
		digests: map[string]fileSum{}, slots: map[slotKey]*declared{}, fits: map[fitKey]fitAt{}, used: make([]bool, len(p.overrides)), excluded: make([]bool, len(p.excludes)),
		fitValue: fitObject(Fit{})}
	if p.broken {
		return x
	}
	x.byPlatform = union([]int{p.platform}, p.overrideAxes)
	x.address = newAddresser(p)
	x.load = newComponent(x, "load", x.byPlatform, buildLoad)
	x.generate = newComponent(x, "generate", nil, buildGenerate)
	x.generate.key = generateKey
	x.warmup = newComponent(x, "warmup", union(x.load.axes, []int{p.batch}), buildWarmup)
	x.warmup.fit = x.warmup.fit || x.load.fit
	x.isolation = newComponent(x, "isolation", nil, buildIsolation)
	x.limits = newComponent(x, "limits", nil, p.buildLimits)
	x.capture = newComponent(x, "capture", []int{p.batch}, buildCapture)
	x.telemetry = newComponent(x, "telemetry", nil, buildTelemetry)
	x.slo = newComponent(x, "slo", nil, buildSLO)
	return x
}

// Cells yields every cell in source order, excluded and infeasible ones with their Skip. It may be walked once.
func (x *Expansion) Cells() iter.Seq[*Cell] {
	return func(yield func(*Cell) bool) {
		if x.p.broken {
			return
		}
		x.idx = make([]int32, len(x.p.axes))
		for more := true; more; more = x.advance() {
			if !yield(x.cell(x.p.place)) {
				return
			}
		}
		for _, in := range x.p.includes {
			copy(x.idx, in.idx)
			if !yield(x.cell(placeOf(in.at))) {
				return
			}
		}
		x.unmatched()
	}
}

// advance goes to the next combination, the last axis fastest.
func (x *Expansion) advance() bool {
	for i := len(x.idx) - 1; i >= 0; i-- {
		if x.idx[i]++; int(x.idx[i]) < x.p.axes[i].matrix {
			return true
		}
		x.idx[i] = 0
	}
	return false
}

// Diagnostics holds what the walk found (an error in a per-cell expression, a problem that an engine has with a
// setting, an exclude that matched nothing); complete once Cells has ended.
func (x *Expansion) Diagnostics() hcl.Diagnostics { return x.found.diagnostics() }

// unmatched warns of rules that no cell met.
func (x *Expansion) unmatched() {
	for i, r := range x.p.excludes {
		if !x.excluded[i] && !x.found.mentions(r.whenRange) {
			x.found.add(warning(r.at, "Exclude matches no cell", "Its condition is never true for this matrix. Check it, or remove it."), "")
		}
	}
	for i, o := range x.p.overrides {
		if !x.used[i] && (o.when == nil || !x.found.mentions(o.when.expr.Range())) {
			x.found.add(warning(o.at, "Override matches no cell", "Its condition is never true for this matrix. Check it, or remove it."), "")
		}
	}
}

// cell builds the current cell.
func (x *Expansion) cell(place Place) *Cell {
	p := x.p
	c := &Cell{Experiment: p.name, Axes: x.axes(), BatchSize: x.batchSize(), Order: p.order, Seed: p.seed, Place: place,
		Description: p.description, Tags: p.tags, Places: p.places, Model: x.valueOf(p.model).block.model}
	c.Address, c.Slug = x.address.of(x.idx)
	x.now, x.fitID, x.fitValue = c, 0, noFit
	merged := x.platformNow()
	c.Platform = merged.platform
	diags := merged.diags
	c.Dataset, diags = x.datasetNow(diags)
	c.Hardware, diags = x.hardwareNow(diags)
	diags = x.fill(c, false, diags)
	skip, early := x.exclude(false)
	if skip == nil {
		diags = append(diags, x.predict(c)...)
	}
	diags = x.fill(c, true, diags)
	if skip == nil {
		var late hcl.Diagnostics
		skip, late = x.exclude(true)
		early = append(early, late...)
	}
	if skip == nil {
		var more hcl.Diagnostics
		skip, more = x.judge(c)
		diags = append(diags, more...)
	} else {
		diags = nil // an exclude also guards against expressions that fail where they have no meaning
	}
	c.Skip = skip
	x.found.cell(c, append(diags, early...))
	return c
}

func (x *Expansion) axes() []*Axis {
	axes := make([]*Axis, len(x.idx))
	for i, n := range x.idx {
		axes[i] = &x.p.axes[i].values[n].axis
	}
	return axes
}

// valueOf is the current value of an axis.
func (x *Expansion) valueOf(axis int) *axisValue { return &x.p.axes[axis].values[x.idx[axis]] }

func (x *Expansion) batchSize() int { return x.valueOf(x.p.batch).whole }

func (x *Expansion) loadNow() *LoadShape {
	l, _ := x.load.at(x) // its mistakes are reported with the load itself
	return l
}
