package store

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/table"
)

// Damaged tables are errors: never a panic, never a request for more memory than there is.
func FuzzParquet(f *testing.F) {
	s := testStore(f)
	p := committed(f, s, 1)
	path := filepath.Join(p.Dir, "samples.parquet")
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, 0, byte(0))
	f.Add(whole, len(whole)-20, byte(0xff))
	f.Add(whole[:len(whole)/2], 0, byte(0))
	f.Add([]byte("PAR1"), 0, byte(0))
	f.Fuzz(func(t *testing.T, doc []byte, at int, flip byte) {
		doc = bytes.Clone(doc)
		if at >= 0 && at < len(doc) {
			doc[at] ^= flip
		}
		if err := os.WriteFile(path, doc, 0o644); err != nil {
			t.Fatal(err)
		}
		err := table.ReadSamples(p.Dir, func(record.SampleRow) error { return nil })
		if bytes.Equal(doc, whole) != (err == nil) || err != nil && !errors.Is(err, table.ErrCorrupt) {
			t.Fatalf("read of %d bytes = %v", len(doc), err)
		}
	})
}

// Any flipped bit is found before a reader of Parquet sees it. (Flips in the footer killed the process.)
func TestFlippedBitsInTables(t *testing.T) {
	s := testStore(t)
	p := committed(t, s, 1)
	path := filepath.Join(p.Dir, "run.parquet")
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(doc); at += 97 {
		doc[at] ^= 0x40
		if err := os.WriteFile(path, doc, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := table.ReadRun(p.Dir); !errors.Is(err, table.ErrCorrupt) {
			t.Fatalf("flip at %d: %v", at, err)
		}
		doc[at] ^= 0x40
	}
	if err := os.WriteFile(path, doc, 0o644); err != nil {
		t.Fatal(err)
	}
	row, err := table.ReadRun(p.Dir)
	if err != nil || row.Manifest.Platform != "ollama" || *row.Summary.Metrics["requests_ok"] != 1 || row.Run.LoadS != nil || table.Number(row, "load_s") != nil {
		t.Errorf("row: %+v, %v", row, err)
	}
}

// committedRun is an attempt of 64 requests, one of which failed, with every type of value.
func committedRun(t *testing.T) (dir string, run record.Run, summary record.Summary) {
	t.Helper()
	s := testStore(t)
	a := begin(t, s, 64)
	for seq := range int64(63) {
		mustAppend(t, a, okRow(seq), "")
	}
	mustAppend(t, a, failedRow(63, "failed"), "")
	run = record.Run{Planned: 64, Mode: "closed", LoadS: new(12.5), ClientLimited: new(false), Warnings: []string{"one", "two"}, BeganUnixS: 1.7e9, Concurrency: 8,
		Engine:   record.Engine{Name: "ollama", Argv: []string{"ollama", "serve"}, Env: map[string]string{"A": "b", "C": ""}, WeightBytes: new(int64(3e9))},
		Machine:  record.Machine{Host: "pc", Cores: 8, GPUs: 1, GPUName: "RTX", PowerLimitW: new(300.0)},
		Segments: []record.Segment{{Segment: 1, DurationS: 2, Phases: map[string]float64{"weights": 1}, Reason: "done"}},
		SLO:      &cell.SLO{TTFT: 200 * time.Millisecond, E2E: 9 * time.Second},
		Phases:   map[string]float64{"prime": 3, "weights": 3.5}, GPUs: []string{"GPU-a"}, Server: "cell", OrderSeed: 7, Imported: false,
		Fit: cell.Fit{WeightsGiB: new(2.5)}, Calibration: &record.Calibration{UnixS: 1.6e9, CPUPerEventS: 1e-5},
		EngineMetrics: map[string]float64{"x_total": 3, "y": -0.5}}
	summary, err := a.Commit(record.Complete, "done", "", run)
	if err != nil {
		t.Fatal(err)
	}
	return onlyPast(t, s).Dir, run, summary
}

// What run.parquet holds of a run and its summary is read back as it was.
func TestReadRun(t *testing.T) {
	dir, run, summary := committedRun(t)
	row, err := table.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run, row.Run); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	got := map[string]*float64{}
	for name := range summary.Metrics {
		got[name] = row.Summary.Metrics[name]
		if value := table.Number(row, name); !cmp.Equal(value, got[name]) {
			t.Errorf("%s = %v, want %v", name, value, got[name])
		}
	}
	if diff := cmp.Diff(summary.Metrics, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(summary.Why, row.Summary.Why); diff != "" || len(summary.Why) == 0 {
		t.Errorf("why (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(summary.Finish, row.Summary.Finish); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	if m := row.Manifest; m.Experiment != "gemma3" || m.Launch != 1 || m.BatchSize != 64 || m.Simulated {
		t.Errorf("manifest %+v", m)
	}
	if p90 := table.Number(row, "ttft_p90_adjusted_s"); p90 == nil || *p90 <= 0 || math.IsInf(*p90, 1) {
		t.Errorf("ttft_p90_adjusted_s = %v", p90)
	}
	for _, name := range []string{"sparkle", "engine_name", "energy_j", "primed"} {
		if v := table.Number(row, name); v != nil {
			t.Errorf("%s is the number %v", name, *v)
		}
	}
	for name, want := range map[string]float64{"weight_bytes": 3e9, "phase_weights_s": 3.5, "segments": 1, "concurrency": 8, "slo_ttft_s": 0.2, "calibration_unix_s": 1.6e9} {
		if v := table.Number(row, name); v == nil || *v != want {
			t.Errorf("%s = %v, want %v", name, v, want)
		}
	}
}

// One row must not weigh as much as a thousand: a tree has one such file an attempt. Of it 16 KB are what its columns mean,
// so that the file explains itself.
func TestRunFileIsSmall(t *testing.T) {
	dir, _, _ := committedRun(t)
	info, err := os.Stat(filepath.Join(dir, "run.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 48_000 {
		t.Errorf("run.parquet has %d bytes", info.Size())
	}
}

// Some columns of a row are those of the whole row; the others stay empty, and an unknown one is an error.
func TestReadRequestColumns(t *testing.T) {
	s := testStore(t)
	p := committed(t, s, 1)
	var whole, some []record.RequestRow
	if err := table.ReadRequests(p.Dir, func(r record.RequestRow) error { whole = append(whole, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := table.ReadRequestColumns(p.Dir, []string{"status", "seq"}, func(r record.RequestRow) error { some = append(some, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(whole) == 0 || len(some) != len(whole) {
		t.Fatalf("%d rows, want %d", len(some), len(whole))
	}
	for i, r := range some {
		if want := (record.RequestRow{Seq: whole[i].Seq, Status: whole[i].Status}); !cmp.Equal(r, want) {
			t.Errorf("row %d: %s", i, cmp.Diff(want, r))
		}
	}
	if err := table.ReadRequestColumns(p.Dir, []string{"status", "colour"}, nil); err == nil {
		t.Error("a column that is none was read")
	}
}
