package chart

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Plot is a chart of lines: a figure over batch size, a distribution, a series over time.
// Series are drawn in order, the last on top; bands lie below all lines.
type Plot struct {
	Title  string // for screen readers; the page prints its own heading
	X, Y   Axis
	Series []Series // at most as many as there are colours
	Marks  []Mark
	Shade  *Box // nil = nothing
}

// Mark is a place on the x axis that means something.
type Mark struct {
	X     float64
	Label string // at the foot of the plot
}

// Box is what lies at or below X and at or above Y: within the bounds that were asked for.
type Box struct {
	X, Y  float64
	Label string
}

// Series is one line.
type Series struct {
	Name   string    // beside the line's end where that is short enough, else in the legend
	Slot   int       // colour, dash and marker
	Points []Point   // by ascending X
	Marks  bool      // draw each point's marker
	Band   bool      // the intervals are one band, not bars
	Tips   []Point   // marked, and told by the mouse; they lie on the line
	Beyond bool      // what lies outside of its tips is projected, and dashed; what lies between them is not, whatever its slot
	Thin   [][]Point // what the line was pooled from, drawn thinly
	Level  bool      // the line goes on at its last height to the end of the axis
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
// From back to front: axes, shade, bands, marks, lines and names.
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
			longest = max(longest, 1.12*textWidth(x.Name)) // they are bold
		}
		box.right = width - longest - 12
	}
	xs, ys := p.values()
	y, yTicks := p.Y.fit(ys, box.bottom, box.top)
	for _, t := range yTicks { // "400 days"
		box.left = max(box.left, 1.12*textWidth(p.Y.label(t))+8)
	}
	x, xTicks := p.X.fit(xs, box.left, box.right)
	c.axes(p, box, x, y, xTicks, yTicks)
	c.shade(p.Shade, box, x, y)
	for _, one := range p.Series {
		c.band(one, x, y)
	}
	c.marks(p.Marks, box, x)
	for _, one := range p.Series {
		c.series(one, x, y)
	}
	if direct {
		c.directLabels(p.Series, y, box)
	} else {
		c.legend(p.Series)
	}
	return c.end((box.left+box.right)/2, (box.top+box.bottom)/2+14)
}

// direct reports that names fit beside the ends of their lines.
// Six names of 14 letters: more would take half of the plot's width.
func (p Plot) direct() bool {
	for _, s := range p.Series {
		if len([]rune(s.Name)) > 14 {
			return false
		}
	}
	return len(p.Series) > 0 && len(p.Series) <= 6
}

// values has the ends of the intervals, so that no bar leaves the plot.
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

// axes leaves out labels that would touch the one before; their marks stay.
func (c *canvas) axes(p Plot, box area, x, y scale, xTicks, yTicks []float64) {
	ink, soft, rule := c.paint("--ink", ink), c.paint("--soft", soft), c.paint("--rule", grid)
	c.text(4, 12, "start", soft, p.Y.Label, "")
	var rules, marks strings.Builder
	c.f(`<g text-anchor="end">`)
	for _, t := range yTicks {
		at := y.at(t)
		rules.WriteString(along([][2]float64{{box.left, at}, {box.right, at}}))
		c.text(box.left-6, at+4, "start", ink, p.Y.label(t), "")
	}
	c.f(`</g><g text-anchor="middle">`)
	// x from which a label may begin
	free := math.Inf(-1)
	for _, t := range xTicks {
		at, label := x.at(t), p.X.label(t)
		if at < box.left-1 || at > box.right+1 {
			continue
		}
		marks.WriteString(along([][2]float64{{at, box.bottom}, {at, box.bottom + 4}}))
		if half := textWidth(label) / 2; at-half > free {
			c.text(at, box.bottom+17, "start", ink, label, "")
			free = at + half + 4
		}
	}
	c.text((box.left+box.right)/2, height-6, "start", soft, p.X.Label, "")
	marks.WriteString(along([][2]float64{{box.left, box.bottom}, {box.right, box.bottom}}))
	c.f(`</g><path d="%s" stroke="%s"/><path d="%s" stroke="%s"/>`, rules.String(), rule, marks.String(), soft)
}

// projected is the dash of what was not measured.
const projected = "1.5 4"

// series draws what was pooled first, thinly; then the line, what goes on beside it in dashes, and the intervals.
func (c *canvas) series(s Series, x, y scale) {
	color, first, last := c.color(s.Slot), 0, len(s.Points)
	if s.Beyond {
		within := func(p Point) bool { return len(s.Tips) > 0 && p.X >= s.Tips[0].X && p.X <= s.Tips[len(s.Tips)-1].X }
		first = max(slices.IndexFunc(s.Points, within), 0)
		last = first
		for last < len(s.Points) && within(s.Points[last]) {
			last++
		}
	}
	c.thin(s.Thin, x, y, color)
	c.stroke(drawn(s.Points[first:last], x, y), color, s.dash())
	if n := len(s.Points); s.Level && n > 0 {
		last := s.Points[n-1]
		c.line(x.at(last.X), y.at(last.Y), x.to, y.at(last.Y), color, ` stroke-width="1.8" stroke-dasharray="`+projected+`"`)
	}
	// with the solid line's own ends, so that they join
	c.stroke(drawn(s.Points[:min(first+1, len(s.Points))], x, y), color, projected)
	c.stroke(drawn(s.Points[max(0, last-1):], x, y), color, projected)
	for _, q := range s.Points {
		if !s.Band && q.Low != nil && q.High != nil && *q.High > *q.Low {
			c.interval(x.at(q.X), y.at(*q.Low), y.at(*q.High), color)
		}
		if s.Marks {
			c.marker(x.at(q.X), y.at(q.Y), s.Slot, q.Note)
		}
	}
	for _, q := range s.Tips {
		c.marker(x.at(q.X), y.at(q.Y), s.Slot, q.Note)
	}
}

// dash is the line's own; one that is projected in part has none, so that dashes mean that alone.
func (s Series) dash() string {
	if s.Beyond {
		return ""
	}
	return dashes[s.Slot%len(dashes)]
}

// drawn are points in user units.
func drawn(points []Point, x, y scale) [][2]float64 {
	out := make([][2]float64, len(points))
	for i, q := range points {
		out[i] = [2]float64{x.at(q.X), y.at(q.Y)}
	}
	return out
}

// stroke joins points.
// Fewer than two points are no line.
func (c *canvas) stroke(drawn [][2]float64, color, dash string) {
	if len(drawn) < 2 {
		return
	}
	c.f(`<path d="%s" fill="none" stroke="%s" stroke-width="1.8"`, along(coarse(drawn, offLine)), color)
	if dash != "" {
		c.f(` stroke-dasharray="%s"`, dash)
	}
	c.f(`/>`)
}

// thin draws several lines as one path.
// Coarser than the line itself: they are there for their spread.
func (c *canvas) thin(lines [][]Point, x, y scale, color string) {
	var d strings.Builder
	for _, l := range lines {
		d.WriteString(along(coarse(drawn(l, x, y), 4*offLine)))
	}
	if d.Len() > 0 {
		c.f(`<path d="%s" fill="none" stroke="%s" stroke-width="0.7" stroke-opacity="0.6"/>`, d.String(), color)
	}
}

// offLine is how far from the line that is drawn a point may lie, in user units: less than anybody sees.
const offLine = 0.5

// simplified leaves out points that lie on the line between others (Douglas and Peucker): a page of ninety lines is half as large.
func simplified(points [][2]float64, most float64) [][2]float64 {
	if len(points) < 3 {
		return points
	}
	first, last := points[0], points[len(points)-1]
	dx, dy := last[0]-first[0], last[1]-first[1]
	length := math.Hypot(dx, dy)
	far, at := 0.0, 0
	for i, p := range points[1 : len(points)-1] {
		off := math.Hypot(p[0]-first[0], p[1]-first[1])
		if length > 0 {
			off = math.Abs(dy*(p[0]-first[0])-dx*(p[1]-first[1])) / length
		}
		if off > far {
			far, at = off, i+1
		}
	}
	if far <= most {
		return [][2]float64{first, last}
	}
	return append(simplified(points[:at+1:at+1], most), simplified(points[at:], most)[1:]...)
}

// coarse are the points that a line is told by: simplified to within a distance, and to half a unit.
// Half a unit is finer than the stroke is wide.
func coarse(points [][2]float64, most float64) [][2]float64 {
	out := slices.Clone(simplified(points, most))
	for i, p := range out {
		out[i] = [2]float64{math.Round(2*p[0]) / 2, math.Round(2*p[1]) / 2}
	}
	return out
}

// band fills what lies between the ends of a line's intervals.
func (c *canvas) band(s Series, x, y scale) {
	if !s.Band {
		return
	}
	var up, down [][2]float64
	flush := func() { // what has no interval is not bridged
		if slices.Reverse(down); len(up) > 1 {
			c.f(`<path d="%sZ" fill="%s" fill-opacity="0.13"/>`, along(append(coarse(up, offLine), coarse(down, offLine)...)), c.color(s.Slot))
		}
		up, down = nil, nil
	}
	for _, q := range s.Points {
		if q.Low == nil || q.High == nil {
			flush()
			continue
		}
		up = append(up, [2]float64{x.at(q.X), y.at(*q.High)})
		down = append(down, [2]float64{x.at(q.X), y.at(*q.Low)})
	}
	flush()
}

// marks draws places on the x axis, each with its label at the foot of the plot.
// Labels stand inside the plot: below it they would cover those of the ticks.
func (c *canvas) marks(all []Mark, box area, x scale) {
	soft := c.paint("--soft", soft)
	for _, m := range all {
		at := x.at(m.X)
		c.line(at, box.top, at, box.bottom, soft, ` stroke-dasharray="2 2"`)
		c.text(at+3, box.bottom-5, "start", soft, m.Label, ` font-size="11"`)
	}
}

// shade draws what lies within the bounds that were asked for.
func (c *canvas) shade(b *Box, box area, x, y scale) {
	if b == nil {
		return
	}
	right, bottom := min(x.at(b.X), box.right), box.bottom
	if b.Y > 0 {
		bottom = min(y.at(b.Y), box.bottom)
	}
	if right <= box.left || bottom <= box.top {
		return
	}
	c.f(`<rect x="%s" y="%s" width="%s" height="%s" fill="%s" fill-opacity="0.12"/>`, num(box.left), num(box.top), num(right-box.left), num(bottom-box.top), c.paint("--good", "#1b7a4b"))
	c.text(box.left+4, box.top+13, "start", c.paint("--good", "#1b7a4b"), b.Label, ` font-size="11"`)
}

// interval is a bar with two ends, in the colour of its line.
func (c *canvas) interval(x, low, high float64, color string) {
	c.f(`<path d="M%s %sh8m-4 0V%sm-4 0h8" stroke="%s" stroke-width="1.4" fill="none"/>`, num(x-4), num(low), num(high), color)
}

// directLabels writes names beside the ends of their lines, moved apart where they would touch.
// Down first, then up from the foot of the plot: with too many names they may leave it at the top.
func (c *canvas) directLabels(all []Series, y scale, box area) {
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
		need := textWidth(clip(s.Name, mostOfName)) + 40
		if used+need > width {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], s)
		used += need
	}
	return rows
}

// mostOfName is how many columns of a name fit into a row of the legend.
const mostOfName = 54

// legend draws each line as it is drawn above: colour, dash and marker.
func (c *canvas) legend(all []Series) {
	for i, row := range legend(all) {
		x, y := 8.0, height+16*float64(i)+8
		for _, s := range row {
			more := ` stroke-width="1.8"`
			if d := s.dash(); d != "" {
				more += ` stroke-dasharray="` + d + `"`
			}
			c.line(x, y-4, x+24, y-4, c.color(s.Slot), more)
			c.marker(x+12, y-4, s.Slot, "")
			name := clip(s.Name, mostOfName)
			c.text(x+29, y, "start", c.paint("--ink", ink), name, "")
			x += textWidth(name) + 40
		}
	}
}
