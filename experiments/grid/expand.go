package grid

import (
	"iter"
	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/lang"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Expansion walks an experiment's cells. A cell is a row of integers over the axes' values; whatever is derived
// from some axes is derived once per combination of these.
type Expansion struct {
	p     *program
	hooks Hooks
	found *findings // complete once Cells has ended

	// The current cell.
	idx      []int32   // by axis: which of its values
	fitID    uint32    // 0: no prediction (yet)
	fitValue cty.Value // cell.fit

	exprs       []exprState                       // by the expression's id
	evaluations int                               // of expressions; what the memo saves is the point of it
	platforms   memo[*platformAt]                 // platforms with their overrides
	shared      map[string]*cell.Platform         // by ID and merged settings, see share
	digests     map[string]func() (string, error) // by path
	fits        map[fitKey]fitAt                  // what the engines were asked
	used        []bool                            // by override: some cell met it
	excluded    []bool                            // by exclude: likewise
	address     *cell.Addresser

	components []filler // of a cell; newComponent adds to them
	load       *component[cell.Load]
}

// Expand prepares the walk. Of an experiment with a mistake that leaves no cells to speak of, the walk is empty.
func (e *Experiment) Expand(h Hooks) *Expansion {
	p := e.program
	if p == nil {
		p = &program{broken: true}
	}
	x := &Expansion{p: p, hooks: h, found: newFindings(), exprs: make([]exprState, p.exprs), shared: map[string]*cell.Platform{},
		digests: map[string]func() (string, error){}, fits: map[fitKey]fitAt{}, used: make([]bool, len(p.overrides)), excluded: make([]bool, len(p.excludes)),
		fitValue: fitObject(cell.Fit{})}
	if p.broken {
		return x
	}
	x.platforms.axes = union([]int{p.platform}, p.overrideAxes)
	x.address = cell.NewAddresser(p.name, p.axisNames())
	newComponent(x, "generate", nil, buildGenerate, func(c *cell.Cell) **cell.Generate { return &c.Generate }).key = generateKey
	x.load = newComponent(x, "load", x.platforms.axes, buildLoad, func(c *cell.Cell) **cell.Load { return &c.Load })
	warmup := newComponent(x, "warmup", union(x.load.memo.axes, []int{p.batch}), buildWarmup, func(c *cell.Cell) **cell.Warmup { return &c.Warmup })
	warmup.memo.fit = warmup.memo.fit || x.load.memo.fit
	newComponent(x, "isolation", nil, plainly[cell.Isolation], func(c *cell.Cell) **cell.Isolation { return &c.Isolation })
	newComponent(x, "limits", nil, p.buildLimits, func(c *cell.Cell) **cell.Limits { return &c.Limits })
	newComponent(x, "capture", []int{p.batch}, buildCapture, func(c *cell.Cell) **cell.Capture { return &c.Capture })
	newComponent(x, "telemetry", nil, buildTelemetry, func(c *cell.Cell) **cell.Telemetry { return &c.Telemetry })
	if p.settings["slo"].there {
		newComponent(x, "slo", nil, plainly[cell.SLO], func(c *cell.Cell) **cell.SLO { return &c.SLO })
	}
	return x
}

// Cells yields every cell in source order, excluded and infeasible ones with their cell.Skip. It may be walked once.
func (x *Expansion) Cells() iter.Seq[*cell.Cell] {
	return func(yield func(*cell.Cell) bool) {
		for place := range x.combinations() {
			if !yield(x.cell(place)) {
				return
			}
		}
		if !x.p.broken {
			x.unmatched()
		}
	}
}

// combinations makes each combination the current one, the matrix's and then the includes, and yields where it stands.
func (x *Expansion) combinations() iter.Seq[cell.Place] {
	return func(yield func(cell.Place) bool) {
		if x.p.broken {
			return
		}
		x.idx = make([]int32, len(x.p.axes))
		for more := true; more; more = x.advance() {
			if !yield(x.p.place) {
				return
			}
		}
		for _, in := range x.p.includes {
			copy(x.idx, in.idx)
			if !yield(lang.PlaceOf(in.at)) {
				return
			}
		}
	}
}

// advance goes to the next combination, the last axis fastest.
// Only the matrix's own values are gone through: those behind them, of includes, have their cells by themselves.
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
			x.found.add(diagnostic.Warning(r.at, "Exclude matches no cell", "Its condition is never true for this matrix. Check it, or remove it."), "")
		}
	}
	for i, o := range x.p.overrides {
		if !x.used[i] && (o.when == nil || !x.found.mentions(o.when.expr.Range())) {
			x.found.add(diagnostic.Warning(o.at, "Override matches no cell", "Its condition is never true for this matrix. Check it, or remove it."), "")
		}
	}
}

// cell builds the current cell.
// Twofold, because rules and settings may read the prediction, and the prediction reads the settings: first all that does
// not need it is filled and judged, then the engine is asked, then the rest. A cell that is excluded early is not predicted.
func (x *Expansion) cell(place cell.Place) *cell.Cell {
	p := x.p
	c := &cell.Cell{Experiment: p.name, Axes: x.axes(), BatchSize: x.batchSize(), Order: p.order, Seed: p.seed, Place: place,
		Description: p.description, Tags: p.tags, Places: p.places, Model: x.valueOf(p.model).block.Model}
	c.Address, c.Slug = x.address.Of(c.Axes)
	x.fitID, x.fitValue = 0, noFit
	merged := x.platformNow()
	c.Platform = merged.platform
	diags := merged.diags
	var block *lang.Block
	if block, diags = x.blockNow(p.dataset, "dataset", diags); block != nil {
		c.Dataset = block.Dataset
	}
	if block, diags = x.blockNow(p.hardware, "hardware", diags); block != nil {
		c.Hardware = block.Hardware
	}
	diags = x.fill(c, false, diags)
	skip, early := x.exclude(false)
	if skip == nil {
		x.predict(c)
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

// axes are the current cell's coordinates. They point into the axes' values: nothing is made for a cell but the list.
func (x *Expansion) axes() []*cell.Axis {
	axes := make([]*cell.Axis, len(x.idx))
	for i, n := range x.idx {
		axes[i] = &x.p.axes[i].values[n].axis
	}
	return axes
}

// valueOf is the current value of an axis.
func (x *Expansion) valueOf(axis int) *axisValue { return &x.p.axes[axis].values[x.idx[axis]] }

// batchSize is that of the current cell, which must be known before anything of it is built.
func (x *Expansion) batchSize() int { return x.valueOf(x.p.batch).whole }

// loadNow is the current cell's load, for defaults that depend on it.
func (x *Expansion) loadNow() *cell.Load {
	l, _ := x.load.at(x) // its mistakes are reported with the load itself
	return l
}
