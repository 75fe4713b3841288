package document

import (
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"matrix/results/report/chart"
)

// The page, its style and its script are embedded, not fetched: a report must open on a machine without a network,
// years later.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/style.css
	styleCSS string
	//go:embed page/page.js
	pageJS string
)

// uPlot draws the timelines; its licence is in its first line and in page/uplot.
var (
	//go:embed page/uplot/uPlot.iife.min.js
	uplotJS string
	//go:embed page/uplot/uPlot.min.css
	uplotCSS string
)

// tight leaves out a style's spaces that mean nothing.
var tight = strings.NewReplacer("; ", ";", ": ", ":", " { ", "{", " {\n", "{", ";\n", ";", "}\n", "}")

// dense leaves out indents, lines that are comments, what ends a line before a brace, and the spaces of an arrow.
// It knows the few forms that our own files have, and is no minifier: a string with "; }" in it would be changed.
func dense(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "// ") {
			b.WriteString(line + "\n")
		}
	}
	return strings.NewReplacer("; }", "}", " => ", "=>").Replace(b.String())
}

// breaks are the places of a name after which a line may end.
var breaks = strings.NewReplacer("_", "_<wbr>", "/", "/<wbr>", "=", "=<wbr>")

// broken is a text in which words of more than so many letters may be broken. Such a name goes to the next line whole, and one that is too
// long for a line is broken where its words end: CSS alone would break it anywhere.
func broken(text string, most int) template.HTML {
	words := strings.Split(template.HTMLEscapeString(text), " ")
	for i, word := range words {
		if broken := breaks.Replace(word); len(word) > most && broken != word {
			words[i] = "<bdi>" + broken + "</bdi>"
		}
	}
	return template.HTML(strings.Join(words, " ")) //nolint:gosec // escaped
}

// page is parsed once; html/template escapes whatever a model, a dataset or an engine's log says.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"css":      func() template.CSS { return template.CSS(tight.Replace(dense(styleCSS))) }, //nolint:gosec // our own
	"js":       func() template.JS { return template.JS(dense(pageJS)) },                    //nolint:gosec // our own
	"uplotCSS": func() template.CSS { return template.CSS(uplotCSS) },                       //nolint:gosec // pinned by its checksum
	"uplotJS":  func() template.JS { return template.JS(uplotJS) },                          //nolint:gosec // pinned by its checksum
	// a page's script draws the timelines; without a script the SVG stands
	"live": func(c chart.Chart) any {
		if p, ok := c.(chart.Panels); ok {
			return p.Live()
		}
		return nil
	},
	"svg": func(c chart.Chart, mark string) template.HTML {
		return template.HTML(c.SVG(chart.Style{Watermark: mark})) //nolint:gosec // package chart escapes
	},
	// Most cells are numbers: those of words are marked.
	"class": func(c Column, v Value) string {
		if c.Numeric {
			return v.Tone
		}
		return strings.TrimSpace("words " + v.Tone)
	},
	// as a script reads it, +Inf too: a latency that never came
	"order": func(x float64) string {
		return strings.Replace(strconv.FormatFloat(x, 'g', -1, 64), "+Inf", "Infinity", 1)
	},
	// in percent of the way, for CSS
	"along": func(share float64) string { return strconv.FormatFloat(100*min(max(share, 0), 1), 'f', 1, 64) },
	// at least 1%, so that a narrow interval can be seen
	"wide": func(low, high float64) string {
		return strconv.FormatFloat(max(1, 100*(min(high, 1)-max(low, 0))), 'f', 1, 64)
	},
	"names":  func(text string) template.HTML { return broken(text, 12) }, // in a table's cell
	"broken": func(text string) template.HTML { return broken(text, 30) }, // in a line of a phone's width
	// a template takes one value only
	"within": func(b []Block, mark string) map[string]any { return map[string]any{"Blocks": b, "Mark": mark} },
}).Parse(pageHTML))

// WriteHTML writes the report as one file that needs nothing else.
// An error is the writer's: whatever stands in the document is escaped.
func (d *Document) WriteHTML(w io.Writer) error { return page.Execute(w, d) }

// Timelines reports whether a figure of the document is one.
// Without one the page leaves the chart library out, 50 KB of it.
func (d *Document) Timelines() bool {
	return slices.ContainsFunc(d.Figures(), func(f *Figure) bool { _, is := f.Chart.(chart.Panels); return is })
}
