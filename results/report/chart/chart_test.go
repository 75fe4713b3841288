package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// wellFormed reads a whole SVG as XML.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the SVG is no XML: %v\n%s", err, svg)
		}
	}
}

func at(v float64) *float64 { return &v }

func TestPlotEscapesAndIsWellFormed(t *testing.T) {
	p := Plot{Title: `<script>alert(1)</script>`, X: Axis{Label: "batch & size", Log: true, Ticks: []float64{10, 50}}, Y: Axis{Label: "tok/s", Zero: true},
		Series: []Series{{Name: `"><img>`, Marks: true, Points: []Point{{X: 10, Y: 5, Low: at(4), High: at(6), Note: "<b>"}, {X: 50, Y: 9}}}, {Name: "alone", Slot: 1, Points: []Point{{X: 10, Y: math.NaN()}}}}}
	for _, s := range []Style{{}, {Static: true, Watermark: "SIMULATED"}} {
		svg := p.SVG(s)
		wellFormed(t, svg)
		if strings.Contains(svg, "<script") || strings.Contains(svg, "<img") || strings.Contains(svg, "NaN") {
			t.Errorf("not escaped: %s", svg)
		}
		if s.Static == strings.Contains(svg, "var(--") {
			t.Errorf("static %v, but variables: %v", s.Static, !s.Static)
		}
		if strings.Contains(svg, "SIMULATED") != (s.Watermark != "") {
			t.Error("the watermark is not as asked")
		}
	}
}

func TestBarsNumberTheirParts(t *testing.T) {
	b := Bars{X: Axis{Label: "s"}, Rows: []Bar{
		{"a", []Part{{"spawn", 1, ""}, {"weights", 20, ""}}}, {"b", []Part{{"spawn", 2, ""}, {"compile", 9, ""}, {"weights", 3, ""}}}}}
	if got := b.names(); !slices.Equal(got, []string{"spawn", "compile", "weights"}) {
		t.Errorf("names in the order of a launch: %v", got)
	}
	wellFormed(t, b.SVG(Style{}))
	wellFormed(t, Bars{}.SVG(Style{Static: true}))
	wellFormed(t, Plot{}.SVG(Style{}))
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		axis   Axis
		values []float64
		want   []float64
	}{
		{Axis{Zero: true}, []float64{0, 97}, []float64{0, 50, 100}},
		{Axis{Zero: true}, []float64{2300}, []float64{0, 1000, 2000, 3000}},
		{Axis{Zero: true}, []float64{0}, []float64{0, .5, 1}},
		{Axis{Log: true}, []float64{0.003, 40}, []float64{.001, .01, .1, 1, 10, 100}},
		{Axis{Log: true}, []float64{3, 18}, []float64{2, 5, 10, 20}},
		{Axis{Log: true}, nil, []float64{1, 2, 5, 10}},
	} {
		_, got := c.axis.fit(c.values, 0, 100)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9*max(1, b) }) {
			t.Errorf("ticks of %v: %v, want %v", c.values, got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.25: "0.25", 500: "500", 5000: "5,000", 12500: "12.5k", 200000: "200k", 2e6: "2M"} {
		if got := Short(v); got != want {
			t.Errorf("Short(%v) = %s, want %s", v, got, want)
		}
	}
}
