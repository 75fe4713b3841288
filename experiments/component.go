package experiments

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// component is one part of a cell (its load, its limits …): built once per combination of the axes that its
// attributes refer to, and shared by all cells in which it is the same.
type component[T any] struct {
	s     *settings
	axes  []int
	fit   bool
	build func(*reader) T
	key   func(T) any // what tells two values apart; nil: the value itself
	memo  map[memoKey]built[T]
	seen  map[any]*T
	whole bool // refers to every axis: only the current cell is worth remembering
}

type built[T any] struct {
	value *T
	diags hcl.Diagnostics
}

// newComponent also takes the axes that its defaults depend on.
func newComponent[T any](x *Expansion, name string, needs []int, build func(*reader) T) *component[T] {
	c := &component[T]{s: x.p.settings[name], axes: needs, build: build, memo: map[memoKey]built[T]{}, seen: map[any]*T{}}
	for _, e := range c.s.attrs {
		c.axes = union(c.axes, e.axes)
		c.fit = c.fit || e.fit
	}
	c.whole = len(c.axes) == len(x.p.axes)
	return c
}

// at is the component of the current cell.
func (c *component[T]) at(x *Expansion) (*T, hcl.Diagnostics) {
	k := x.key(c.axes, c.fit)
	if b, ok := c.memo[k]; ok {
		return b.value, b.diags
	}
	if c.whole {
		clear(c.memo)
	}
	r := &reader{x: x, s: c.s}
	b := built[T]{value: c.intern(c.build(r)), diags: r.diags}
	c.memo[k] = b
	return b.value, b.diags
}

// standIn is the component with its defaults, for when its own values are not to be had yet.
func (c *component[T]) standIn(x *Expansion) *T {
	return c.intern(c.build(&reader{x: x, s: &settings{block: c.s.block, there: c.s.there}}))
}

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
	f := *fieldNamed(r.s.block.fields, name)
	v, wrong := f.check(o.value)
	if wrong != nil {
		r.diags = r.diags.Append(r.x.wrong(e, wrong))
		return cty.NilVal
	}
	if !present(v) {
		return cty.NilVal
	}
	if s, ok := textOf(v); ok {
		return cty.StringVal(resolve(f.kind, e.dir, s))
	}
	return v
}

// fail reports an attribute of the current cell.
func (r *reader) fail(name, summary, detail string) {
	e := r.s.attrs[name]
	if e == nil {
		r.diags = r.diags.Append(mistake(r.x.p.ranges[r.s.block.name], summary, detail))
		return
	}
	d := mistake(e.expr.Range(), summary, detail)
	d.Expression, d.EvalContext = e.expr, r.x.context(e)
	r.diags = r.diags.Append(d)
}

func (r *reader) text(name, otherwise string) string {
	if s, ok := textOf(r.get(name)); ok {
		return s
	}
	return otherwise
}

func (r *reader) float(name string, otherwise float64) float64 {
	v := r.get(name)
	if v == cty.NilVal || v.Type() != cty.Number {
		return otherwise
	}
	f, _ := v.AsBigFloat().Float64()
	return f
}

func (r *reader) whole(name string, otherwise int) int { return int(r.float(name, float64(otherwise))) }

func (r *reader) flag(name string, otherwise bool) bool {
	v := r.get(name)
	if v == cty.NilVal {
		return otherwise
	}
	return v.True()
}

func (r *reader) duration(name string, otherwise time.Duration) time.Duration {
	s, ok := textOf(r.get(name))
	if !ok {
		return otherwise
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return otherwise // checked by get
	}
	return d
}

func (r *reader) texts(name string) []string {
	v := r.get(name)
	if v == cty.NilVal {
		return nil
	}
	var list []string
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if s, ok := textOf(e); ok {
			list = append(list, s)
		}
	}
	return list
}
