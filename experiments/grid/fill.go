package grid

import (
	"fmt"
	"maps"
	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/lang"
	"matrix/experiments/schema"
	"matrix/experiments/textfile"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// fill sets the components of a cell: first those that do not need the memory prediction, then those that do. At
// first the latter get their defaults, because the engines' prediction reads a complete cell.
func (x *Expansion) fill(c *cell.Cell, predicted bool, diags hcl.Diagnostics) hcl.Diagnostics {
	for _, part := range x.components {
		diags = append(diags, part.fill(x, c, predicted)...)
	}
	if !predicted {
		c.Launches, c.Resume = 1, true
	}
	diags = x.fillPlain(x.p.launches, "launches", predicted, diags, func(v cty.Value) { c.Launches = int(hclvalue.Whole(v)) })
	return x.fillPlain(x.p.resume, "resume", predicted, diags, func(v cty.Value) { c.Resume = v.True() })
}

// fillPlain sets an attribute of the experiment itself.
func (x *Expansion) fillPlain(e *cellExpr, name string, predicted bool, diags hcl.Diagnostics, set func(cty.Value)) hcl.Diagnostics {
	if e == nil || e.fit != predicted {
		return diags
	}
	o := x.value(e)
	diags = append(diags, o.diags...)
	v, wrong := schema.Named(schema.ExperimentFields, name).Check(o.value)
	if wrong != nil {
		return append(diags, x.wrong(e, wrong))
	}
	if hclvalue.Present(v) {
		set(v)
	}
	return diags
}

// wrong is a value of the current cell that does not fit; the same expression and text are one finding.
func (x *Expansion) wrong(e *cellExpr, f *schema.Fault) *hcl.Diagnostic {
	d := diagnostic.Error(e.expr.Range(), f.Summary, f.Detail)
	if f.Secret {
		diagnostic.Withhold(d)
		return d
	}
	d.Expression, d.EvalContext = e.expr, x.context(e)
	if e.constant() {
		d.Extra = diagnostic.Everywhere{}
	}
	return d
}

// platformAt is a platform with the overrides of one combination merged in.
type platformAt struct {
	platform *cell.Platform
	value    cty.Value // as cell.platform shows it
	diags    hcl.Diagnostics
}

// platformNow is the current cell's platform with its overrides.
func (x *Expansion) platformNow() *platformAt {
	return x.platforms.at(x, merging{x}.merge)
}

// merging lays the overrides that apply to the current cell over its platform.
type merging struct{ x *Expansion }

// Overrides apply in source order, so that of two which set the same name the later one counts. Without an override that
// applies the declared platform itself is handed out, by the same pointer.
func (m merging) merge() *platformAt {
	x := m.x
	block := x.valueOf(x.p.platform).block
	at := &platformAt{platform: block.Platform, value: block.Value}
	if len(x.p.overrides) == 0 && x.p.engine < 0 {
		return at
	}
	members := block.Value.AsValueMap()
	// Cloned: the declared block's places are those of every cell without an override.
	places := maps.Clone(block.Platform.Places)
	touched := false
	engine := engineNow(x)
	if engine != nil {
		members["engine"], touched = engine.Value, true
	}
	for i, o := range x.p.overrides {
		applies, diags := x.applies(o.when, "when")
		at.diags = append(at.diags, diags...)
		if !applies {
			continue
		}
		x.used[i], touched = true, true
		at.diags = append(at.diags, m.parts(o, members, places)...)
	}
	if touched {
		at.value = cty.ObjectVal(members)
		at.platform = m.share(block.Platform, engine, members, places)
		if engine != nil {
			if p := *block.Platform; lang.Install(&p, engine.Engine) != "" {
				at.diags = at.diags.Append(diagnostic.Error(x.p.axes[x.p.engine].at, "Engine of another kind", capital(lang.Install(&p, engine.Engine))+" Exclude the pair."))
			}
		}
	}
	return at
}

// parts lays an override's args, env and options over the platform's, name by name; null takes one away.
func (m merging) parts(o *override, members map[string]cty.Value, places cell.Places) hcl.Diagnostics {
	x := m.x
	var diags hcl.Diagnostics
	for _, f := range schema.OverrideBlock.Fields {
		e := o.parts[f.Name]
		if e == nil {
			continue
		}
		out := x.value(e)
		diags = append(diags, out.diags...)
		v, wrong := f.Check(out.value)
		if wrong != nil {
			diags = append(diags, x.wrong(e, wrong))
			continue
		}
		if !hclvalue.Present(v) {
			continue
		}
		merged := members[f.Name].AsValueMap()
		if merged == nil {
			merged = map[string]cty.Value{}
		}
		for k, element := range v.Elements() {
			merged[k.AsString()] = element
			path := f.Name + "." + k.AsString()
			places[path] = lang.PlaceOf(o.at)
			if r, ok := o.ranges[path]; ok {
				places[path] = lang.PlaceOf(r)
			}
		}
		members[f.Name] = cty.ObjectVal(merged)
	}
	return diags
}

// share finds or makes the platform with these settings.
// Platforms are told apart by their pointers (the prediction is kept by them): two combinations of axes that come to
// the same settings must be one.
func (m merging) share(base *cell.Platform, engine *lang.Block, members map[string]cty.Value, places cell.Places) *cell.Platform {
	shared := m.x.shared
	p := *base
	p.Args, p.Env, p.Options = hclvalue.Given(members["args"]), lang.Environ(members["env"]), hclvalue.Given(members["options"])
	p.Places = places
	key := p.ID + string(cell.Canonical([]any{p.Args, p.Env, p.Options}))
	if engine != nil {
		key += engine.Name
		_ = lang.Install(&p, engine.Engine) // why not, merge says
	}
	if shared[key] == nil {
		shared[key] = &p
	}
	return shared[key]
}

// engineNow is the engine that an axis gives the current cell.
func engineNow(x *Expansion) *lang.Block {
	if x.p.engine < 0 {
		return nil
	}
	if b := x.valueOf(x.p.engine).block; b != nil && b.Engine != nil {
		return b
	}
	return nil
}

// applies evaluates a condition; nil is true, and what could not be evaluated is false.
func (x *Expansion) applies(e *cellExpr, name string) (bool, hcl.Diagnostics) {
	if e == nil {
		return true, nil
	}
	o := x.value(e)
	v, wrong := schema.Field{Name: name, Kind: schema.Flag}.Check(o.value)
	if wrong != nil {
		return false, append(o.diags, x.wrong(e, wrong))
	}
	if v.IsKnown() && v.IsNull() {
		return false, append(o.diags, x.wrong(e, &schema.Fault{Summary: "Null condition", Detail: "The condition must be true or false, not null. coalesce() and try() give a value where one is missing."}))
	}
	return hclvalue.Present(v) && v.True(), o.diags
}

// foundBlock is the block that an expression gave: finding it compares whole objects.
type foundBlock struct {
	block *lang.Block
	diags hcl.Diagnostics
}

// blockNow is the block that an axis or an attribute gives to the current cell.
func (x *Expansion) blockNow(s slot, kind string, diags hcl.Diagnostics) (*lang.Block, hcl.Diagnostics) {
	if s.axis >= 0 {
		return x.valueOf(s.axis).block, diags
	}
	if s.expr == nil {
		return nil, diags
	}
	state := &x.exprs[s.expr.id]
	state.blocks.axes = s.expr.axes
	found := state.blocks.at(x, func() foundBlock {
		o := x.value(s.expr)
		if !o.value.IsKnown() || o.value.IsNull() && kind == "hardware" {
			return foundBlock{nil, o.diags}
		}
		block := x.p.known.Find(kind, o.value)
		if block == nil {
			return foundBlock{nil, append(o.diags, x.wrong(s.expr, &schema.Fault{Summary: "Not a " + kind, Detail: x.p.notABlock(kind, o.value)}))}
		}
		return foundBlock{block, o.diags}
	})
	return found.block, append(diags, found.diags...)
}

// digest is the SHA-256 of a file, in hex digits, read once a walk.
// An error is kept, too: a trace that cannot be read is tried once.
func (x *Expansion) digest(path string) (string, error) {
	if x.digests[path] == nil {
		x.digests[path] = sync.OnceValues(func() (string, error) {
			sum, err := textfile.SHA256(path)
			if err != nil {
				err = fmt.Errorf("read %s: %w", path, err)
			}
			return sum, err
		})
	}
	return x.digests[path]()
}
