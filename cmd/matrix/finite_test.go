package main

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"matrix/runner"
)

// A figure without end is null with its reason in JSON, and takes no record with it.
func TestInfiniteFiguresAreNullInJSON(t *testing.T) {
	var out strings.Builder
	a := newApp(nil, strings.NewReader(""), &out, &out)
	a.json = true
	inf, two := math.Inf(1), 2.0
	newJSONView(a).observe(runner.Event{Kind: runner.CellComplete, Metrics: map[string]*float64{"e2e_p99_adjusted_s": &inf, "load_s": &two}})
	type inner struct {
		Low  float64 `json:"low"`
		None float64 `json:"none,omitempty"`
	}
	a.emit("other", map[string]any{"x": math.NaN(), "deep": []inner{{Low: math.Inf(-1)}, {Low: 1}}, "at": time.Unix(0, 0).UTC(), "raw": json.RawMessage(`{"a":1}`)})
	got := records(t, out.String())
	if len(got) != 3 || a.unsaid != nil {
		t.Fatalf("%d records, %v:\n%s", len(got), a.unsaid, out.String())
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

// What cannot be written is an error at the end, and no success.
func TestUnwrittenRecordIsAnError(t *testing.T) {
	var said strings.Builder
	a := newApp(nil, strings.NewReader(""), brokenPipe{}, &said)
	a.json = true
	a.emit("plan", map[string]any{})
	if code := a.finish(t.Context(), nil); code != codeError || !strings.Contains(said.String(), "no space") {
		t.Errorf("exit %d: %s", code, said.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
