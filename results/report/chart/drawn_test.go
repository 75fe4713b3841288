package chart

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var number = regexp.MustCompile(`-?(?:\d+(?:\.\d+)?|\.\d+)`)

// points are those of a path, read as a browser reads them.
func points(t *testing.T, d string) (out [][2]float64) {
	t.Helper()
	for i, n := 0, number.FindAllString(d, -1); i < len(n); i += 2 {
		x, err1 := strconv.ParseFloat(n[i], 64)
		y, err2 := strconv.ParseFloat(n[i+1], 64)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if i > 0 {
			x, y = x+out[len(out)-1][0], y+out[len(out)-1][1]
		}
		out = append(out, [2]float64{x, y})
	}
	return out
}

// A path is told in steps: read back, each point is where it was, however many steps came before it.
func TestPathIsReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		var want [][2]float64
		for range 1 + r.IntN(300) {
			want = append(want, [2]float64{420 * r.Float64(), 272*r.Float64() - 20})
		}
		got := points(t, along(want))
		if len(got) != len(want) {
			t.Fatalf("%d points came back as %d: %s", len(want), len(got), along(want))
		}
		for i := range want {
			if math.Abs(got[i][0]-want[i][0]) > 0.051 || math.Abs(got[i][1]-want[i][1]) > 0.051 {
				t.Fatalf("point %d of %d: %v came back as %v", i, len(want), want[i], got[i])
			}
		}
	}
}

func TestNum(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.04: "0", -0.04: "0", 0.05: ".1", -0.5: "-.5", 10: "10", 100.25: "100.3", -7.96: "-8", math.Inf(1): "0"} {
		if got := num(v); got != want {
			t.Errorf("num(%v) = %s, want %s", v, got, want)
		}
	}
	if got := num(math.NaN()); got != "0" {
		t.Errorf("NaN is %s", got)
	}
}

// The parts of a bar stand end to end, as long as they are, and the number behind it is their sum.
func TestBarsAreAsLongAsTheyAre(t *testing.T) {
	b := Bars{Rows: []Bar{{"x", []Part{{"a", 10, "a 10 s"}, {"b", 30, "b 30 s"}, {"c", 23, ""}}}, {"y", []Part{{"b", 6, ""}}}}}
	svg := b.SVG(Style{})
	wellFormed(t, svg)
	var got []string
	at, unit := 0.0, 0.0
	for _, m := range regexp.MustCompile(`<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="15"`).FindAllStringSubmatch(svg, -1) {
		x, _ := strconv.ParseFloat(m[1], 64)
		wide, _ := strconv.ParseFloat(m[3], 64)
		if unit == 0 {
			unit = wide / 10
		} else if x > 9 && math.Abs(x-at) > 0.11 {
			t.Errorf("a part begins at %v, the one before it ends at %v", x, at)
		}
		got, at = append(got, fmt.Sprintf("%.0f", wide/unit)), x+wide
	}
	if !slices.Equal(got, []string{"10", "30", "23", "6"}) || !strings.Contains(svg, ">63</text>") || !strings.Contains(svg, ">6</text>") || !strings.Contains(svg, "<title>b 30 s</title>") {
		t.Errorf("parts of %v: %s", got, svg)
	}
}

// Each line is named once: beside its end where names are short and few, none over another, else in the legend.
func TestEachLineIsNamed(t *testing.T) {
	for _, c := range []struct {
		names  []string
		direct bool
	}{{[]string{"a", "b", "c", "d", "e", "f"}, true}, {[]string{"a", "b", "c", "d", "e", "f", "g"}, false}, {[]string{"a", "a platform of a long name"}, false}} {
		var p Plot
		for i, name := range c.names {
			p.Series = append(p.Series, Series{Name: name, Slot: i, Points: []Point{{X: 0, Y: 0}, {X: 1, Y: 1}}}) // all end at one place
		}
		svg := p.SVG(Style{})
		wellFormed(t, svg)
		var heights []float64
		for _, name := range c.names {
			m := regexp.MustCompile(`<text x="[\d.]+" y="([\d.]+)"([^>]*)>`+name+`</text>`).FindAllStringSubmatch(svg, -1)
			if len(m) != 1 || strings.Contains(m[0][2], "font-weight") != c.direct {
				t.Fatalf("%q of %d stands %d times, beside its line: want %v\n%s", name, len(c.names), len(m), c.direct, svg)
			}
			y, _ := strconv.ParseFloat(m[0][1], 64)
			heights = append(heights, y)
		}
		slices.Sort(heights)
		for i := 1; c.direct && i < len(heights); i++ {
			if heights[i]-heights[i-1] < 13 {
				t.Errorf("names at %v", heights)
			}
		}
	}
	looks := map[string]bool{}
	for slot := range 8 {
		c := newCanvas(Style{Static: true}, "", 1)
		looks[c.color(slot)+dashes[slot]] = true
	}
	if len(looks) != 8 {
		t.Errorf("8 lines have %d looks", len(looks))
	}
}

// The labels of the upright axis have room, however long.
func TestLongLabelsOfTheAxis(t *testing.T) {
	for _, label := range []string{"4", "400 days", "400,000 days"} {
		p := Plot{Y: Axis{Format: func(float64) string { return label }}, Series: []Series{{Name: "a", Points: []Point{{X: 0, Y: 0}, {X: 1, Y: 1}}}}}
		m := regexp.MustCompile(`<text x="([\d.]+)" y="[\d.]+"[^>]*>` + label + `</text>`).FindStringSubmatch(p.SVG(Style{}))
		if m == nil {
			t.Fatal("no label")
		}
		if x, _ := strconv.ParseFloat(m[1], 64); x < textWidth(label) { // its end: they are set to the right
			t.Errorf("%q ends at %v and is %v wide", label, x, textWidth(label))
		}
	}
}

// A curve that never reaches its end goes on at its height, to the end of the axis.
func TestPlateau(t *testing.T) {
	one := 1.0
	p := Plot{X: Axis{Log: true}, Y: Axis{Zero: true, Max: &one}, Series: []Series{{Name: "long names have a legend", Level: true, Points: []Point{{X: 1, Y: 0.2}, {X: 5, Y: 0.6}}}, {Name: "b", Points: []Point{{X: 1, Y: 0.1}, {X: 100, Y: 1}}}}}
	svg := p.SVG(Style{})
	m := regexp.MustCompile(`<path d="([^"]*)"[^>]*stroke-dasharray="1.5 4"`).FindStringSubmatch(svg)
	if m == nil {
		t.Fatal("no plateau")
	}
	ends := points(t, m[1])
	y := 24 + (height-42-24)*(1-0.6) // from the top of the plot to its foot
	if len(ends) != 2 || math.Abs(ends[0][1]-y) > 0.2 || ends[0][1] != ends[1][1] || math.Abs(ends[1][0]-(width-14)) > 0.2 || ends[0][0] >= ends[1][0] {
		t.Errorf("it is drawn from %v to %v, want the height %v", ends[0], ends[1], y)
	}
}

// What lies beyond an axis is drawn at its end, in its own panel; the busiest times of two panels are not one line.
func TestPanelsKeepToThemselves(t *testing.T) {
	one := 1.0
	p := Panels{Times: []float64{0, 1, 2}, Rows: []Panel{{Label: "a", Lines: []Line{{Values: []float64{0, 1, 2}}}}, {Label: "b", Max: &one, Lines: []Line{{Values: []float64{0.5, 40, -3}}}}}}
	lines := regexp.MustCompile(`<path d="([^"]*)" fill="none"`).FindAllStringSubmatch(p.SVG(Style{}), -1)
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, m := range lines {
		top := 20 + panelHeight*float64(i)
		for _, at := range points(t, m[1]) {
			if at[1] < top || at[1] > top+panelHeight {
				t.Errorf("panel %d, from %v to %v, has a point at %v", i, top, top+panelHeight, at)
			}
		}
	}
}

// Eight series have eight marks that differ without colour, for grey paper and for who sees no colours.
func TestMarkersDifferWithoutColour(t *testing.T) {
	seen := map[string]int{}
	for slot := range colors {
		c := newCanvas(Style{Static: true}, "", 10)
		c.marker(5, 5, slot, "")
		mark := strings.ReplaceAll(c.String(), colors[slot], "")
		if before, twice := seen[mark]; twice {
			t.Errorf("%d is marked as %d: %s", slot, before, mark)
		}
		seen[mark] = slot
	}
}
