package table_test

import (
	"os"
	"path/filepath"
	"runtime/metrics"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"

	"matrix/results/record"
	"matrix/results/summary/summarytest"
	"matrix/results/table"
)

// A table is looked at before its checksum is known. Whatever bit of its footer or its pages is flipped, reading is an error or some value;
// it neither panics nor asks for 26 GB, as Arrow's schema in the footer did. What zstd's own header may ask for, 4 GB, is never touched.
func TestFlippedBits(t *testing.T) {
	const every = 101 // all were tried once
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 40, Launches: []summarytest.Launch{{}}})
	dirs, err := filepath.Glob(filepath.Join(root, "e", "*", "0*"))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	path := filepath.Join(dirs[0], "requests.parquet")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := look(t, dirs[0]); err != nil {
		t.Fatal(err)
	}
	told := 0
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for bit := 0; bit < 8*len(text); bit += every {
		at := bit / 8
		if _, err := f.WriteAt([]byte{text[at] ^ 1<<(bit%8)}, int64(at)); err != nil {
			t.Fatal(err)
		}
		took, err := look(t, dirs[0])
		if took > 5<<30 {
			t.Errorf("bit %d of byte %d of %d: %d MiB", bit%8, at, len(text), took>>20)
		}
		if err != nil {
			told++
		}
		if _, err := f.WriteAt(text[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	if n := 8 * len(text) / every; told < n/20 {
		t.Errorf("of %d flipped bits, %d were told", n, told)
	}
	t.Logf("of %d flipped bits, %d were told before the checksum", 8*len(text)/every, told)
}

// look reads what a page of requests does, and tells the bytes of memory that it asked for.
func look(t *testing.T, dir string) (took uint64, err error) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	defer func() { metrics.Read(sample); took = sample[0].Value.Uint64() - before }()
	g, err := table.OpenRequests(dir)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	for i := range g.Len() {
		for _, name := range []string{record.ColPhase, record.ColStatus, "prompt_id"} {
			if err := g.Texts(t.Context(), i, name, func([]parquet.ByteArray) error { return nil }); err != nil {
				return 0, err
			}
		}
		for _, name := range []string{record.ColSeq, record.ColE2E, record.ColOutputTokens} {
			g.Bounds(i, name)
			if err := g.Numbers(i, name, func([]float64) error { return nil }); err != nil {
				return 0, err
			}
		}
	}
	_, err = g.Rows(t.Context(), []int64{3, 7, 9, 20}, []string{record.ColSeq, record.ColStatus, record.ColError, record.ColTTFT, record.ColFinishReason})
	return 0, err
}
