package document

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"matrix/results/report/chart"
)

// What others wrote is what they published: the npm package uplot 1.6.32.
func TestPinned(t *testing.T) {
	for name, c := range map[string]struct{ content, sum string }{
		"uPlot.iife.min.js": {uplotJS, "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"},
		"uPlot.min.css":     {uplotCSS, "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"},
	} {
		if sum := sha256.Sum256([]byte(c.content)); hex.EncodeToString(sum[:]) != c.sum {
			t.Errorf("%s is another file", name)
		}
	}
}

// The page's own script is small, and uPlot comes along only where there is a timeline for it.
func TestScriptsOfThePage(t *testing.T) {
	if n := len(dense(pageJS)); n > 10<<10 {
		t.Errorf("the page's own script has %d bytes", n)
	}
	write := func(c chart.Chart) string {
		var b strings.Builder
		d := &Document{Title: "t", Sections: []Section{{ID: "s", Title: "S", Blocks: []Block{{Figure: &Figure{ID: "f", Title: "F", Alt: "says </script><b>", Chart: c}}}}}}
		if err := d.WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if strings.Contains(write(chart.Plot{}), "leeoniya/uPlot") {
		t.Error("uPlot without a timeline")
	}
	page := write(chart.Panels{Times: []float64{0, 1}, Rows: []chart.Panel{{Label: "</script><b>", Lines: []chart.Line{{Name: "<b>", Values: []float64{1, 2}}}}}})
	if !strings.Contains(page, "leeoniya/uPlot") || strings.Contains(page, "</script><b>") || strings.Contains(page, "<b>") || strings.Count(page, "</script>") != 3 {
		t.Error("no uPlot, or a label is markup")
	}
}
