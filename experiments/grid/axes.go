package grid

import (
	"fmt"
	"maps"
	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/lang"
	"matrix/experiments/schema"
	"matrix/experiments/wording"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// axis is one coordinate of the cells with the values that it takes.
type axis struct {
	name   string
	at     hcl.Range // of its name
	values []axisValue
	matrix int  // how many values the matrix has; the rest are those of includes
	fixed  bool // an attribute of the experiment, not in the matrix
}

// axisValue is one value, with everything that cells need of it prepared.
type axisValue struct {
	value cty.Value   // as expressions see it
	block *lang.Block // when it is a declared block
	whole int         // when it is a whole number
	axis  cell.Axis   // as cells show it
}

// include is one extra cell.
type include struct {
	idx []int32 // by axis: which of its values
	at  hcl.Range
}

const (
	defaultMaxCells = 10_000 // unless limits.max_cells says otherwise: a slip in an axis must not make a plan of a million
	fitName         = "fit"  // cell.fit, the memory prediction; no axis can have the name
)

// coordinates evaluates the matrix and the three values that every cell has.
func (c *compiler) coordinates() {
	if b := c.single("matrix"); b != nil {
		attrs, diags := b.Body.JustAttributes()
		c.scope.Report(plainAttributes(diags, "matrix")...)
		for _, a := range lang.InOrder(attrs) {
			c.matrixAxis(a)
		}
	}
	c.fix("platform", 0)
	c.fix("model", 1+c.axisIndex("platform"))
	c.fix("batch_size", len(c.axes))
	c.program.platform, c.program.model, c.batch = c.axisIndex("platform"), c.axisIndex("model"), c.axisIndex("batch_size")
	for _, i := range []int{c.program.platform, c.program.model, c.batch} {
		c.used[i] = true
	}
	for _, name := range []string{"platform", "model", "batch_size"} {
		if c.axisIndex(name) < 0 {
			c.broken = true
			if c.body.Attributes[name] == nil {
				c.scope.Report(diagnostic.Error(c.at, "Experiment without a "+name,
					fmt.Sprintf("Every cell has a %s: an axis of matrix { … }, or one value as an attribute of the experiment.%s", name, c.misspelt(name))))
			}
		}
	}
	c.compileIncludes()
	c.countCells()
}

// misspelt finds an axis that was meant to be one of the three. Any name is allowed for an axis, so only a missing one
// makes it a mistake.
func (c *compiler) misspelt(name string) string {
	for i, a := range c.axes {
		if wording.Suggest(a.name, []string{name}) != "" && !isCoordinate(a.name) {
			c.used[i] = true // it will be renamed: whether anything refers to it cannot be said yet
			return fmt.Sprintf(" The axis %q (line %d) looks like it.", a.name, a.at.Start.Line)
		}
	}
	return ""
}

// plainAttributes explains a block where there can be only attributes.
func plainAttributes(diags hcl.Diagnostics, where string) hcl.Diagnostics {
	for _, d := range diags {
		if strings.HasPrefix(d.Summary, "Unexpected ") {
			d.Summary = "Unknown block"
			d.Detail = fmt.Sprintf("Only attributes stand in %s: name = value.", where)
		}
	}
	return diags
}

// axisIndex is an axis's position, -1 where there is none of this name.
func (c *compiler) axisIndex(name string) int {
	return slices.IndexFunc(c.axes, func(a *axis) bool { return a.name == name })
}

// matrixAxis reads one attribute of the matrix.
func (c *compiler) matrixAxis(a *hcl.Attribute) {
	ax := &axis{name: a.Name, at: a.NameRange}
	c.axes = append(c.axes, ax)
	switch {
	case a.Name == fitName || !hclsyntax.ValidIdentifier(a.Name):
		c.scope.Report(diagnostic.Error(a.NameRange, "Bad axis name", badAxisName(a.Name)))
		c.used[len(c.axes)-1] = true
	case c.body.Attributes[a.Name] != nil && isCoordinate(a.Name):
		c.scope.Report(diagnostic.Error(a.NameRange, a.Name+" is given twice",
			fmt.Sprintf("It is an axis here and an attribute of the experiment at line %d. Remove one of them.", c.body.Attributes[a.Name].Range.Start.Line)))
	}
	c.ranges[a.Name] = a.Range
	list := c.constantList(a)
	if list == cty.NilVal {
		return
	}
	items, diags := hcl.ExprList(a.Expr)
	if diags.HasErrors() || len(items) != list.LengthInt() {
		items = nil
	}
	for i, v := range list.AsValueSlice() {
		at := a.Expr.Range()
		if items != nil {
			at = items[i].Range()
		}
		c.addValue(ax, v, at)
	}
	ax.matrix = len(ax.values)
	if list.LengthInt() == 0 {
		c.scope.Report(diagnostic.Error(a.Expr.Range(), "Axis without values", fmt.Sprintf("The axis %s is empty, which leaves no cell at all. Give it a value, or remove it.", a.Name)))
	}
}

// badAxisName says what is wrong with a name, and which would do.
func badAxisName(name string) string {
	if name == fitName {
		return "cell.fit is the memory prediction, so no axis can be called fit."
	}
	return fmt.Sprintf("%q cannot be referred to as cell.…: use letters, digits and _. Did you mean %q?", name, lang.Identifier(name))
}

// isCoordinate reports an attribute of the experiment that may be an axis instead.
func isCoordinate(name string) bool {
	return slices.Contains([]string{"platform", "model", "batch_size", "hardware", "dataset"}, name)
}

// constantList evaluates an axis; cty.NilVal after a mistake.
func (c *compiler) constantList(a *hcl.Attribute) cty.Value {
	v := c.constant(a, schema.Field{Name: a.Name, Kind: schema.Anything}, a.Name)
	if v == cty.NilVal || !v.IsKnown() {
		return cty.NilVal
	}
	if v.IsNull() || !(v.Type().IsTupleType() || v.Type().IsListType() || v.Type().IsSetType()) {
		what := "null"
		if !v.IsNull() {
			what = schema.Article(v.Type())
		}
		d := diagnostic.Error(a.Expr.Range(), "Axis is not a list", fmt.Sprintf("%s must be a list of values, not %s. For one value write %s = […], or set it outside of matrix.", a.Name, what, a.Name))
		c.scope.Report(d)
		return cty.NilVal
	}
	return v
}

// fix turns an attribute of the experiment into an axis of one value.
func (c *compiler) fix(name string, position int) {
	a := c.body.Attributes[name]
	if a == nil || c.axisIndex(name) >= 0 {
		return
	}
	v := c.constant(a, schema.Field{Name: name, Kind: schema.Anything}, name)
	if v == cty.NilVal {
		return
	}
	ax := &axis{name: name, at: a.NameRange, fixed: true}
	c.axes = slices.Insert(c.axes, position, ax)
	if v.IsKnown() && !v.IsNull() && (v.Type().IsTupleType() || v.Type().IsListType()) {
		c.scope.Report(diagnostic.Error(a.Expr.Range(), "Several values for "+name, fmt.Sprintf("Here stands one value for all cells. Several are an axis: matrix { %s = […] }.", name)))
		return
	}
	c.addValue(ax, v, a.Expr.Range())
	ax.matrix = len(ax.values)
}

// addValue adds a value to an axis and returns its index; -1 after a mistake.
func (c *compiler) addValue(ax *axis, v cty.Value, at hcl.Range) int {
	if !v.IsWhollyKnown() && c.known.FindAny(v) == nil {
		return -1
	}
	value := axisValue{value: v}
	if d := c.fits(ax.name, v, at, &value); d != nil {
		c.scope.Report(d)
		return -1
	}
	describe(&value, ax.name)
	// Cells are told apart by what people see: 1 and "1" would be two of one name.
	i := slices.IndexFunc(ax.values, func(o axisValue) bool { return o.axis.JSON == value.axis.JSON || o.axis.Label == value.axis.Label })
	if i >= 0 && ax.matrix == 0 {
		c.scope.Report(diagnostic.Error(at, "Value twice", fmt.Sprintf("%s has the value %s already, so each of its cells would be there twice. Remove one.", ax.name, value.axis.Label)))
		return i
	}
	if i < 0 {
		ax.values = append(ax.values, value)
		i = len(ax.values) - 1
	}
	return i
}

// fits checks what the known axes hold: declared blocks, and whole numbers.
func (c *compiler) fits(name string, v cty.Value, at hcl.Range, into *axisValue) *hcl.Diagnostic {
	switch name {
	case "platform", "model", "hardware", "dataset":
		if name == "hardware" && v.IsNull() {
			return nil
		}
		if into.block = c.known.Find(name, v); into.block == nil {
			return diagnostic.Error(at, "Not a "+name, c.notABlock(name, v))
		}
	case "batch_size":
		n, wrong := schema.Field{Name: name, Kind: schema.Whole, Min: new(1.0)}.Check(v)
		if wrong == nil && v.IsNull() {
			wrong = &schema.Fault{Summary: "Null batch_size", Detail: "A batch size is a whole number of at least 1."}
		}
		if wrong != nil {
			return diagnostic.Error(at, wrong.Summary, wrong.Detail)
		}
		into.value = n
	default:
		into.block = c.known.FindAny(v)
	}
	if into.value.Type() == cty.Number && !into.value.IsNull() {
		into.whole = int(hclvalue.Whole(into.value))
	}
	return nil
}

// notABlock says what stands where a declared block is asked for: most often its name in quotes.
func (p *program) notABlock(kind string, v cty.Value) string {
	if s, ok := hclvalue.Text(v); ok {
		if p.known[kind][s] != nil {
			return fmt.Sprintf("%q is text. Refer to the block: %s.%s.", s, kind, s)
		}
		return fmt.Sprintf("%q is text; a declared block is referred to as %s.NAME.%s", s, kind, wording.DidYouMean(s, slices.Sorted(maps.Keys(p.known[kind]))))
	}
	for other := range p.known {
		if d := p.known.Find(other, v); d != nil {
			return fmt.Sprintf("%s is a %s, and a %s is asked for here.", d.Address(), other, kind)
		}
	}
	return fmt.Sprintf("A %s is one of the declared blocks, %s.NAME. To change its settings for some cells use an override.", kind, kind)
}

// engineAxis is the axis named engine where it holds declared engines; any other axis of that name is the user's own.
func (p *program) engineAxis() int {
	return slices.IndexFunc(p.axes, func(a *axis) bool {
		return a.name == "engine" && slices.ContainsFunc(a.values, func(v axisValue) bool { return v.block != nil && v.block.Engine != nil })
	})
}

// describe prepares what cells show of an axis value.
func describe(v *axisValue, name string) {
	plain := hclvalue.Go(v.value)
	if v.block != nil {
		plain = v.block.Name
	}
	v.axis = cell.Axis{Name: name, JSON: string(cell.Canonical(plain)), Label: labelOf(plain)}
}

// labelOf is a value in short, for people.
func labelOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = labelOf(e)
		}
		return strings.Join(parts, "+")
	case cell.Values:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+":"+labelOf(v[k]))
		}
		return strings.Join(parts, "+")
	}
	return string(cell.Canonical(v))
}
