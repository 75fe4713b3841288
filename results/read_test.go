package results

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
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
