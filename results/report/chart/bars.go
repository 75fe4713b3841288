package chart

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bars are stacked horizontal bars, one a row.
// They begin at 0: a bar's length is its figure.
type Bars struct {
	Title string // for who cannot see it
	X     Axis
	Rows  []Bar
}

// Bar is one row; its parts stand one after another.
type Bar struct {
	Name  string // above the bar
	Parts []Part // from the left; a part that nobody knows is not there
}

// Part is a stretch of a bar. Parts of one name have one colour and one number in all rows.
type Part struct {
	Name  string
	Value float64 // not below 0
	Note  string  // what the mouse shows
}

// SVG draws the bars, the parts numbered as in the legend, so that no colour need be told from another.
func (b Bars) SVG(s Style) string {
	// units: the name, and the bar below it
	const row = 40.0
	names := b.names()
	rowsOfLegend := partLegend(names)
	top, plot := 8.0, row*float64(len(b.Rows))
	c := newCanvas(s, b.Title, top+plot+44+17*float64(len(rowsOfLegend)))
	// the axis begins at 0 whatever the bars are
	totals := []float64{0}
	for _, r := range b.Rows {
		sum := 0.0
		for _, p := range r.Parts {
			sum += p.Value
		}
		totals = append(totals, sum)
	}
	b.X.Zero = true
	x, ticks := b.X.fit(totals, 8, width-46)
	soft := c.paint("--soft", soft)
	for _, t := range ticks {
		c.line(x.at(t), top, x.at(t), top+plot, c.paint("--rule", grid), "")
		c.text(x.at(t), top+plot+15, "middle", c.paint("--ink", ink), b.X.label(t), "")
	}
	for i, r := range b.Rows {
		c.bar(r, x, top+row*float64(i), totals[i+1], names, b.X)
	}
	c.text((8+width-46)/2, top+plot+33, "middle", soft, b.X.Label, "")
	c.partLegend(rowsOfLegend, names, top+plot+52)
	return c.end(width/2, top+plot/2+14)
}

// bar numbers the parts that are wide enough; narrow ones answer the mouse, and the legend has their colour.
func (c *canvas) bar(r Bar, x scale, y, total float64, names []string, axis Axis) {
	c.text(8, y+13, "start", c.paint("--ink", ink), clip(r.Name, 58), "")
	from := 0.0
	var numbers strings.Builder
	// What all parts share is said once: a page has hundreds of them.
	page := c.paint("--page", "#ffffff")
	c.f(`<g stroke="%s" stroke-width="0.8">`, page)
	for _, p := range r.Parts {
		i := slices.Index(names, p.Name)
		x1, x2 := x.at(from), x.at(from+p.Value)
		c.f(`<rect x="%s" y="%s" width="%s" height="15" fill="%s"><title>%s</title></rect>`, num(x1), num(y+18), num(max(x2-x1, 0.8)), c.color(i), escape(p.Note))
		if x2-x1 > 11 {
			fmt.Fprintf(&numbers, `<text x="%s" y="%s">%d</text>`, num((x1+x2)/2), num(y+29.5), i+1)
		}
		from += p.Value
	}
	c.f(`</g><g fill="%s" text-anchor="middle" font-size="11" font-weight="700" pointer-events="none">%s</g>`, page, numbers.String())
	c.text(x.at(total)+5, y+30, "start", c.paint("--ink", ink), axis.label(three(total)), "")
}

// three keeps three significant digits.
// For the total beside the bar: the parts have their own figures in the notes.
func three(v float64) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	return math.Round(v/unit) * unit
}

// names of the parts in the order in which they are met.
// A name that an earlier row lacked is set in where this row has it, so the numbers run from left to right in every
// bar.
func (b Bars) names() []string {
	var all []string
	for _, r := range b.Rows {
		at := 0
		for _, p := range r.Parts {
			if i := slices.Index(all, p.Name); i >= 0 {
				at = i + 1
				continue
			}
			all = slices.Insert(all, at, p.Name)
			at++
		}
	}
	return all
}

// partLegend breaks names into rows as wide as the chart; the rows hold indices into names.
func partLegend(names []string) [][]int {
	var rows [][]int
	used := width
	for i, name := range names {
		need := textWidth(name) + 34
		if used+need > width {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], i)
		used += need
	}
	return rows
}

func (c *canvas) partLegend(rows [][]int, names []string, y float64) {
	for _, row := range rows {
		x := 8.0
		for _, i := range row {
			c.f(`<rect x="%s" y="%s" width="15" height="13" fill="%s"/>`, num(x), num(y-10), c.color(i))
			c.text(x+7.5, y+0.5, "middle", c.paint("--page", "#ffffff"), strconv.Itoa(i+1), ` font-size="10" font-weight="700"`)
			c.text(x+20, y, "start", c.paint("--ink", ink), names[i], "")
			x += textWidth(names[i]) + 34
		}
		y += 17
	}
}
