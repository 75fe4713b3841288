package calibrate

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"matrix/results/record"
)

func TestReadIsOfThisMachine(t *testing.T) {
	root := t.TempDir()
	if c, err := Read(root); c != nil || err != nil {
		t.Errorf("never calibrated: got %+v, %v, want nil", c, err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := record.Calibration{Host: host, Cores: runtime.NumCPU(), UnixS: 1, EventsPerSCore: 2e6, CPUPerRequestS: 4e-5}
	if err := Save(root, want); err != nil {
		t.Fatal(err)
	}
	if c, err := Read(root); err != nil || c == nil || *c != want {
		t.Errorf("got %+v, %v, want %+v", c, err, want)
	}
	want.Host += "-other"
	if err := Save(root, want); err != nil {
		t.Fatal(err)
	}
	if c, err := Read(root); c != nil || err != nil {
		t.Errorf("another machine's: got %+v, %v, want nil", c, err)
	}
	if err := os.WriteFile(Path(root), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(root); err == nil {
		t.Error("half a file: want an error")
	}
	if left, _ := filepath.Glob(filepath.Join(root, ".matrix", "*.part")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestCPUCores(t *testing.T) {
	c := record.Calibration{CPUPerRequestS: 1e-4, CPUPerEventS: 1e-5}
	if got := c.CPUCores(1000, 51_000); got < 0.599 || got > 0.601 { // 0.1 + 0.5
		t.Errorf("got %g cores, want 0.6", got)
	}
	if got := c.CPUCores(1000, 0); got != 0.1 { // no streams
		t.Errorf("got %g cores, want 0.1", got)
	}
}
