package table

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"matrix/results/disk"
	"matrix/results/record"
)

// A spool is followed while it grows: each row once, half a frame when it is whole.
func TestFollowSamples(t *testing.T) {
	path := filepath.Join(t.TempDir(), "samples-001.spool")
	tail := FollowSamples(path)
	read := func() (values []float64) {
		t.Helper()
		if err := tail.Read(func(r record.SampleRow) error { values = append(values, r.Value); return nil }); err != nil {
			t.Fatal(err)
		}
		return values
	}
	if got := read(); got != nil {
		t.Errorf("before it is there: %v", got)
	}
	s, err := SpoolSamples(&disk.FS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(values ...float64) {
		t.Helper()
		for _, v := range values {
			if err := s.Append(record.SampleRow{Source: "host", Metric: "m", Value: v}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Write(); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(); got != nil {
		t.Errorf("of an empty one: %v", got)
	}
	for _, values := range [][]float64{{1, 2}, {3}, {4, 5, 6}} {
		put(values...)
		if got := read(); !slices.Equal(got, values) {
			t.Errorf("read %v, want %v", got, values)
		}
	}
	whole, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	put(7)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:whole.Size()+20], 0o644); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != nil {
		t.Errorf("of half a frame: %v", got)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := read(); !slices.Equal(got, []float64{7}) {
		t.Errorf("then: %v, want 7", got)
	}
}
