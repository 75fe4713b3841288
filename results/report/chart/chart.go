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

	"matrix/experiments"
)

// Style says where a chart will stand.
type Style struct {
	Static    bool   // colours in the file, on white, instead of the page's CSS variables
	Watermark string // across the plot; "" = none
}

// Chart is anything that can be drawn. The SVG is self-contained and all text in it is escaped.
type Chart interface{ SVG(Style) string }

// Size in user units. Charts are drawn for a column of about 420 pixels, so that text stays readable on a phone.
const (
	width  = 420.0
	height = 272.0
)

// colors of the series on a white ground, each at least 4.5:1; the page's variables --c0 … replace them.
var colors = []string{"#1c66a8", "#b4500a", "#1b7a4b", "#7546b0", "#b02347", "#0a737b", "#75591a", "#555b66"}

// dashes tell series apart without colour.
var dashes = []string{"", "7 3", "2 3", "9 3 2 3", "4 2", "12 4", "1 2", "6 2 1 2 1 2"}

const (
	ink  = "#1b1f24"
	soft = "#59636e"
	grid = "#d8dee4"
)

// canvas collects one SVG.
type canvas struct {
	strings.Builder
	style Style
	h     float64
}

func newCanvas(s Style, title string, h float64) *canvas {
	c := &canvas{style: s, h: h}
	c.f(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" font-family="system-ui, sans-serif" font-size="12">`, num(width), num(h))
	c.f(`<title>%s</title>`, escape(title))
	if s.Static {
		c.f(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	}
	return c
}

// escape is text as it may stand in a drawing: of others' labels, too.
func escape(text string) string { return html.EscapeString(experiments.Printable(text)) }

func (c *canvas) f(format string, args ...any) { fmt.Fprintf(&c.Builder, format, args...) }

func (c *canvas) end(plotMidX, plotMidY float64) string {
	if c.style.Watermark != "" {
		c.f(`<text x="%s" y="%s" transform="rotate(-18 %s %s)" text-anchor="middle" font-size="44" font-weight="700" letter-spacing="3" fill="%s" fill-opacity="0.22" class="watermark">%s</text>`,
			num(plotMidX), num(plotMidY), num(plotMidX), num(plotMidY), c.paint("--bad", "#b02347"), escape(c.style.Watermark))
	}
	c.WriteString("</svg>")
	return c.String()
}

// paint is a page's variable, or its fixed value in a static chart.
func (c *canvas) paint(variable, fixed string) string {
	if c.style.Static {
		return fixed
	}
	return "var(" + variable + "," + fixed + ")"
}

func (c *canvas) color(slot int) string {
	i := slot % len(colors)
	return c.paint("--c"+strconv.Itoa(i), colors[i])
}

func (c *canvas) text(x, y float64, anchor, fill, text string, more string) {
	c.f(`<text x="%s" y="%s" text-anchor="%s" fill="%s"%s>%s</text>`, num(x), num(y), anchor, fill, more, escape(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, stroke string, more string) {
	c.f(`<path d="M%s %sL%s %s" stroke="%s"%s/>`, num(x1), num(y1), num(x2), num(y2), stroke, more)
}

// marker draws a point's mark: its shape tells the series, too.
func (c *canvas) marker(x, y float64, slot int) {
	const r = 4.0
	fill := c.color(slot)
	switch slot % 4 {
	case 0:
		c.f(`<circle cx="%s" cy="%s" r="%s" fill="%s"/>`, num(x), num(y), num(r), fill)
	case 1:
		c.f(`<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`, num(x-r+.5), num(y-r+.5), num(2*r-1), num(2*r-1), fill)
	case 2:
		c.f(`<path d="M%s %sl%s %sh%sz" fill="%s"/>`, num(x), num(y-r-.5), num(r+.5), num(2*r), num(-2*r-1), fill)
	default:
		c.f(`<path d="M%s %sl%s %sl%s %sl%s %sz" fill="%s"/>`, num(x), num(y-r-1), num(r+1), num(r+1), num(-r-1), num(r+1), num(-r-1), num(-r-1), fill)
	}
}

// tip is an invisible place that answers the mouse, a finger and a screen reader.
func (c *canvas) tip(x, y float64, note string) {
	if note == "" {
		return
	}
	safe := escape(note)
	c.f(`<circle cx="%s" cy="%s" r="9" fill="transparent" data-tip="%s"><title>%s</title></circle>`, num(x), num(y), safe, safe)
}

// num is a coordinate with at most one decimal.
func num(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0 // a chart is no place to fail; callers leave such points out
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// clip shortens a name to what fits in so many characters.
func clip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// textWidth estimates a text's width at 12 units.
func textWidth(s string) float64 { return 6.6 * float64(len([]rune(s))) }
