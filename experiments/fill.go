package experiments

import (
	"fmt"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// fill sets the components of a cell: first those that do not need the memory prediction, then those that do. At
// first the latter get their defaults, because the engines' prediction reads a complete cell.
func (x *Expansion) fill(c *Cell, predicted bool, diags hcl.Diagnostics) hcl.Diagnostics {
	diags = fillOne(x, x.generate, &c.Generate, predicted, diags)
	diags = fillOne(x, x.load, &c.Load, predicted, diags)
	diags = fillOne(x, x.warmup, &c.Warmup, predicted, diags)
	diags = fillOne(x, x.isolation, &c.Isolation, predicted, diags)
	diags = fillOne(x, x.limits, &c.Limits, predicted, diags)
	diags = fillOne(x, x.capture, &c.Capture, predicted, diags)
	diags = fillOne(x, x.telemetry, &c.Telemetry, predicted, diags)
	if x.slo.s.there {
		diags = fillOne(x, x.slo, &c.SLO, predicted, diags)
	}
	if !predicted {
		c.Launches, c.Resume = 1, true
	}
	diags = x.fillPlain(x.p.launches, "launches", predicted, diags, func(v cty.Value) {
		n, _ := v.AsBigFloat().Int64()
		c.Launches = int(n)
	})
	return x.fillPlain(x.p.resume, "resume", predicted, diags, func(v cty.Value) { c.Resume = v.True() })
}

func fillOne[T any](x *Expansion, from *component[T], to **T, predicted bool, diags hcl.Diagnostics) hcl.Diagnostics {
	if from.fit == predicted {
		value, more := from.at(x)
		*to = value
		return append(diags, more...)
	}
	if !predicted {
		*to = from.standIn(x)
	}
	return diags
}

// fillPlain sets an attribute of the experiment itself.
func (x *Expansion) fillPlain(e *cellExpr, name string, predicted bool, diags hcl.Diagnostics, set func(cty.Value)) hcl.Diagnostics {
	if e == nil || e.fit != predicted {
		return diags
	}
	o := x.value(e)
	diags = append(diags, o.diags...)
	v, wrong := fieldNamed(experimentFields, name).check(o.value)
	if wrong != nil {
		return append(diags, x.wrong(e, wrong))
	}
	if present(v) {
		set(v)
	}
	return diags
}

// wrong is a value of the current cell that does not fit; the same expression and text are one finding.
func (x *Expansion) wrong(e *cellExpr, f *fault) *hcl.Diagnostic {
	d := mistake(e.expr.Range(), f.summary, f.detail)
	if f.secret {
		withhold(d)
		return d
	}
	d.Expression, d.EvalContext = e.expr, x.context(e)
	if e.constant() {
		d.Extra = everywhere{}
	}
	return d
}

// platformAt is a platform with the overrides of one combination merged in.
type platformAt struct {
	platform *Platform
	value    cty.Value // as cell.platform shows it
	diags    hcl.Diagnostics
}

// platformNow is the current cell's platform with its overrides.
func (x *Expansion) platformNow() *platformAt {
	k := x.key(x.byPlatform, false)
	at := x.platforms[k]
	if at == nil {
		at = x.merge()
		x.platforms[k] = at
	}
	return at
}

func (x *Expansion) merge() *platformAt {
	block := x.valueOf(x.p.platform).block
	at := &platformAt{platform: block.platform, value: block.value}
	if len(x.p.overrides) == 0 {
		return at
	}
	members := block.value.AsValueMap()
	places := maps.Clone(block.platform.Places)
	touched := false
	for i, o := range x.p.overrides {
		applies, diags := x.applies(o.when, "when")
		at.diags = append(at.diags, diags...)
		if !applies {
			continue
		}
		x.used[i], touched = true, true
		at.diags = append(at.diags, x.mergeParts(o, members, places)...)
	}
	if touched {
		at.value = cty.ObjectVal(members)
		at.platform = x.share(block.platform, members, places)
	}
	return at
}

// mergeParts lays an override's args, env and options over the platform's, name by name; null takes one away.
func (x *Expansion) mergeParts(o *override, members map[string]cty.Value, places Places) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, f := range overrideBlock.fields {
		e := o.parts[f.name]
		if e == nil {
			continue
		}
		out := x.value(e)
		diags = append(diags, out.diags...)
		v, wrong := f.check(out.value)
		if wrong != nil {
			diags = append(diags, x.wrong(e, wrong))
			continue
		}
		if !present(v) {
			continue
		}
		merged := members[f.name].AsValueMap()
		if merged == nil {
			merged = map[string]cty.Value{}
		}
		for it := v.ElementIterator(); it.Next(); {
			k, element := it.Element()
			merged[k.AsString()] = element
			path := f.name + "." + k.AsString()
			places[path] = placeOf(o.at)
			if r, ok := o.ranges[path]; ok {
				places[path] = placeOf(r)
			}
		}
		members[f.name] = cty.ObjectVal(merged)
	}
	return diags
}

// share finds or makes the platform with these settings.
func (x *Expansion) share(base *Platform, members map[string]cty.Value, places Places) *Platform {
	p := *base
	p.Args, p.Env, p.Options = given(members["args"]), environOf(members["env"]), given(members["options"])
	p.Places = places
	key := p.ID + string(canonical([]any{p.Args, p.Env, p.Options}))
	if x.shared[key] == nil {
		x.shared[key] = &p
	}
	return x.shared[key]
}

// applies evaluates a condition; nil is true, and what could not be evaluated is false.
func (x *Expansion) applies(e *cellExpr, name string) (bool, hcl.Diagnostics) {
	if e == nil {
		return true, nil
	}
	o := x.value(e)
	v, wrong := field{name: name, kind: flag}.check(o.value)
	if wrong != nil {
		return false, append(o.diags, x.wrong(e, wrong))
	}
	if v.IsKnown() && v.IsNull() {
		return false, append(o.diags, x.wrong(e, &fault{summary: "Null condition", detail: "The condition must be true or false, not null. coalesce() and try() give a value where one is missing."}))
	}
	return present(v) && v.True(), o.diags
}

func (x *Expansion) datasetNow(diags hcl.Diagnostics) (*Dataset, hcl.Diagnostics) {
	block, diags := x.slotNow(x.p.dataset, "dataset", diags)
	if block == nil {
		return nil, diags
	}
	return block.dataset, diags
}

func (x *Expansion) hardwareNow(diags hcl.Diagnostics) (*Hardware, hcl.Diagnostics) {
	block, diags := x.slotNow(x.p.hardware, "hardware", diags)
	if block == nil {
		return nil, diags
	}
	return block.hardware, diags
}

// slotNow is the block that an axis or an attribute gives to the current cell.
func (x *Expansion) slotNow(s slot, kind string, diags hcl.Diagnostics) (*declared, hcl.Diagnostics) {
	if s.axis >= 0 {
		return x.valueOf(s.axis).block, diags
	}
	if s.expr == nil {
		return nil, diags
	}
	k := slotKey{s.expr, x.key(s.expr.axes, false)}
	if block := x.slots[k]; block != nil {
		return block, diags
	}
	o := x.value(s.expr)
	diags = append(diags, o.diags...)
	if !o.value.IsKnown() || o.value.IsNull() && kind == "hardware" {
		return nil, diags
	}
	block := x.p.known.find(kind, o.value)
	if block == nil {
		c := compiler{program: x.p}
		return nil, append(diags, x.wrong(s.expr, &fault{summary: "Not a " + kind, detail: c.notABlock(kind, o.value)}))
	}
	x.slots[k] = block
	return block, diags
}

// slotKey remembers which block an expression gave: finding it compares whole objects.
type slotKey struct {
	expr *cellExpr
	at   memoKey
}

// fileSum remembers a file's digest for one walk.
type fileSum struct {
	sum string
	err error
}

func (x *Expansion) digest(path string) (string, error) {
	s, ok := x.digests[path]
	if !ok {
		s.sum, s.err = fileDigest(path)
		x.digests[path] = s
		if s.err != nil {
			s.err = fmt.Errorf("read %s: %w", path, s.err)
		}
	}
	return s.sum, s.err
}
