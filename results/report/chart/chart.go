// Package chart draws the report's charts as SVG: lines with intervals, distributions, series over time, stacked bars.
// A chart takes its colours from the page's CSS variables, or is static, for a file that must look the same anywhere.
// Series differ by marker and dash as well as by colour.
package chart

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"matrix/experiments/wording"
)

// Style says where a chart will stand.
type Style struct {
	Static    bool   // colours in the file, on white, instead of the page's CSS variables
	Watermark string // across the plot; "" = none
}

// Chart is anything that can be drawn. The SVG is self-contained and all text in it is escaped.
// Drawing never fails: what cannot be drawn is left out.
type Chart interface{ SVG(Style) string }

// Size in user units. Charts are drawn for a column of about 420 pixels, so that text stays readable on a phone.
const (
	width  = 420.0
	height = 272.0
)

// colors of the series on a white ground, each at least 4.5:1; the page's variables --c0 … replace them.
var colors = []string{"#1c66a8", "#b4500a", "#1b7a4b", "#7546b0", "#b02347", "#0a737b", "#75591a", "#555b66"}

// dashes tell series apart without colour.
// As many as colours, so both repeat together, and no two of the first eight are alike.
var dashes = []string{"", "7 3", "2 3", "9 3 2 3", "4 2", "12 4", "1 2", "6 2 1 2 1 2"}

// Static charts have these; in a page its variables stand.
const (
	ink  = "#1b1f24"
	soft = "#59636e"
	grid = "#d8dee4"
)

// canvas collects one SVG.
// Coordinates are user units, y downwards.
type canvas struct {
	strings.Builder
	style Style   // of all that is drawn on it
	h     float64 // height; the width is always the same
}

// newCanvas opens the SVG; end closes it. The static one names its own background, for an SVG has none.
func newCanvas(s Style, title string, h float64) *canvas {
	c := &canvas{style: s, h: h}
	if s.Static {
		c.f(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" font-family="system-ui, sans-serif" font-size="12" stroke-linejoin="round" fill="%s">`, num(width), num(h), ink)
		c.f(`<title>%s</title><rect width="100%%" height="100%%" fill="#ffffff"/>`, escape(title))
		return c
	}
	// The page around it tells what it shows, in words, and has the style that all of them share.
	c.f(`<svg viewBox="0 0 %s %s" aria-hidden="true">`, num(width), num(h))
	return c
}

// escape is text as it may stand in a drawing: of others' labels, too.
func escape(text string) string { return html.EscapeString(wording.Printable(text)) }

func (c *canvas) f(format string, args ...any) { fmt.Fprintf(&c.Builder, format, args...) }

// end writes the watermark last, so that it lies over everything.
func (c *canvas) end(plotMidX, plotMidY float64) string {
	if c.style.Watermark != "" {
		look := ` class="watermark"`
		if c.style.Static {
			look = ` text-anchor="middle" font-size="44" font-weight="700" letter-spacing="3" fill="#b02347" fill-opacity="0.22"`
		}
		c.f(`<text x="%s" y="%s" transform="rotate(-18 %s %s)"%s>%s</text>`, num(plotMidX), num(plotMidY), num(plotMidX), num(plotMidY), look, escape(c.style.Watermark))
	}
	c.WriteString("</svg>")
	return c.String()
}

// paint is a page's variable, or its fixed value in a static chart.
func (c *canvas) paint(variable, fixed string) string {
	if c.style.Static {
		return fixed
	}
	return "var(" + variable + ")"
}

// color repeats beyond eight; dash and marker repeat with it, so callers draw no more.
func (c *canvas) color(slot int) string {
	i := slot % len(colors)
	return c.paint("--c"+strconv.Itoa(i), colors[i])
}

// text leaves out what it inherits: a page has thousands of these.
func (c *canvas) text(x, y float64, anchor, fill, text string, more string) {
	if anchor != "start" {
		more = ` text-anchor="` + anchor + `"` + more
	}
	if fill != c.paint("--ink", ink) { // which is everybody's
		more = ` fill="` + fill + `"` + more
	}
	c.f(`<text x="%s" y="%s"%s>%s</text>`, num(x), num(y), more, escape(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, stroke string, more string) {
	c.f(`<path d="%s" stroke="%s"%s/>`, along([][2]float64{{x1, y1}, {x2, y2}}), stroke, more)
}

// marker draws a point's mark: its shape tells the series, too. There are four, and hollow they are four more. Its note is told by
// the mouse; <title> is what a browser shows without a script.
func (c *canvas) marker(x, y float64, slot int, note string) {
	const r = 4.0
	paint := c.color(slot)
	if slot%len(colors) >= 4 {
		paint = c.paint("--page", "#ffffff") + `" stroke="` + paint + `" stroke-width="1.6`
	}
	var shape string
	name := "path"
	switch slot % 4 {
	case 0:
		name, shape = "circle", fmt.Sprintf(`cx="%s" cy="%s" r="%s"`, num(x), num(y), num(r))
	case 1:
		name, shape = "rect", fmt.Sprintf(`x="%s" y="%s" width="%s" height="%s"`, num(x-r+.5), num(y-r+.5), num(2*r-1), num(2*r-1))
	case 2:
		shape = fmt.Sprintf(`d="M%s %sl%s %sh%sz"`, num(x), num(y-r-.5), num(r+.5), num(2*r), num(-2*r-1))
	default:
		shape = fmt.Sprintf(`d="M%s %sl%s %sl%s %sl%s %sz"`, num(x), num(y-r-1), num(r+1), num(r+1), num(-r-1), num(r+1), num(-r-1), num(-r-1))
	}
	if note == "" {
		c.f(`<%s %s fill="%s"/>`, name, shape, paint)
		return
	}
	c.f(`<%s %s fill="%s"><title>%s</title></%s>`, name, shape, paint, escape(note), name)
}

// num is a coordinate with at most one decimal, and no 0 before its point: a page has ten thousand of them.
func num(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0 // a chart is no place to fail; callers leave such points out
	}
	s := strconv.FormatFloat(math.Abs(math.Round(v*10)/10), 'f', -1, 64)
	if len(s) > 1 {
		s = strings.TrimPrefix(s, "0")
	}
	if v <= -0.05 {
		return "-" + s
	}
	return s
}

// along is a path through points, each told by its distance from the one before: a third shorter than by its place.
func along(points [][2]float64) string {
	var b strings.Builder
	var atX, atY float64
	for i, p := range points {
		x, y := math.Round(p[0]*10)/10, math.Round(p[1]*10)/10
		if i == 0 {
			b.WriteString("M" + num(x) + " " + num(y))
		} else {
			dx, dy := num(x-atX), num(y-atY)
			if i == 1 {
				b.WriteString("l")
			} else if dx[0] != '-' {
				b.WriteString(" ")
			}
			if b.WriteString(dx); dy[0] != '-' {
				b.WriteString(" ")
			}
			b.WriteString(dy)
		}
		atX, atY = x, y
	}
	return b.String()
}

// clip cuts a text to so many columns; a letter of Chinese takes two.
func clip(s string, most int) string { return ansi.Truncate(s, most, "…") }

// textWidth estimates a text's width at 12 units.
// No font is at hand to measure with; 7 a column is wide for most letters, so that names rather get too much room.
func textWidth(s string) float64 { return 7 * float64(ansi.StringWidth(s)) }
