package document

import (
	_ "embed"
	"html/template"
	"io"
	"strconv"

	"matrix/results/report/chart"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/style.css
var styleCSS string

//go:embed page/page.js
var pageJS string

// page is parsed once; html/template escapes whatever a model, a dataset or an engine's log says.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"css": func() template.CSS { return template.CSS(styleCSS) }, //nolint:gosec // our own
	"js":  func() template.JS { return template.JS(pageJS) },     //nolint:gosec // our own
	"svg": func(c chart.Chart, mark string) template.HTML {
		return template.HTML(c.SVG(chart.Style{Watermark: mark})) //nolint:gosec // package chart escapes
	},
	"along": func(share float64) string { return strconv.FormatFloat(100*min(max(share, 0), 1), 'f', 1, 64) },
	"wide": func(low, high float64) string {
		return strconv.FormatFloat(max(1, 100*(min(high, 1)-max(low, 0))), 'f', 1, 64)
	},
	"within": func(b []Block, mark string) map[string]any { return map[string]any{"Blocks": b, "Mark": mark} },
}).Parse(pageHTML))

// WriteHTML writes the report as one file that needs nothing else.
func (d *Document) WriteHTML(w io.Writer) error { return page.Execute(w, d) }
