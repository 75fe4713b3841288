package grid

import (
	"fmt"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/lang"
	"matrix/experiments/schema"
	"matrix/experiments/wording"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// compileIncludes reads the extra cells; their values are added to the axes behind the matrix's own.
func (c *compiler) compileIncludes() {
	seen := map[string]hcl.Range{}
	for _, b := range c.body.Blocks.OfType("include") {
		attrs, diags := b.Body.JustAttributes()
		c.scope.Report(plainAttributes(diags, "include")...)
		idx, complete := c.includeIndices(b, attrs)
		if !complete {
			continue
		}
		key := fmt.Sprint(idx)
		first, twice := seen[key]
		if !twice && c.inMatrix(idx) {
			first, twice = c.at, true
		}
		if twice {
			c.scope.Report(diagnostic.Error(b.DefRange, "Cell twice",
				fmt.Sprintf("The cell %s is there already (line %d). Remove this include.", c.cellName(idx), first.Start.Line)))
			continue
		}
		seen[key] = b.DefRange
		c.includes = append(c.includes, include{idx: idx, at: b.DefRange})
	}
}

// includeIndices finds or adds an include's value on each axis; false where the include says too little or something unknown.
// A value that the matrix does not have is added behind the matrix's own, where the walk of the matrix does not come. An
// axis of one fixed value may be left out: index 0 is that value.
func (c *compiler) includeIndices(b *hcl.Block, attrs hcl.Attributes) ([]int32, bool) {
	idx := make([]int32, len(c.axes))
	complete := true
	var missing []string
	for i, ax := range c.axes {
		a := attrs[ax.name]
		if a == nil {
			if !ax.fixed {
				missing = append(missing, ax.name)
			}
			continue
		}
		v := c.constant(a, schema.Field{Name: ax.name, Kind: schema.Anything}, "include."+ax.name)
		if v == cty.NilVal {
			complete = false
			continue
		}
		n := c.addValue(ax, v, a.Expr.Range())
		complete = complete && n >= 0
		idx[i] = int32(max(n, 0))
	}
	if len(missing) > 0 {
		complete = false
		c.scope.Report(diagnostic.Error(b.DefRange, "Incomplete include", fmt.Sprintf("An include is one whole cell: give it %s as well.", strings.Join(missing, ", "))))
	}
	for _, a := range lang.InOrder(attrs) {
		if c.axisIndex(a.Name) < 0 {
			complete = false
			c.scope.Report(diagnostic.Error(a.NameRange, "Unknown axis", fmt.Sprintf("There is no axis %q; an include gives a value to each of %s.%s",
				a.Name, strings.Join(c.axisNames(), ", "), wording.DidYouMean(a.Name, c.axisNames()))))
		}
	}
	return idx, complete
}

// axisNames are in the order of the axes.
func (p *program) axisNames() []string {
	names := make([]string, len(p.axes))
	for i, a := range p.axes {
		names[i] = a.name
	}
	return names
}

// inMatrix reports a combination that the matrix has itself.
func (p *program) inMatrix(idx []int32) bool {
	for i, a := range p.axes {
		if int(idx[i]) >= a.matrix {
			return false
		}
	}
	return true
}

// cellName is what the cell of some indices is called.
func (p *program) cellName(idx []int32) string {
	labels := make([]string, len(idx))
	for i, n := range idx {
		labels[i] = p.axes[i].values[n].axis.Label
	}
	return strings.Join(labels, "/")
}

// countCells holds the size of the walk against limits.max_cells, before anything is walked.
func (c *compiler) countCells() {
	limit := schema.Field{Name: "max_cells", Kind: schema.Whole, Min: new(1.0)}
	if b := firstOf(c.body.Blocks.OfType("limits")); b != nil {
		// The other attributes are read, and unknown ones reported, with the rest of the block.
		content, _, _ := b.Body.PartialContent(schema.Body([]schema.Field{limit}))
		if v := c.constant(content.Attributes["max_cells"], limit, "limits.max_cells"); hclvalue.Present(v) {
			c.maxCells = int(hclvalue.Whole(v))
		}
	}
	total := 1
	for _, a := range c.axes {
		c.broken = c.broken || a.matrix == 0
		total = bounded(total, a.matrix)
	}
	c.total = total + len(c.includes)
	if c.total > c.maxCells {
		c.scope.Report(diagnostic.Error(c.at, "Too many cells", fmt.Sprintf("%s, more than max_cells (%d). Shorten an axis, or raise limits { max_cells = … }.",
			c.sizes(), c.maxCells)))
		c.broken = true
	}
}

// maxTotal is where counting stops.
const maxTotal = 1 << 40

// bounded multiplies, and stops at maxTotal before it would overflow.
func bounded(a, b int) int {
	if b > 0 && a > maxTotal/b {
		return maxTotal
	}
	return a * b
}

// sizes is the sum behind the number of cells: "platform 3 × model 4 × batch_size 900 = 10,800 cells".
func (c *compiler) sizes() string {
	var parts []string
	for _, a := range c.axes {
		parts = append(parts, fmt.Sprintf("%s %d", a.name, a.matrix))
	}
	sum := strings.Join(parts, " × ")
	if n := len(c.includes); n > 0 {
		sum += fmt.Sprintf(" + %d included", n)
	}
	if c.total >= maxTotal {
		return sum + " are over a million million cells"
	}
	return fmt.Sprintf("%s = %d cells", sum, c.total)
}

// firstOf is a block's first; a second one is reported where the block is read.
func firstOf(blocks hcl.Blocks) *hcl.Block {
	if len(blocks) == 0 {
		return nil
	}
	return blocks[0]
}
