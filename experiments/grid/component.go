package grid

import (
	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/schema"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// component is one part of a cell (its load, its limits …): built once per combination of the axes that its
// attributes refer to, and shared by all cells in which it is the same.
type component[T any] struct {
	s     *settings
	memo  memo[built[T]]       // by the axes that they and the defaults need
	build func(*reader) T      // called once a combination
	key   func(T) any          // what tells two values apart; nil: the value itself
	seen  map[any]*T           // for intern
	in    func(*cell.Cell) **T // its place in a cell
}

// filler is a component of any type.
type filler interface {
	fill(x *Expansion, c *cell.Cell, predicted bool) hcl.Diagnostics
}

// built is a component with the mistakes in it, which each of its cells has.
type built[T any] struct {
	value *T
	diags hcl.Diagnostics
}

// newComponent adds a component to the cells'; needs are the axes that its defaults depend on.
func newComponent[T any](x *Expansion, name string, needs []int, build func(*reader) T, in func(*cell.Cell) **T) *component[T] {
	c := &component[T]{s: x.p.settings[name], build: build, seen: map[any]*T{}, in: in}
	c.memo.axes = needs
	for _, e := range c.s.attrs {
		c.memo.axes = union(c.memo.axes, e.axes)
		c.memo.fit = c.memo.fit || e.fit
	}
	x.components = append(x.components, c)
	return c
}

// fill sets the component of a cell, in the pass that is its own; before that a stand-in with the defaults.
func (c *component[T]) fill(x *Expansion, of *cell.Cell, predicted bool) (diags hcl.Diagnostics) {
	if c.memo.fit == predicted {
		*c.in(of), diags = c.at(x)
	} else if !predicted {
		*c.in(of) = c.standIn(x)
	}
	return diags
}

// at is the component of the current cell.
func (c *component[T]) at(x *Expansion) (*T, hcl.Diagnostics) {
	b := c.memo.at(x, func() built[T] {
		r := &reader{x: x, s: c.s}
		return built[T]{value: c.intern(c.build(r)), diags: r.diags}
	})
	return b.value, b.diags
}

// standIn is the component with its defaults, for when its own values are not to be had yet.
func (c *component[T]) standIn(x *Expansion) *T {
	return c.intern(c.build(&reader{x: x, s: &settings{block: c.s.block, there: c.s.there}}))
}

// intern gives equal values one pointer. Everything behind (the prediction, an identity's parts, the plan's memory) tells them
// apart by it: 100,000 cells share a handful of loads.
func (c *component[T]) intern(v T) *T {
	var k any = v
	if c.key != nil {
		k = c.key(v)
	}
	if p := c.seen[k]; p != nil {
		return p
	}
	c.seen[k] = &v
	return &v
}

// reader reads a block's attributes for the current cell, each with its default.
type reader struct {
	x     *Expansion
	s     *settings
	diags hcl.Diagnostics
}

// get is an attribute's checked value; cty.NilVal when it is not given, null, or was a mistake.
func (r *reader) get(name string) cty.Value {
	e := r.s.attrs[name]
	if e == nil {
		return cty.NilVal
	}
	o := r.x.value(e)
	r.diags = append(r.diags, o.diags...)
	f := *schema.Named(r.s.block.Fields, name)
	v, wrong := f.Check(o.value)
	if wrong != nil {
		r.diags = r.diags.Append(r.x.wrong(e, wrong))
		return cty.NilVal
	}
	if !hclvalue.Present(v) {
		return cty.NilVal
	}
	if s, ok := hclvalue.Text(v); ok {
		return cty.StringVal(schema.Resolve(f.Kind, e.dir, s))
	}
	return v
}

// fail reports an attribute of the current cell.
func (r *reader) fail(name, summary, detail string) {
	e := r.s.attrs[name]
	if e == nil {
		r.diags = r.diags.Append(diagnostic.Error(r.x.p.ranges[r.s.block.Name], summary, detail))
		return
	}
	d := diagnostic.Error(e.expr.Range(), summary, detail)
	d.Expression, d.EvalContext = e.expr, r.x.context(e)
	r.diags = r.diags.Append(d)
}

// fill sets the attributes of a part to what is written, and those that are not to their defaults.
func (r *reader) fill(part any) {
	cell.SetDefaults(part)
	for _, a := range cell.Settings(part) {
		if a.Name == "" || a.Kind == "capture" { // the latter is two fields
			continue
		}
		if v := r.get(a.Name); v != cty.NilVal {
			hclvalue.Into(a.Field(part), v)
		}
	}
}
