package machine

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"

	"matrix/cmd/matrix/cli/app"
	"matrix/results/record"
	"matrix/runner/calibrate"
)

func TestCalibrationIsShown(t *testing.T) {
	var out bytes.Buffer
	a := app.New(nil, nil, nil, &out, &out)
	a.Results = t.TempDir()
	if f := examineCalibration(a); f.State != "warn" || !strings.Contains(f.Found, "never") || !strings.Contains(f.Advice, "matrix calibrate") {
		t.Errorf("never calibrated: %+v", f)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	c := record.Calibration{Host: host, Cores: runtime.NumCPU(), UnixS: 1.79e9, EventsPerSCore: 1.9e6, CPUPerRequestS: 4e-5, CPUPerEventS: 1e-5,
		TimestampErrorP99S: 0.0004, SendLatenessP99S: 0.0003}
	if err := calibrate.Save(a.Results, c); err != nil {
		t.Fatal(err)
	}
	if f := examineCalibration(a); f.State != "ok" || f.Found != "2026-09-21: 1.90 million events/s/core, 40 µs a request, sends late by 0.30 ms (p99)" {
		t.Errorf("calibrated: %+v", f)
	}
	sayCalibration(a, c)
	if text := out.String(); !strings.Contains(text, "calibration.json") || strings.Contains(text, "Repeat") {
		t.Errorf("a quiet machine's:\n%s", text)
	}
	c.SendLatenessP99S = 0.05
	if err := calibrate.Save(a.Results, c); err != nil {
		t.Fatal(err)
	}
	if f := examineCalibration(a); f.State != "warn" || f.Advice == "" {
		t.Errorf("a busy machine's: %+v", f)
	}
}
