package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Panels are small plots one below the other on one time axis.
// One axis for all, so that what happens at once stands one above the other.
type Panels struct {
	Title string // for who cannot see it
	X     Axis
	Times []float64 // ascending; each line has a value for each
	Bands []Band    // behind all panels
	Rows  []Panel
}

// Band is a stretch of the time axis: the load, the warm-up, the measured phase.
type Band struct {
	Name  string  `json:"name"`
	From  float64 `json:"from"` // seconds
	To    float64 `json:"to"`
	Shade float64 `json:"shade"` // opacity
}

// Panel is one of them.
type Panel struct {
	Label string   // with the unit
	Max   *float64 // of its axis; nil = from the data
	Lines []Line
	Marks []Stretches // at its foot
}

// Line is a figure at each of the panels' times; NaN = nobody saw, and nothing is drawn there.
type Line struct {
	Name   string
	Slot   int // colour and dash
	Values []float64
}

// Stretches are the times at which something held, drawn along the foot of its panel.
type Stretches struct {
	Name string       `json:"name"`
	Bad  bool         `json:"bad"` // else only to know
	At   [][2]float64 `json:"at"`  // from, to
}

// in user units; a page may have nine of them
const panelHeight = 74.0

// SVG draws the panels.
func (p Panels) SVG(s Style) string {
	const left, right, top, foot = 46.0, width - 10, 20.0, 34.0
	if len(p.Times) > fewDrawn {
		p = p.halved()
	}
	c := newCanvas(s, p.Title, top+panelHeight*float64(len(p.Rows))+foot)
	xs := slices.Clone(p.Times)
	for _, b := range p.Bands {
		xs = append(xs, b.From, b.To)
	}
	x, ticks := p.X.fit(xs, left, right)
	bottom := top + panelHeight*float64(len(p.Rows))
	for _, b := range p.Bands {
		from, to := max(x.at(b.From), left), min(x.at(b.To), right)
		if to <= from {
			continue
		}
		c.f(`<rect x="%s" y="%s" width="%s" height="%s" fill="%s" fill-opacity="%s"/>`, num(from), num(top), num(to-from), num(bottom-top), c.paint("--soft", soft), strconv.FormatFloat(b.Shade, 'f', 2, 64))
		// a name that does not fit is left out; the alternative text has it
		if to-from > textWidth(b.Name) {
			c.text((from+to)/2, 13, "middle", c.paint("--soft", soft), b.Name, ` font-size="11"`)
		}
	}
	// one path for all rules and one for all marks: half the bytes of a line each
	var rules strings.Builder
	scales := make([]scale, len(p.Rows))
	c.f(`<g text-anchor="end" font-size="10">`)
	for i, row := range p.Rows {
		scales[i] = c.grid(row, &rules, left, right, top+panelHeight*float64(i))
	}
	c.f(`</g><path d="%s" stroke="%s"/>`, rules.String(), c.paint("--rule", grid))
	for i, row := range p.Rows {
		c.panel(row, p.Times, x, scales[i], left, right, top+panelHeight*float64(i))
	}
	var marks strings.Builder
	c.f(`<g text-anchor="middle">`)
	for _, t := range ticks {
		if at := x.at(t); at >= left-1 && at <= right+1 {
			marks.WriteString(along([][2]float64{{at, bottom}, {at, bottom + 4}}))
			c.text(at, bottom+15, "start", c.paint("--ink", ink), p.X.label(t), "")
		}
	}
	c.f(`</g><path d="%s" stroke="%s"/>`, marks.String(), c.paint("--soft", soft))
	c.text((left+right)/2, bottom+29, "middle", c.paint("--soft", soft), p.X.Label, "")
	return c.end((left+right)/2, (top+bottom)/2+14)
}

// grid names the ends of a panel's scale; its rules are one path for all panels.
// The lowest and the highest tick only: in 74 units there is no room for more.
func (c *canvas) grid(p Panel, rules *strings.Builder, left, right, top float64) scale {
	var ys []float64
	for _, l := range p.Lines {
		ys = append(ys, l.Values...)
	}
	y, ticks := Axis{Zero: true, Max: p.Max}.fit(ys, top+panelHeight-6, top+18)
	for _, t := range []float64{ticks[0], ticks[len(ticks)-1]} {
		rules.WriteString(along([][2]float64{{left, y.at(t)}, {right, y.at(t)}}))
		c.text(left-5, y.at(t)+4, "start", c.paint("--ink", ink), Short(t), "")
	}
	return y
}

// panel writes names from the right, in the colour of their lines, so that no legend is needed; a lone line has the
// panel's label.
func (c *canvas) panel(p Panel, times []float64, x, y scale, left, right, top float64) {
	c.text(left+3, top+13, "start", c.paint("--ink", ink), p.Label, ` font-size="11" font-weight="600"`)
	from := right
	for _, l := range slices.Backward(p.Lines) {
		if len(p.Lines) > 1 {
			c.text(from, top+13, "end", c.color(l.Slot), l.Name, ` font-size="11"`)
			from -= textWidth(l.Name) + 8
		}
		c.broken(l, times, x, y)
	}
	for _, m := range p.Marks {
		color := c.paint("--warn", "#8a5200")
		if m.Bad {
			color = c.paint("--bad", "#b02347")
		}
		var d strings.Builder
		for _, at := range m.At {
			from, y := max(x.at(at[0]), left), top+panelHeight-6
			// at least a unit long, or a second in an hour could not be seen
			d.WriteString(along([][2]float64{{from, y}, {max(min(x.at(at[1]), right), from+1), y}}))
		}
		c.f(`<path d="%s" stroke="%s" stroke-width="4"><title>%s</title></path>`, d.String(), color, escape(m.Name))
	}
}

// broken draws a line that ends where nobody saw, and begins anew behind it.
// A value alone between two gaps is a dot: as a line it would have no length.
func (c *canvas) broken(l Line, times []float64, x, y scale) {
	var run [][2]float64
	flush := func() {
		if len(run) == 1 {
			c.f(`<circle cx="%s" cy="%s" r="1.2" fill="%s"/>`, num(run[0][0]), num(run[0][1]), c.color(l.Slot))
		}
		c.stroke(run, c.color(l.Slot), dashes[l.Slot%len(dashes)])
		run = run[:0]
	}
	for i, v := range l.Values {
		if math.IsNaN(v) {
			flush()
			continue
		}
		run = append(run, [2]float64{math.Round(x.at(times[i])), math.Round(min(max(y.at(v), y.to), y.from))}) // finer, nobody sees it: half a unit is less than half the stroke. What lies beyond the axis stays in its panel
	}
	flush()
}

// fewDrawn is how many points of a line are drawn one by one; of more, half, with the peak of each pair: a page's script has them all.
// At 364 units of width 80 points, half of 160, are one each four or five.
const fewDrawn = 42

// halved keeps the larger of each two neighbours, and none where one of them was not seen: a gap stays a gap.
func (p Panels) halved() Panels {
	p.Rows = slices.Clone(p.Rows)
	for i, row := range p.Rows {
		row.Lines = slices.Clone(row.Lines)
		for k, l := range row.Lines {
			values := make([]float64, 0, len(l.Values)/2+1)
			for pair := range slices.Chunk(l.Values, 2) {
				values = append(values, max(pair[0], pair[len(pair)-1])) // NaN with NaN
			}
			row.Lines[k].Values = values
		}
		p.Rows[i].Lines = row.Lines
	}
	times := make([]float64, 0, len(p.Times)/2+1)
	for pair := range slices.Chunk(p.Times, 2) {
		times = append(times, pair[0])
	}
	p.Times = times
	return p
}

// Gap is how far apart two samples may lie and still be joined: three times the usual.
// The median, so that one gap does not make all others look usual. 0 = fewer than two samples.
func Gap(times []float64) float64 {
	var steps []float64
	for i := 1; i < len(times); i++ {
		steps = append(steps, times[i]-times[i-1])
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return 3 * math.Max(steps[len(steps)/2], 1e-9)
}
