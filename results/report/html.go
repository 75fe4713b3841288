package report

import (
	_ "embed"
	"html/template"
	"io"

	"matrix/results/report/chart"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/style.css
var styleCSS string

//go:embed page/tips.js
var tipsJS string

// page is parsed once; html/template escapes whatever a model, a dataset or an engine's log says.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"css": func() template.CSS { return template.CSS(styleCSS) }, //nolint:gosec // our own
	"js":  func() template.JS { return template.JS(tipsJS) },     //nolint:gosec // our own
	"svg": func(c chart.Chart, mark string) template.HTML {
		return template.HTML(c.SVG(chart.Style{Watermark: mark})) //nolint:gosec // package chart escapes
	},
	"within": func(b []Block, mark string) map[string]any { return map[string]any{"Blocks": b, "Mark": mark} },
}).Parse(pageHTML))

// WriteHTML writes the report as one file that needs nothing else.
func (d *Document) WriteHTML(w io.Writer) error { return page.Execute(w, d) }
