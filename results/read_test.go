package results

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/results/record"

	"github.com/google/go-cmp/cmp"
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
		err := ReadSamples(p.Dir, func(SampleRow) error { return nil })
		if bytes.Equal(doc, whole) != (err == nil) || err != nil && !errors.Is(err, ErrCorrupt) {
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
		if _, err := ReadRun(p.Dir); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("flip at %d: %v", at, err)
		}
		doc[at] ^= 0x40
	}
	if err := os.WriteFile(path, doc, 0o644); err != nil {
		t.Fatal(err)
	}
	row, err := ReadRun(p.Dir)
	if err != nil || row["platform"] != "ollama" || row["requests_ok"] != int64(1) || row["load_s"] != nil {
		t.Errorf("row: platform %v, ok %v, load %v, %v", row["platform"], row["requests_ok"], row["load_s"], err)
	}
}

// runOf is the row of run.parquet of an attempt of 64 requests, one of which failed, with every type of value.
func runOf(t *testing.T) (dir string, row map[string]any) {
	t.Helper()
	s := testStore(t)
	a := begin(t, s, 64)
	for seq := range int64(63) {
		mustAppend(t, a, okRow(seq), "")
	}
	mustAppend(t, a, failedRow(63, "failed"), "")
	run := Run{Planned: 64, Mode: "closed", LoadS: ptr(12.5), ClientLimited: ptr(false), Warnings: []string{"one", "two"},
		Engine:        Engine{Name: "ollama", Argv: []string{"ollama", "serve"}, Env: map[string]string{"A": "b", "C": ""}},
		EngineMetrics: map[string]float64{"x_total": 3, "y": -0.5}}
	if _, err := a.Commit(Complete, "done", "", run); err != nil {
		t.Fatal(err)
	}
	dir = onlyPast(t, s).Dir
	row, err := ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, row
}

func TestReadRun(t *testing.T) {
	dir, row := runOf(t)
	want := map[string]any{"experiment": "gemma3", "launch": int32(1), "batch_size": int64(64), "load_s": 12.5, "client_limited": false,
		"simulated": false, "requests_ok": int64(63), "requests_failed": int64(1), "ttft_p90_adjusted_s": row["ttft_p90_adjusted_s"],
		"engine_argv": []string{"ollama", "serve"}, "engine_env": map[string]string{"A": "b", "C": ""}, "warnings": []string{"one", "two"},
		"engine_metrics": map[string]float64{"x_total": 3, "y": -0.5}, "energy_j": nil, "gpu_name": nil}
	got := map[string]any{}
	for name := range want {
		got[name] = row[name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if p90, ok := row["ttft_p90_adjusted_s"].(float64); !ok || p90 <= 0 || math.IsInf(p90, 1) {
		t.Errorf("ttft_p90_adjusted_s = %v", row["ttft_p90_adjusted_s"])
	}
	if columns := len(Tables()[record.TableRun]); len(row) != columns {
		t.Errorf("%d columns, want %d", len(row), columns)
	}
	some, err := ReadRunColumns(dir, "warnings", "requests_ok")
	if diff := cmp.Diff(map[string]any{"warnings": []string{"one", "two"}, "requests_ok": int64(63)}, some); diff != "" || err != nil {
		t.Errorf("two columns: %v, (-want +got):\n%s", err, diff)
	}
	if _, err := ReadRunColumns(dir, "requests_ok", "sparkle"); err == nil || !strings.Contains(err.Error(), `"sparkle"`) {
		t.Errorf("a column that is not there: %v", err)
	}
}

// One row must not weigh as much as a thousand: a tree has one such file an attempt. Of it 16 KB are what its columns mean,
// so that the file explains itself.
func TestRunFileIsSmall(t *testing.T) {
	dir, _ := runOf(t)
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
	var whole, some []RequestRow
	if err := ReadRequests(p.Dir, func(r RequestRow) error { whole = append(whole, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := ReadRequestColumns(p.Dir, []string{"status", "seq"}, func(r RequestRow) error { some = append(some, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(whole) == 0 || len(some) != len(whole) {
		t.Fatalf("%d rows, want %d", len(some), len(whole))
	}
	for i, r := range some {
		if want := (RequestRow{Seq: whole[i].Seq, Status: whole[i].Status}); !cmp.Equal(r, want) {
			t.Errorf("row %d: %s", i, cmp.Diff(want, r))
		}
	}
	if err := ReadRequestColumns(p.Dir, []string{"status", "colour"}, nil); err == nil {
		t.Error("a column that is none was read")
	}
}
