package chart

import (
	"cmp"
	"math"
	"slices"
)

// Plot is a chart of lines: a figure over batch size, a distribution, a series over time.
type Plot struct {
	Title  string // for screen readers; the page prints its own heading
	X, Y   Axis
	Series []Series
}

// Series is one line.
type Series struct {
	Name   string
	Slot   int // colour, dash and marker
	Points []Point
	Marks  bool // draw each point's marker
	Tips   []Point
}

// Point is one value; Low and High are the interval, nil where there is none.
type Point struct {
	X, Y      float64
	Low, High *float64
	Note      string // what the mouse shows
}

// area is the rectangle of the plot in user units.
type area struct{ left, right, top, bottom float64 }

// SVG draws the plot.
func (p Plot) SVG(s Style) string {
	direct := p.direct()
	legendRows := 0
	if !direct {
		legendRows = len(legend(p.Series))
	}
	c := newCanvas(s, p.Title, height+16*float64(legendRows))
	box := area{left: 58, right: width - 14, top: 24, bottom: height - 42}
	if direct {
		longest := 0.0
		for _, x := range p.Series {
			longest = max(longest, textWidth(x.Name))
		}
		box.right = width - longest - 12
	}
	xs, ys := p.values()
	x, xTicks := p.X.fit(xs, box.left, box.right)
	y, yTicks := p.Y.fit(ys, box.bottom, box.top)
	c.axes(p, box, x, y, xTicks, yTicks)
	for _, one := range p.Series {
		c.series(one, x, y)
	}
	if direct {
		c.directLabels(p.Series, x, y, box)
	} else {
		c.legend(p.Series)
	}
	for _, one := range p.Series { // on top of every line
		for _, t := range append(slices.Clone(one.Tips), one.Points...) {
			c.tip(x.at(t.X), y.at(t.Y), t.Note)
		}
	}
	return c.end((box.left+box.right)/2, (box.top+box.bottom)/2+14)
}

// direct reports that names fit beside the ends of their lines.
func (p Plot) direct() bool {
	for _, s := range p.Series {
		if len([]rune(s.Name)) > 14 {
			return false
		}
	}
	return len(p.Series) > 0 && len(p.Series) <= 6
}

func (p Plot) values() (xs, ys []float64) {
	for _, s := range p.Series {
		for _, q := range s.Points {
			xs, ys = append(xs, q.X), append(ys, q.Y)
			for _, end := range []*float64{q.Low, q.High} {
				if end != nil {
					ys = append(ys, *end)
				}
			}
		}
	}
	return xs, ys
}

func (c *canvas) axes(p Plot, box area, x, y scale, xTicks, yTicks []float64) {
	ink, soft, rule := c.paint("--ink", ink), c.paint("--soft", soft), c.paint("--rule", grid)
	c.text(4, 12, "start", soft, p.Y.Label, "")
	for _, t := range yTicks {
		at := y.at(t)
		c.line(box.left, at, box.right, at, rule, "")
		c.text(box.left-6, at+4, "end", ink, p.Y.label(t), "")
	}
	free := math.Inf(-1)
	for _, t := range xTicks {
		at, label := x.at(t), p.X.label(t)
		if at < box.left-1 || at > box.right+1 {
			continue
		}
		c.line(at, box.bottom, at, box.bottom+4, soft, "")
		if half := textWidth(label) / 2; at-half > free {
			c.text(at, box.bottom+17, "middle", ink, label, "")
			free = at + half + 4
		}
	}
	c.line(box.left, box.bottom, box.right, box.bottom, soft, "")
	c.text((box.left+box.right)/2, height-6, "middle", soft, p.X.Label, "")
}

func (c *canvas) series(s Series, x, y scale) {
	color := c.color(s.Slot)
	if len(s.Points) > 1 {
		c.f(`<path d="`)
		for i, q := range s.Points {
			letter := "L"
			if i == 0 {
				letter = "M"
			}
			c.f("%s%s %s", letter, num(x.at(q.X)), num(y.at(q.Y)))
		}
		c.f(`" fill="none" stroke="%s" stroke-width="1.8" stroke-linejoin="round"`, color)
		if d := dashes[s.Slot%len(dashes)]; d != "" {
			c.f(` stroke-dasharray="%s"`, d)
		}
		c.f(`/>`)
	}
	for _, q := range s.Points {
		if q.Low != nil && q.High != nil && *q.High > *q.Low {
			c.interval(x.at(q.X), y.at(*q.Low), y.at(*q.High), color)
		}
		if s.Marks {
			c.marker(x.at(q.X), y.at(q.Y), s.Slot)
		}
	}
	for _, q := range s.Tips {
		c.marker(x.at(q.X), y.at(q.Y), s.Slot)
	}
}

func (c *canvas) interval(x, low, high float64, color string) {
	c.line(x, low, x, high, color, ` stroke-width="1.4"`)
	c.line(x-4, low, x+4, low, color, ` stroke-width="1.4"`)
	c.line(x-4, high, x+4, high, color, ` stroke-width="1.4"`)
}

// directLabels writes names beside the ends of their lines, moved apart where they would touch.
func (c *canvas) directLabels(all []Series, x, y scale, box area) {
	type place struct {
		s    Series
		want float64
	}
	var places []place
	for _, s := range all {
		if n := len(s.Points); n > 0 {
			places = append(places, place{s, y.at(s.Points[n-1].Y) + 4})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.want, b.want) })
	const apart = 14
	for i := 1; i < len(places); i++ {
		places[i].want = max(places[i].want, places[i-1].want+apart)
	}
	limit := box.bottom
	for i := len(places) - 1; i >= 0; i-- {
		places[i].want = min(places[i].want, limit)
		limit = places[i].want - apart
	}
	for _, p := range places {
		c.text(box.right+8, p.want, "start", c.color(p.s.Slot), p.s.Name, ` font-weight="600"`)
	}
}

// legend lays names out in rows below the plot.
func legend(all []Series) [][]Series {
	var rows [][]Series
	used := width
	for _, s := range all {
		need := textWidth(clip(s.Name, 60)) + 40
		if used+need > width {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], s)
		used += need
	}
	return rows
}

func (c *canvas) legend(all []Series) {
	for i, row := range legend(all) {
		x, y := 8.0, height+16*float64(i)+8
		for _, s := range row {
			more := ` stroke-width="1.8"`
			if d := dashes[s.Slot%len(dashes)]; d != "" {
				more += ` stroke-dasharray="` + d + `"`
			}
			c.line(x, y-4, x+24, y-4, c.color(s.Slot), more)
			c.marker(x+12, y-4, s.Slot)
			name := clip(s.Name, 60)
			c.text(x+29, y, "start", c.paint("--ink", ink), name, "")
			x += textWidth(name) + 40
		}
	}
}
