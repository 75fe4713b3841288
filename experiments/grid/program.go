package grid

import (
	"fmt"
	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/lang"
	"matrix/experiments/schema"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// program is an experiment with its references resolved and its axes evaluated, ready to be walked.
type program struct {
	name, description string
	tags              []string
	order             string
	seed              int64
	maxCells          int
	place             cell.Place
	at                hcl.Range
	known             lang.Blocks

	axes     []*axis // as cells show them; platform, model and batch_size among them
	includes []include
	total    int // cells

	platform, model, batch int  // positions of the three axes
	engine                 int  // position of the axis that installs something for the platform; -1: none
	hardware, dataset      slot // an axis, or an expression
	launches, resume       *cellExpr
	settings               map[string]*settings
	excludes               []*rule
	overrides              []*override
	constraints            []*rule
	overrideAxes           []int                // what the overrides refer to
	merged                 bool                 // the overrides are compiled, and there are some: what follows sees their effect
	exprs                  int                  // how many cellExprs there are
	used                   map[int]bool         // axes, by position, that something refers to
	ranges                 map[string]hcl.Range // attribute path → its place
	places                 cell.Places
	broken                 bool // something of it could not be understood
}

// slot is a block of a cell that comes from an axis or from an expression.
type slot struct {
	axis int // -1: expr
	expr *cellExpr
}

// settings is a block whose attributes are evaluated per cell.
type settings struct {
	block schema.Block         // its schema
	attrs map[string]*cellExpr // those that are written, by name
	there bool                 // the block is written, if only as { }
}

// rule is an exclude or a constraint.
type rule struct {
	name      string
	at        hcl.Range // of the block's head
	when      *cellExpr
	say       *cellExpr // reason or message; nil when not given
	whenRange hcl.Range

	whenName, sayName string // what the two are called: "when", "reason"
}

// override merges attributes over the platform's.
type override struct {
	at     hcl.Range
	when   *cellExpr            // nil: always
	parts  map[string]*cellExpr // args, env, options
	ranges map[string]hcl.Range
}

// compiler turns one experiment block into a program.
// It reports through the scope: mistakes are found together, and compile hands on a program all the same, broken where there
// are no cells to speak of.
type compiler struct {
	*program
	scope *lang.Scope
	body  *hcl.BodyContent // of the experiment, what could be read of it
}

// compile resolves one experiment. The order matters: axes first, since references are to them; overrides before all that may
// read the platform, which sees their effect; rules last, since they may read everything.
func compile(config *lang.Config, e lang.Experiment) *program {
	p := &program{name: e.Name, order: "blocks", seed: 1, maxCells: defaultMaxCells, place: lang.PlaceOf(e.LabelRanges[0]), at: e.LabelRanges[0], known: config.Blocks,
		settings: map[string]*settings{}, ranges: map[string]hcl.Range{}, used: map[int]bool{}}
	c := &compiler{program: p, scope: config.ScopeOf(e)}
	c.checkName()
	c.body = c.scope.Content(e.Block, schema.Experiment, fmt.Sprintf("in experiment %q", e.Name))
	c.constants()
	c.coordinates()
	c.compileOverrides()
	c.compileBlocks()
	c.compileRules()
	c.slots()
	c.launches, c.resume = c.attributeExpr("launches"), c.attributeExpr("resume")
	c.unusedAxes()
	p.places = lang.PlacesOf(p.ranges)
	return p
}

// checkName wants a name that is a folder and a word on the command line.
func (c *compiler) checkName() {
	if !hclsyntax.ValidIdentifier(c.name) {
		c.scope.Report(diagnostic.Error(c.at, "Bad name",
			fmt.Sprintf("%q cannot name an experiment: its name is a folder and a word on the command line. Did you mean %q?", c.name, lang.Identifier(c.name))))
	}
}

// constants reads what is the same for all cells.
func (c *compiler) constants() {
	values := map[string]cty.Value{}
	for _, name := range []string{"description", "tags", "order", "seed"} {
		values[name] = c.constant(c.body.Attributes[name], *schema.Named(schema.ExperimentFields, name), name)
	}
	c.description, _ = hclvalue.Text(values["description"])
	if hclvalue.Present(values["tags"]) {
		for _, e := range values["tags"].Elements() {
			if s, ok := hclvalue.Text(e); ok {
				c.tags = append(c.tags, s)
			}
		}
	}
	if s, ok := hclvalue.Text(values["order"]); ok {
		c.order = s
	}
	if v := values["seed"]; hclvalue.Present(v) {
		c.seed = hclvalue.Whole(v)
	}
}

// constant evaluates an attribute that no cell can change.
func (c *compiler) constant(a *hcl.Attribute, f schema.Field, path string) cty.Value {
	if a == nil {
		return cty.NilVal
	}
	c.ranges[path] = a.Range
	for _, t := range a.Expr.Variables() {
		if t.RootName() == "cell" {
			c.scope.Report(diagnostic.Error(t.SourceRange(), "No cell here", fmt.Sprintf("%s is one for the whole experiment, so it cannot depend on the cell.", f.Name)))
			return cty.NilVal
		}
	}
	return c.scope.Constant(f, a.Expr, path, c.ranges)
}

// attributeExpr is an attribute of the experiment that may differ from cell to cell; nil where it is not written.
func (c *compiler) attributeExpr(name string) *cellExpr {
	a := c.body.Attributes[name]
	if a == nil {
		return nil
	}
	c.ranges[name] = a.Range
	return c.expr(a.Expr, true)
}

// compileBlocks reads the blocks that may stand once.
func (c *compiler) compileBlocks() {
	for _, t := range schema.CellBlocks {
		s := &settings{block: t, attrs: map[string]*cellExpr{}}
		c.settings[t.Name] = s
		b := c.single(t.Name)
		if b == nil {
			continue
		}
		s.there = true
		c.ranges[t.Name] = b.DefRange
		content := c.scope.Content(b, schema.Body(t.Fields), "in "+t.Name)
		for _, a := range lang.InOrder(content.Attributes) {
			c.ranges[t.Name+"."+a.Name] = a.Range
			if t.Name == "limits" && a.Name == "max_cells" {
				continue // read with the axes
			}
			// The prediction needs the length of an answer, so generate cannot depend on it.
			s.attrs[a.Name] = c.expr(a.Expr, t.Name != "generate")
		}
	}
}

// single finds a block that may stand once, and reports a second one.
func (c *compiler) single(name string) *hcl.Block {
	var first *hcl.Block
	for _, b := range c.body.Blocks.OfType(name) {
		if first != nil {
			c.scope.Report(diagnostic.Error(b.DefRange, "Second "+name+" block",
				fmt.Sprintf("An experiment has one %s block; there is one at line %d. Put both together; what differs between cells is an expression with cell.… in it.", name, first.DefRange.Start.Line)))
			continue
		}
		first = b
	}
	return first
}

// compileOverrides reads what is laid over platforms. None of it may refer to cell.fit: the prediction is made of the result.
func (c *compiler) compileOverrides() {
	for _, b := range c.body.Blocks.OfType("override") {
		attrs := c.scope.Content(b, schema.Body(schema.OverrideBlock.Fields), "in override").Attributes
		o := &override{at: b.DefRange, parts: map[string]*cellExpr{}, ranges: map[string]hcl.Range{}}
		for _, a := range lang.InOrder(attrs) {
			e := c.expr(a.Expr, false)
			if a.Name == "when" {
				o.when = e
			} else {
				o.parts[a.Name] = e
				o.ranges[a.Name] = a.Range
				c.scope.Items(a.Expr, a.Name, o.ranges)
			}
			c.overrideAxes = union(c.overrideAxes, e.axes)
		}
		if len(o.parts) == 0 {
			c.scope.Report(diagnostic.Error(b.DefRange, "Empty override", "An override changes args, env or options of the platform."))
		}
		c.overrides = append(c.overrides, o)
	}
	if c.engine = c.engineAxis(); c.engine >= 0 {
		c.used[c.engine] = true
		c.overrideAxes = union(c.overrideAxes, []int{c.engine})
	}
	c.merged = len(c.overrides) > 0 || c.engine >= 0
}

// compileRules reads excludes and constraints, each kind in source order.
func (c *compiler) compileRules() {
	for _, b := range c.body.Blocks {
		switch b.Type {
		case "exclude":
			if r := c.rule(b, schema.ExcludeBlock, "when", "reason"); r != nil {
				c.excludes = append(c.excludes, r)
			}
		case "constraint":
			if r := c.rule(b, schema.ConstraintBlock, "condition", "message"); r != nil {
				r.name = b.Labels[0]
				c.constraints = append(c.constraints, r)
			}
		}
	}
}

// rule reads one; nil where its condition is missing, which is said.
func (c *compiler) rule(b *hcl.Block, t schema.Block, when, say string) *rule {
	attrs := c.scope.Content(b, schema.Body(t.Fields), "in "+t.Name).Attributes
	a := attrs[when]
	if a == nil {
		c.scope.Report(lang.MissingAttribute(b.DefRange, schema.Field{Name: when}, "This "+strings.TrimSpace(t.Name+" "+strings.Join(b.Labels, " "))))
		return nil
	}
	r := &rule{at: b.DefRange, when: c.expr(a.Expr, true), whenRange: a.Expr.Range(), whenName: when, sayName: say}
	if s := attrs[say]; s != nil {
		r.say = c.expr(s.Expr, true)
	}
	return r
}

// slots finds where each cell's hardware and dataset come from.
func (c *compiler) slots() {
	c.program.hardware = c.slot("hardware")
	c.program.dataset = c.slot("dataset")
	if c.program.dataset.axis < 0 && c.program.dataset.expr == nil {
		c.scope.Report(diagnostic.Error(c.at, "Experiment without a dataset",
			fmt.Sprintf("Experiment %q needs dataset = dataset.…, where its prompts come from.", c.name)))
	}
}

// slot is an axis of this name, else the attribute, else nothing.
func (c *compiler) slot(name string) slot {
	if i := c.axisIndex(name); i >= 0 {
		c.used[i] = true
		return slot{axis: i}
	}
	a := c.body.Attributes[name]
	if a == nil {
		return slot{axis: -1}
	}
	c.ranges[name] = a.Range
	return slot{axis: -1, expr: c.expr(a.Expr, false)}
}

// unusedAxes warns of an axis that changes nothing: its cells would be the same measurement under several names.
func (c *compiler) unusedAxes() {
	for i, a := range c.axes {
		if !c.used[i] && len(a.values) > 1 {
			c.scope.Report(diagnostic.Warning(a.at, "Axis without effect",
				fmt.Sprintf("Nothing refers to cell.%s, so its %d values would be measured alike. Use it, for instance in override { args = { %s = cell.%s } }.",
					a.name, len(a.values), a.name, a.name)))
		}
	}
}
