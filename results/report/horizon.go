package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"matrix/results/decision"
	"matrix/results/report/chart"
	"matrix/results/report/document"
)

// horizon is the time to finish over the number of requests, a line a contender, with its cost and energy as other views. Marks
// are what was measured; a line is solid between them, and dashed beside them.
// Both axes are logarithmic: platforms differ by factors, and so do 5,000 and 200,000 requests. Nil where nothing could
// be projected.
func (m board) horizon(g decision.Group) *Figure {
	// They stand best first: who is left out has a row in the table.
	curves, not := firstOf(g.Curves())
	if len(curves) == 0 {
		return nil
	}
	title := titleOf(g.Name)
	f := &Figure{ID: slug("horizon", title), Title: title + ": time to finish, load included", Wide: true,
		Note: "Marks were measured, and a line is solid between them; dashed is projected. The band is what 95% of single runs stay within." + not}
	crossings := crossingsOf(curves)
	f.Alt = horizonAlt(g, crossings)
	marks := make([]chart.Mark, len(crossings))
	for i, c := range crossings {
		marks[i] = chart.Mark{X: c.at, Label: "≈ " + whole(c.at)}
	}
	x := chart.Axis{Label: g.Questions[0].Counts + " (log scale)", Log: true}
	// One maker for time, cost and energy: they differ in their y axis alone.
	line := func(label string, ticks []float64, word func(float64) string, of func(decision.CurvePoint) *float64, band bool) chart.Chart {
		return chart.Plot{Title: f.Alt, X: x, Y: chart.Axis{Label: label, Log: true, Format: word, Ticks: ticks}, Series: m.lines(g, curves, of, band, word), Marks: marks}
	}
	f.Chart = line("time to finish (log scale)", clock(curves), clockTick, func(p decision.CurvePoint) *float64 { return &p.Seconds }, true)
	marks = nil // they are of the time
	// A view with one contender's cost alone would look like a comparison: all or none.
	if known(curves, func(p decision.CurvePoint) *float64 { return p.Cost }) {
		f.Views = append(f.Views, document.View{Name: "cost", Chart: line(strings.TrimSpace("cost, "+m.Decision.Currency), nil, three, func(p decision.CurvePoint) *float64 { return p.Cost }, false)})
	}
	if known(curves, func(p decision.CurvePoint) *float64 { return kilowattHours(p.EnergyJ) }) {
		f.Views = append(f.Views, document.View{Name: "energy", Chart: line("energy of the GPU, kWh", nil, three, func(p decision.CurvePoint) *float64 { return kilowattHours(p.EnergyJ) }, false)})
	}
	f.Curves = curvesJSON(curves)
	for _, s := range g.Questions[len(g.Questions)-1].Standings {
		for _, from := range s.Sources {
			if c := m.cellAt(from.Cell); c != nil {
				f.Source = append(f.Source, Span{Text: map[bool]string{true: ", "}[len(f.Source) > 0]}, Span{Text: c.Name, Anchor: anchor(c)})
			}
		}
	}
	return f
}

// clockTicks are the times that an axis names, with their words.
// Powers of ten are no times that people think in.
var clockTicks = []struct {
	seconds float64
	word    string
}{{1, "1 s"}, {10, "10 s"}, {60, "1 min"}, {600, "10 min"}, {3600, "1 h"}, {10 * 3600, "10 h"}, {4 * 86400, "4 days"}, {40 * 86400, "40 days"}, {400 * 86400, "400 days"}}

func clockTick(seconds float64) string {
	for _, t := range clockTicks {
		if t.seconds == seconds {
			return t.word
		}
	}
	return decision.Span(seconds)
}

// clock are the ticks around what the curves take.
// One tick beyond either end, so that the curves lie between names.
func clock(curves []decision.Curve) []float64 {
	low, high := math.Inf(1), 0.0
	for _, c := range curves {
		for _, p := range c.Points {
			low, high = min(low, p.Seconds), max(high, p.Seconds)
		}
	}
	var out []float64
	// A tick counts where its neighbour on the far side still lies within.
	for i, t := range clockTicks {
		next := math.Inf(1)
		if i+1 < len(clockTicks) {
			next = clockTicks[i+1].seconds
		}
		if next > low && (i == 0 || clockTicks[i-1].seconds < high) {
			out = append(out, t.seconds)
		}
	}
	return out
}

// 3.6 MJ are one kWh; nil stays nil.
func kilowattHours(joules *float64) *float64 {
	if joules == nil {
		return nil
	}
	x := *joules / 3.6e6
	return &x
}

// known reports that every curve has a figure somewhere.
func known(curves []decision.Curve, of func(decision.CurvePoint) *float64) bool {
	return !slices.ContainsFunc(curves, func(c decision.Curve) bool {
		return !slices.ContainsFunc(c.Points, func(p decision.CurvePoint) bool { return of(p) != nil })
	})
}

// lines are the curves as a chart's series.
func (m board) lines(g decision.Group, curves []decision.Curve, of func(decision.CurvePoint) *float64, band bool, word func(float64) string) []chart.Series {
	var out []chart.Series
	for i, c := range curves {
		s := chart.Series{Name: c.Contender, Slot: m.slotOf(g, c.Contender, i), Band: band, Beyond: true}
		for _, p := range c.Points {
			v := of(p)
			if v == nil {
				continue
			}
			q := chart.Point{X: float64(p.Requests), Y: *v}
			if band {
				q.Low, q.High = p.Interval()
			}
			s.Points = append(s.Points, q)
			if p.Measured {
				q.Note = fmt.Sprintf("%s, %s requests\n%s, measured", c.Contender, whole(q.X), word(*v))
				s.Tips = append(s.Tips, q)
			}
		}
		out = append(out, s)
	}
	return out
}

// slotOf is the colour of a contender: that of its cells in every other chart.
// otherwise is for contenders of which the tree has no cells.
func (m board) slotOf(g decision.Group, contender string, otherwise int) int {
	for _, s := range g.Questions[0].Standings {
		for _, from := range s.Sources {
			c := m.cellAt(from.Cell)
			if c == nil || s.Contender != contender {
				continue
			}
			for _, group := range m.groups {
				if _, there := group.name[c]; there {
					return group.slot(c)
				}
			}
		}
	}
	return otherwise
}

// crossing is where the line of one contender crosses that of another, both before all others.
type crossing struct {
	at            float64 // requests, between two points of the curves
	before, after string
}

// equal is how far apart two times may lie and still be a tie, by the verdict's own measure.
const equal = 1.05

// crossingsOf are the numbers of requests at which another contender becomes the fastest. Lines that weave within a tie cross
// all the time: one counts as faster once it is so by more than that, and then from where it crossed.
// The points of all curves are at the same numbers of requests.
func crossingsOf(curves []decision.Curve) []crossing {
	var out []crossing
	var leader decision.Curve
	crossed := 0.0
	for i, p := range curves[0].Points {
		best := slices.MinFunc(curves, func(a, b decision.Curve) int { return cmp.Compare(secondsAt(a, p.Requests), secondsAt(b, p.Requests)) })
		lost, won := secondsAt(leader, p.Requests), secondsAt(best, p.Requests)
		switch {
		case i == 0:
			leader = best
		case lost <= won:
			crossed = 0
		case crossed == 0:
			crossed = math.Sqrt(float64(curves[0].Points[i-1].Requests) * float64(p.Requests))
		}
		if i > 0 && lost > equal*won {
			out = append(out, crossing{crossed, leader.Contender, best.Contender})
			// from here on others must beat the new one
			leader, crossed = best, 0
		}
	}
	return out
}

// secondsAt reads a curve, by ratio between its points.
// Straight in both logarithms, as the line is drawn; +∞ beyond its last point and before its first, so it never leads
// there.
func secondsAt(c decision.Curve, n int64) float64 {
	for i, p := range c.Points {
		switch {
		case p.Requests == n:
			return p.Seconds
		case p.Requests > n && i > 0:
			before := c.Points[i-1]
			share := math.Log(float64(n)/float64(before.Requests)) / math.Log(float64(p.Requests)/float64(before.Requests))
			return before.Seconds * math.Pow(p.Seconds/before.Seconds, share)
		}
	}
	return math.Inf(1)
}

// horizonAlt tells the chart in words.
// Those that are out of the decision are not in it, as they are not in the verdict. Where lines cross is said of the lines: whether
// launches show it is the verdict's.
func horizonAlt(g decision.Group, crossings []crossing) string {
	var parts []string
	for _, s := range g.Questions[len(g.Questions)-1].Standings {
		if s.Time != nil && s.Rank > 0 {
			parts = append(parts, s.Contender+" "+decision.Span(s.Time.Seconds))
		}
	}
	text := fmt.Sprintf("Time to finish over the number of %s. For %s: %s.", g.Questions[0].Counts, whole(float64(g.Questions[len(g.Questions)-1].Requests)), strings.Join(parts, ", "))
	for _, c := range crossings {
		text += fmt.Sprintf(" From about %s requests on the line of %s is below that of %s.", whole(c.at), c.after, c.before)
	}
	return text
}

// curvesJSON is what the box for a number of requests reads: of each contender its numbers of requests, seconds, ends, cost, J.
// Columns, not points: a third of the bytes. The page's script reads between them as secondsAt does.
func curvesJSON(curves []decision.Curve) json.RawMessage {
	type line struct {
		Name   string     `json:"name"`
		From   int64      `json:"from"`   // the smallest number of requests that was measured; 0 = none was
		Beyond int64      `json:"beyond"` // the largest
		N      []int64    `json:"n"`
		T      []float64  `json:"t"`
		Low    []*float64 `json:"low"` // nil = no launch was repeated, or the interval tells nothing
		High   []*float64 `json:"high"`
		Cost   []*float64 `json:"cost,omitempty"` // absent: no price
		J      []*float64 `json:"j,omitempty"`
	}
	var out []line
	for _, c := range curves {
		l := line{Name: c.Contender}
		for _, p := range c.Points {
			if p.Measured {
				l.From, l.Beyond = cmp.Or(l.From, p.Requests), p.Requests
			}
			// pointers, for JSON has no word for "no interval" but null
			low, high := p.Interval()
			l.N, l.T, l.Low, l.High = append(l.N, p.Requests), append(l.T, short(p.Seconds)), append(l.Low, shortly(low)), append(l.High, shortly(high))
			l.Cost, l.J = append(l.Cost, shortly(p.Cost)), append(l.J, shortly(p.EnergyJ))
		}
		// what nobody knows of any number is left out: it would be a third of the bytes
		for _, all := range []*[]*float64{&l.Cost, &l.J} {
			if !slices.ContainsFunc(*all, func(x *float64) bool { return x != nil }) {
				*all = nil
			}
		}
		out = append(out, l)
	}
	doc, err := json.Marshal(out)
	if err != nil {
		return nil // numbers and names: always valid
	}
	return doc
}

// short has four digits: as many as a page shows, and one.
func short(x float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 64)
	if err != nil {
		return x // not to be had: it was written by the line above
	}
	return short
}

// shortly keeps nil: the script shows nothing where nothing is known.
func shortly(x *float64) *float64 {
	if x == nil {
		return nil
	}
	return new(short(*x))
}
