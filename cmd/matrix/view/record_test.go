package view

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"matrix/runner/events"
)

// A figure without end is null with its reason in JSON, and takes no record with it.
func TestInfiniteFiguresAreNullInJSON(t *testing.T) {
	var out strings.Builder
	p := NewPrinter(&out, &out)
	p.JSON = true
	p.Start(true)
	inf, two := math.Inf(1), 2.0
	LineObserver(p, false)(events.Event{Kind: events.CellComplete, Metrics: map[string]*float64{"e2e_p99_adjusted_s": &inf, "load_s": &two}})
	p.Record(oddRecord{X: math.NaN(), Deep: []inner{{Low: math.Inf(-1)}, {Low: 1}}, At: time.Unix(0, 0).UTC(), Raw: json.RawMessage(`{"a":1}`)})
	var got []map[string]any
	for line := range strings.Lines(out.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		got = append(got, r)
	}
	if len(got) != 3 || p.lost != nil {
		t.Fatalf("%d records, %v:\n%s", len(got), p.lost, out.String())
	}
	metrics, reasons := got[1]["metrics"].(map[string]any), got[1]["null_reasons"].(map[string]any)
	if v, there := metrics["e2e_p99_adjusted_s"]; !there || v != nil || metrics["load_s"] != 2.0 || !strings.HasPrefix(reasons["e2e_p99_adjusted_s"].(string), "infinite") {
		t.Errorf("metrics %v, reasons %v", metrics, reasons)
	}
	if text := strings.Split(out.String(), "\n")[2]; !strings.Contains(text, `"deep":[{"low":null},{"low":1}]`) || !strings.Contains(text, `"x":null`) ||
		!strings.Contains(text, `"at":"1970-01-01T00:00:00Z"`) || !strings.Contains(text, `"raw":{"a":1}`) {
		t.Error(text)
	}
}

// oddRecord has what JSON has no number for, at several depths.
type oddRecord struct {
	X    float64         `json:"x"`
	Deep []inner         `json:"deep"`
	At   time.Time       `json:"at"`
	Raw  json.RawMessage `json:"raw"`
}

func (oddRecord) Type() string { return "other" }

type inner struct {
	Low  float64 `json:"low"`
	None float64 `json:"none,omitempty"`
}
