package chart

import (
	"strings"
	"testing"
)

func points(xs ...float64) []Point {
	var out []Point
	for _, x := range xs {
		out = append(out, Point{X: x, Y: x * x})
	}
	return out
}

// No line is drawn over a gap in the samples: what nobody saw is not made up.
func TestPanelsBreakAtGaps(t *testing.T) {
	draw := func(gap float64) string {
		svg := Panels{Title: "t", Rows: []Panel{{Label: "p", Gap: gap, Lines: []Series{{Points: points(0, 1, 2, 3, 60, 61, 62)}}}}}.SVG(Style{})
		wellFormed(t, svg)
		return svg
	}
	if whole, broken := strings.Count(draw(0), `fill="none"`), strings.Count(draw(3), `fill="none"`); whole != 1 || broken != 2 {
		t.Errorf("%d lines without a gap, %d with one: want 1 and 2", whole, broken)
	}
	alone := Panels{Rows: []Panel{{Gap: 3, Lines: []Series{{Points: points(0, 60, 120)}}}}}.SVG(Style{})
	if strings.Contains(alone, `fill="none"`) || strings.Count(alone, "<circle") != 3 {
		t.Errorf("samples far from each other are dots: %s", alone)
	}
}

func TestGapIsThreeTimesTheUsual(t *testing.T) {
	if got := Gap([]float64{0, 1, 2, 3, 50}); got != 3 {
		t.Errorf("%v", got)
	}
	if got := Gap([]float64{7}); got != 0 {
		t.Errorf("of one sample: %v", got)
	}
}

// A band is as long as its phase, and one of no length is none.
func TestBands(t *testing.T) {
	svg := Panels{Bands: []Band{{"load", -100, -10, 0.2}, {"warm-up", -10, -10, 0.1}, {"measure", 0, 100, 0.05}}, Rows: []Panel{{Lines: []Series{{Points: points(-100, 100)}}}}}.SVG(Style{Watermark: "SIMULATED"})
	wellFormed(t, svg)
	if strings.Count(svg, "fill-opacity=\"0.20\"")+strings.Count(svg, "fill-opacity=\"0.05\"") != 2 || strings.Contains(svg, "warm-up") || !strings.Contains(svg, "SIMULATED") {
		t.Error(svg)
	}
}

// What is beyond the last solid point is dotted, and the band reaches from the low ends to the high ones.
func TestHorizonIsDashedBeyond(t *testing.T) {
	series := Series{Name: "a", Band: true, Solid: 2}
	for _, x := range []float64{1, 10, 100, 1000} {
		series.Points = append(series.Points, Point{X: x, Y: x, Low: at(x / 2), High: at(2 * x)})
	}
	plot := Plot{X: Axis{Log: true}, Y: Axis{Log: true}, Series: []Series{series}, Marks: []Mark{{50, "≈ 50 <"}}, Shade: &Box{X: 10, Label: "slo"}}
	svg := plot.SVG(Style{})
	wellFormed(t, svg)
	if strings.Count(svg, `stroke-dasharray="1.5 4"`) != 1 || strings.Count(svg, "Z\"") != 1 || !strings.Contains(svg, "≈ 50 &lt;") || !strings.Contains(svg, "slo") {
		t.Error(svg)
	}
	series.Solid = 0
	plot.Series = []Series{series}
	if svg := plot.SVG(Style{}); strings.Contains(svg, `stroke-dasharray="1.5 4"`) {
		t.Error("all was measured, and something is dotted")
	}
}

// A line loses no peak by being simplified, and a straight one keeps its ends alone.
func TestSimplified(t *testing.T) {
	var straight, peaked [][2]float64
	for i := range 100 {
		straight = append(straight, [2]float64{float64(i), 2 * float64(i)})
		y := 0.0
		if i == 40 {
			y = 9
		}
		peaked = append(peaked, [2]float64{float64(i), y})
	}
	if got := simplified(straight); len(got) != 2 || got[1] != straight[99] {
		t.Errorf("%v", got)
	}
	if got := simplified(peaked); len(got) != 5 || got[2] != peaked[40] {
		t.Errorf("%v", got)
	}
	loop := [][2]float64{{0, 0}, {5, 5}, {0, 0}} // ends where it began
	if got := simplified(loop); len(got) != 3 {
		t.Errorf("%v", got)
	}
}
