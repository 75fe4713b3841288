package chart

import (
	"math"
	"slices"
	"strconv"
)

// Panels are small plots one below the other on one time axis.
type Panels struct {
	Title string
	X     Axis
	Bands []Band
	Rows  []Panel
}

// Band is a stretch of the time axis: the load, the warm-up, the measured phase.
type Band struct {
	Name     string
	From, To float64
	Shade    float64 // opacity
}

// Panel is one of them.
type Panel struct {
	Label string
	Max   *float64 // of its axis; nil = from the data
	Lines []Series // a gap between points of more than Gap is not drawn across
	Gap   float64  // 0 = none
}

const panelHeight = 74.0

// SVG draws the panels.
func (p Panels) SVG(s Style) string {
	const left, right, top, foot = 46.0, width - 10, 20.0, 34.0
	c := newCanvas(s, p.Title, top+panelHeight*float64(len(p.Rows))+foot)
	var xs []float64
	for _, row := range p.Rows {
		for _, l := range row.Lines {
			for _, q := range l.Points {
				xs = append(xs, q.X)
			}
		}
	}
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
		if to-from > textWidth(b.Name) {
			c.text((from+to)/2, 13, "middle", c.paint("--soft", soft), b.Name, ` font-size="11"`)
		}
	}
	for i, row := range p.Rows {
		c.panel(row, x, left, right, top+panelHeight*float64(i))
	}
	for _, t := range ticks {
		if at := x.at(t); at >= left-1 && at <= right+1 {
			c.line(at, bottom, at, bottom+4, c.paint("--soft", soft), "")
			c.text(at, bottom+15, "middle", c.paint("--ink", ink), p.X.label(t), "")
		}
	}
	c.text((left+right)/2, bottom+29, "middle", c.paint("--soft", soft), p.X.Label, "")
	return c.end((left+right)/2, (top+bottom)/2+14)
}

func (c *canvas) panel(p Panel, x scale, left, right, top float64) {
	var ys []float64
	for _, l := range p.Lines {
		for _, q := range l.Points {
			ys = append(ys, q.Y)
		}
	}
	y, ticks := Axis{Zero: true, Max: p.Max}.fit(ys, top+panelHeight-6, top+18)
	for _, t := range []float64{ticks[0], ticks[len(ticks)-1]} {
		c.line(left, y.at(t), right, y.at(t), c.paint("--rule", grid), "")
		c.text(left-5, y.at(t)+4, "end", c.paint("--ink", ink), Short(t), ` font-size="10"`)
	}
	c.text(left+3, top+13, "start", c.paint("--ink", ink), p.Label, ` font-size="11" font-weight="600"`)
	from := right
	for _, l := range slices.Backward(p.Lines) {
		if len(p.Lines) > 1 {
			c.text(from, top+13, "end", c.color(l.Slot), l.Name, ` font-size="11"`)
			from -= textWidth(l.Name) + 8
		}
		c.broken(l, p.Gap, x, y)
	}
}

// broken draws a line that ends at a gap in its points and begins anew behind it.
func (c *canvas) broken(s Series, gap float64, x, y scale) {
	from := 0
	for i := 1; i <= len(s.Points); i++ {
		if i < len(s.Points) && (gap == 0 || s.Points[i].X-s.Points[i-1].X <= gap) {
			continue
		}
		if i-from == 1 {
			c.f(`<circle cx="%s" cy="%s" r="1.2" fill="%s"/>`, num(x.at(s.Points[from].X)), num(y.at(s.Points[from].Y)), c.color(s.Slot))
		}
		c.path(s.Points[from:i], x, y, c.color(s.Slot), "")
		from = i
	}
	for _, q := range s.Points {
		c.tip(x.at(q.X), y.at(q.Y), q.Note)
	}
}

// Gap is how far apart two samples may lie and still be joined: three times the usual.
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
