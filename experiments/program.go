package experiments

import (
	"fmt"
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
	place             Place
	at                hcl.Range
	known             registry

	axes     []*axis // as cells show them; platform, model and batch_size among them
	includes []include
	total    int // cells

	platform, model, batch int  // positions of the three axes
	hardware, dataset      slot // an axis, or an expression
	launches, resume       *cellExpr
	settings               map[string]*settings
	excludes               []*rule
	overrides              []*override
	constraints            []*rule
	overrideAxes           []int // what the overrides refer to
	merged                 bool  // the overrides are compiled, and there are some: what follows sees their effect
	exprs                  int   // how many cellExprs there are
	used                   map[int]bool
	ranges                 map[string]hcl.Range
	places                 Places
	broken                 bool // something of it could not be understood
	budget                 *budget
}

// slot is a block of a cell that comes from an axis or from an expression.
type slot struct {
	axis int // -1: expr
	expr *cellExpr
}

// settings is a block whose attributes are evaluated per cell.
type settings struct {
	block blockType
	attrs map[string]*cellExpr
	there bool
}

// rule is an exclude or a constraint.
type rule struct {
	name      string
	at        hcl.Range
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
type compiler struct {
	*loader
	*program
	file *source
	ctx  *hcl.EvalContext
	body *hcl.BodyContent
}

func (l *loader) compile(b fileBlock, r registry) (*Experiment, *program) {
	name := b.Labels[0]
	p := &program{name: name, order: "blocks", seed: 1, maxCells: defaultMaxCells, place: placeOf(b.LabelRanges[0]), at: b.LabelRanges[0], known: r, budget: &l.budget,
		settings: map[string]*settings{}, ranges: map[string]hcl.Range{}, used: map[int]bool{}}
	c := &compiler{loader: l, program: p, file: b.file, ctx: l.root(b.file)}
	c.checkName()
	c.body = l.content(b.Block, experimentSchema, fmt.Sprintf("in experiment %q", name))
	c.constants()
	c.coordinates()
	c.compileOverrides()
	c.compileBlocks()
	c.compileRules()
	c.slots()
	c.launches, c.resume = c.attributeExpr("launches"), c.attributeExpr("resume")
	c.unusedAxes()
	p.places = placesOf(p.ranges)
	e := &Experiment{Name: name, Description: p.description, Tags: p.tags, Place: p.place, Source: b.file.sha256, program: p}
	return e, p
}

func (c *compiler) checkName() {
	if !hclsyntax.ValidIdentifier(c.name) {
		c.diags = c.diags.Append(mistake(c.at, "Bad name",
			fmt.Sprintf("%q cannot name an experiment: its name is a folder and a word on the command line. Did you mean %q?", c.name, identifier(c.name))))
	}
}

// constants reads what is the same for all cells.
func (c *compiler) constants() {
	values := map[string]cty.Value{}
	for _, name := range []string{"description", "tags", "order", "seed"} {
		values[name] = c.constant(c.body.Attributes[name], *fieldNamed(experimentFields, name), name)
	}
	if s, ok := textOf(values["description"]); ok {
		c.description = s
	}
	if present(values["tags"]) {
		for it := values["tags"].ElementIterator(); it.Next(); {
			_, e := it.Element()
			if s, ok := textOf(e); ok {
				c.tags = append(c.tags, s)
			}
		}
	}
	if s, ok := textOf(values["order"]); ok {
		c.order = s
	}
	if v := values["seed"]; present(v) {
		c.seed, _ = v.AsBigFloat().Int64()
	}
}

// constant evaluates an attribute that no cell can change.
func (c *compiler) constant(a *hcl.Attribute, f field, path string) cty.Value {
	if a == nil {
		return cty.NilVal
	}
	c.ranges[path] = a.Range
	for _, t := range a.Expr.Variables() {
		if t.RootName() == "cell" {
			c.diags = c.diags.Append(mistake(t.SourceRange(), "No cell here", fmt.Sprintf("%s is one for the whole experiment, so it cannot depend on the cell.", f.name)))
			return cty.NilVal
		}
	}
	if !c.sound(a.Expr, false) {
		return cty.NilVal
	}
	return decoder{loader: c.loader, ctx: c.ctx, dir: c.file.dir, ranges: c.ranges}.attribute(f, a.Expr, path)
}

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
	for _, t := range []blockType{loadBlock, generateBlock, warmupBlock, isolationBlock, limitsBlock, captureBlock, telemetryBlock, sloBlock} {
		s := &settings{block: t, attrs: map[string]*cellExpr{}}
		c.settings[t.name] = s
		b := c.single(t.name)
		if b == nil {
			continue
		}
		s.there = true
		c.ranges[t.name] = b.DefRange
		content := c.content(b, bodySchema(t.fields), "in "+t.name)
		for _, a := range inOrder(content.Attributes) {
			c.ranges[t.name+"."+a.Name] = a.Range
			if t.name == "limits" && a.Name == "max_cells" {
				continue // read with the axes
			}
			// The prediction needs the length of an answer, so generate cannot depend on it.
			s.attrs[a.Name] = c.expr(a.Expr, t.name != "generate")
		}
	}
}

// single finds a block that may stand once, and reports a second one.
func (c *compiler) single(name string) *hcl.Block {
	var first *hcl.Block
	for _, b := range c.body.Blocks.OfType(name) {
		if first != nil {
			c.diags = c.diags.Append(mistake(b.DefRange, "Second "+name+" block",
				fmt.Sprintf("An experiment has one %s block; there is one at line %d. Put both together; what differs between cells is an expression with cell.… in it.", name, first.DefRange.Start.Line)))
			continue
		}
		first = b
	}
	return first
}

func (c *compiler) compileOverrides() {
	for _, b := range c.body.Blocks.OfType("override") {
		attrs := c.content(b, bodySchema(overrideBlock.fields), "in override").Attributes
		o := &override{at: b.DefRange, parts: map[string]*cellExpr{}, ranges: map[string]hcl.Range{}}
		d := decoder{loader: c.loader, ctx: c.ctx, dir: c.file.dir, ranges: o.ranges}
		for _, a := range inOrder(attrs) {
			e := c.expr(a.Expr, false)
			if a.Name == "when" {
				o.when = e
			} else {
				o.parts[a.Name] = e
				o.ranges[a.Name] = a.Range
				d.items(a.Expr, a.Name)
			}
			c.overrideAxes = union(c.overrideAxes, e.axes)
		}
		if len(o.parts) == 0 {
			c.diags = c.diags.Append(mistake(b.DefRange, "Empty override", "An override changes args, env or options of the platform."))
		}
		c.overrides = append(c.overrides, o)
	}
	c.merged = len(c.overrides) > 0
}

func (c *compiler) compileRules() {
	for _, b := range c.body.Blocks {
		switch b.Type {
		case "exclude":
			if r := c.rule(b, excludeBlock, "when", "reason"); r != nil {
				c.excludes = append(c.excludes, r)
			}
		case "constraint":
			if r := c.rule(b, constraintBlock, "condition", "message"); r != nil {
				r.name = b.Labels[0]
				c.constraints = append(c.constraints, r)
			}
		}
	}
}

func (c *compiler) rule(b *hcl.Block, t blockType, when, say string) *rule {
	attrs := c.content(b, bodySchema(t.fields), "in "+t.name).Attributes
	a := attrs[when]
	if a == nil {
		c.diags = c.diags.Append(missingAttribute(b.DefRange, field{name: when}, "This "+strings.TrimSpace(t.name+" "+strings.Join(b.Labels, " "))))
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
		c.diags = c.diags.Append(mistake(c.at, "Experiment without a dataset",
			fmt.Sprintf("Experiment %q needs dataset = dataset.…, where its prompts come from.", c.name)))
	}
}

func (c *compiler) slot(name string) slot {
	for i, a := range c.axes {
		if a.name == name {
			c.used[i] = true
			return slot{axis: i}
		}
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
			c.diags = c.diags.Append(warning(a.at, "Axis without effect",
				fmt.Sprintf("Nothing refers to cell.%s, so its %d values would be measured alike. Use it, for instance in override { args = { %s = cell.%s } }.",
					a.name, len(a.values), a.name, a.name)))
		}
	}
}
