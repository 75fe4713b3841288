package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"matrix/results/decision"
)

// Lines that weave around each other are a tie and cross nowhere; one that takes the lead and keeps it crosses once, where it
// first was ahead.
func TestCrossings(t *testing.T) {
	curve := func(name string, of func(n float64) float64) decision.Curve {
		c := decision.Curve{Contender: name}
		for k := range 41 {
			n := math.Round(10 * math.Pow(10, float64(k)/10))
			p := decision.CurvePoint{Requests: int64(n)}
			p.Seconds = of(n)
			c.Points = append(c.Points, p)
		}
		return c
	}
	line := func(load, rate float64) func(float64) float64 {
		return func(n float64) float64 { return load + n/rate }
	}
	for _, c := range []struct {
		name   string
		curves []decision.Curve
		want   string
	}{
		{"alone", []decision.Curve{curve("a", line(1, 1))}, "[]"},
		{"twins that weave by 2%", []decision.Curve{curve("a", line(5, 10)), curve("b", func(n float64) float64 { return line(5, 10)(n) * (1 + 0.02*math.Sin(9*math.Log(n))) })}, "[]"},
		{"the stronger loads longer", []decision.Curve{curve("a", line(1, 1)), curve("b", line(101, 2))}, "[{200 a b}]"},
		{"a third in between", []decision.Curve{curve("a", line(1, 1)), curve("b", line(51, 2)), curve("c", line(1051, 20))}, "[{100 a b} {2200 b c}]"},
	} {
		got := crossingsOf(c.curves)
		for i := range got {
			got[i].at = math.Round(got[i].at/100) * 100 // a curve has eight points a decade
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// The box has an interval where there is one that tells something: not of a launch that was not repeated, not from 1 s to an hour.
func TestBoxHasUsefulIntervals(t *testing.T) {
	c := decision.Curve{Contender: "a"}
	for i, of := range []decision.Time{{Seconds: 10.00049, Low: 9, High: 11.12345, Cost: new(1.23456), Measured: true}, {Seconds: 60, Low: 1, High: 3600}, {Seconds: 70, Low: 60, High: 80, Assumed: true}} {
		c.Points = append(c.Points, decision.CurvePoint{Requests: int64(i + 1), Time: of})
	}
	const want = `[{"name":"a","from":1,"beyond":1,"n":[1,2,3],"t":[10,60,70],"low":[9,null,null],"high":[11.12,null,null],"cost":[1.235,null,null]}]`
	if got := string(curvesJSON([]decision.Curve{c})); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	g := decision.Group{Questions: []decision.Question{{}}}
	for i, p := range (board{&maker{}}).lines(g, []decision.Curve{c}, func(p decision.CurvePoint) *float64 { return &p.Seconds }, true, three)[0].Points {
		if (p.Low != nil) != (i == 0) {
			t.Errorf("point %d has the band %v", i, p.Low)
		}
	}
}

// Where lines cross is said of the lines, and not that one is faster: that is a verdict.
func TestCrossingIsOfLines(t *testing.T) {
	g := decision.Group{Questions: []decision.Question{{Answer: decision.Answer{Requests: 5000, Counts: "requests"}}}}
	if got := horizonAlt(g, []crossing{{137, "a", "b"}}); !strings.HasSuffix(got, " From about 137 requests on the line of b is below that of a.") {
		t.Error(got)
	}
}
