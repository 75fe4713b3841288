package chart

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// No line is drawn over a gap in the samples: what nobody saw is not made up.
func TestPanelsBreakAtGaps(t *testing.T) {
	nan := math.NaN()
	draw := func(values ...float64) string {
		svg := Panels{Title: "t", Times: []float64{0, 1, 2, 30, 60, 61, 62}, Rows: []Panel{{Label: "p", Lines: []Line{{Values: values}}}}}.SVG(Style{})
		wellFormed(t, svg)
		return svg
	}
	if whole, broken := strings.Count(draw(1, 2, 1, 2, 1, 2, 1), `fill="none"`), strings.Count(draw(1, 2, 1, nan, 1, 2, 1), `fill="none"`); whole != 1 || broken != 2 {
		t.Errorf("%d lines without a gap, %d with one: want 1 and 2", whole, broken)
	}
	if alone := draw(1, nan, 3, nan, 4, nan, nan); strings.Contains(alone, `fill="none"`) || strings.Count(alone, "<circle") != 3 {
		t.Errorf("samples far from each other are dots: %s", alone)
	}
}

// A long line is drawn from half its points, with its peaks and its gaps; the data that it was drawn from stay.
func TestHalved(t *testing.T) {
	nan := math.NaN()
	p := Panels{Times: []float64{0, 1, 2, 3, 4, 5, 6}, Rows: []Panel{{Lines: []Line{{Values: []float64{1, 9, 2, nan, nan, 4, 5}}}}}}
	got := p.halved()
	if want := "[0 2 4 6] [9 NaN NaN 5]"; fmt.Sprint(got.Times, got.Rows[0].Lines[0].Values) != want || p.Rows[0].Lines[0].Values[0] != 1 || len(p.Times) != 7 {
		t.Errorf("%v, want %s", got, want)
	}
}

// What the page's script reads is what was drawn, to a 4,000th of the range; what nobody saw stays so.
func TestPacked(t *testing.T) {
	values := []float64{-3, math.NaN(), 1e9, 12345678, math.NaN()}
	p := pack(values)
	raw, err := base64.StdEncoding.DecodeString(p.Data)
	if err != nil || len(raw) != (3*len(values)+1)/2 {
		t.Fatalf("%v, %d bytes", err, len(raw))
	}
	for i, want := range values {
		at := binary.BigEndian.Uint16(raw[3*i/2:])
		if at &= 4095; i%2 == 0 {
			at = binary.BigEndian.Uint16(raw[3*i/2:]) >> 4
		}
		if got := p.Low + (p.High-p.Low)*float64(at)/4094; math.IsNaN(want) != (at == 4095) || math.Abs(got-want) > 1e9/4094 {
			t.Errorf("%v came back as %v", want, got)
		}
	}
	if flat := pack([]float64{5, 5}); flat.Low != 5 || flat.High != 5 || flat.Data != "AAAA" {
		t.Errorf("%+v", flat)
	}
}

// Where the clock was held down is marked along the foot of its panel, and said.
func TestStretches(t *testing.T) {
	svg := Panels{Times: []float64{0, 100}, Rows: []Panel{{Lines: []Line{{Values: []float64{1, 1}}}, Marks: []Stretches{{"too <hot>", true, [][2]float64{{10, 20}, {60, 70}}}, {"at the limit", false, [][2]float64{{30, 200}}}}}}}.SVG(Style{})
	wellFormed(t, svg)
	if !strings.Contains(svg, "too &lt;hot&gt;") || !strings.Contains(svg, "--bad") || !strings.Contains(svg, "--warn") {
		t.Error(svg)
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
	svg := Panels{Bands: []Band{{"load", -100, -10, 0.2}, {"warm-up", -10, -10, 0.1}, {"measure", 0, 100, 0.05}}, Times: []float64{-100, 100}, Rows: []Panel{{Lines: []Line{{Values: []float64{1, 2}}}}}}.SVG(Style{Watermark: "SIMULATED"})
	wellFormed(t, svg)
	if strings.Count(svg, "fill-opacity=\"0.20\"")+strings.Count(svg, "fill-opacity=\"0.05\"") != 2 || strings.Contains(svg, "warm-up") || !strings.Contains(svg, "SIMULATED") {
		t.Error(svg)
	}
}

// Only what was not measured is dashed, whichever line it is, and the band reaches from the low ends to the high ones.
func TestHorizonIsDashedBeyond(t *testing.T) {
	series := Series{Name: "a", Slot: 1, Band: true, Beyond: true}
	for _, x := range []float64{1, 10, 100, 1000} {
		series.Points = append(series.Points, Point{X: x, Y: x, Low: at(x / 2), High: at(2 * x)})
	}
	for _, c := range []struct{ measured, dashed, solid int }{{4, 0, 1}, {2, 1, 1}, {1, 1, 0}, {0, 1, 0}} {
		for _, from := range slices.Compact([]int{0, min(1, 4-c.measured)}) {
			series.Tips = series.Points[from : from+c.measured]
			plot := Plot{X: Axis{Log: true}, Y: Axis{Log: true}, Series: []Series{series}, Marks: []Mark{{50, "≈ 50 <"}}, Shade: &Box{X: 10, Label: "slo"}}
			svg := plot.SVG(Style{})
			wellFormed(t, svg)
			dashed := c.dashed
			if from > 0 && c.measured > 0 { // on both sides
				dashed = 2
			}
			if strings.Count(svg, `stroke-width="1.8" stroke-dasharray="1.5 4"`) != dashed || strings.Count(svg, `stroke-width="1.8"/>`) != c.solid || strings.Contains(svg, dashes[1]) {
				t.Errorf("%d measured from %d on: %s", c.measured, from, svg)
			}
			if strings.Count(svg, "Z\"") != 1 || !strings.Contains(svg, "≈ 50 &lt;") || !strings.Contains(svg, "slo") {
				t.Error(svg)
			}
		}
	}
}

// A band ends where the interval does, and begins anew behind: what nobody knows is not filled.
func TestBandIsNotBridged(t *testing.T) {
	series := Series{Name: "a", Band: true}
	for i, x := range []float64{1, 2, 4, 8, 16, 32} {
		p := Point{X: x, Y: x}
		if i != 2 {
			p.Low, p.High = at(x/2), at(2*x)
		}
		series.Points = append(series.Points, p)
	}
	if n := strings.Count((Plot{Series: []Series{series}}).SVG(Style{}), "Z\""); n != 2 {
		t.Errorf("%d bands with a gap between them, want 2", n)
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
	if got := simplified(straight, offLine); len(got) != 2 || got[1] != straight[99] {
		t.Errorf("%v", got)
	}
	if got := simplified(peaked, offLine); len(got) != 5 || got[2] != peaked[40] {
		t.Errorf("%v", got)
	}
	loop := [][2]float64{{0, 0}, {5, 5}, {0, 0}} // ends where it began
	if got := simplified(loop, offLine); len(got) != 3 {
		t.Errorf("%v", got)
	}
}
