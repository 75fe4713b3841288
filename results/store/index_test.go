package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/table"
)

// pastTree is a tree with so many committed attempts of three cells, each with one file.
func pastTree(t testing.TB, n int) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		addAttempt(t, s, i, time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC))
	}
	return s
}

func addAttempt(t testing.TB, s *Store, i int, at time.Time) string {
	t.Helper()
	slug := fmt.Sprintf("cell%d-0123456789abcdef", i%3)
	m := record.Manifest{Schema: record.ManifestSchema, Experiment: "e", Slug: slug, Address: slug, Name: "n", Launch: 1 + i/3, Status: record.Complete, Reason: "done",
		Platform: "p", Model: "m", BatchSize: 10, Axes: map[string]string{"batch_size": "10"}, Began: at, Ended: at.Add(time.Minute), Segments: 1, Planned: 10, OK: 10,
		Attempt: ulid.MustNew(ulid.Timestamp(at), nil0{}).String(), LogTail: "bye",
		Identity: cell.Identity{Address: slug, Hash: fmt.Sprint("h", i%5), Components: cell.Parts{Spec: &cell.Component{Hash: "s", Value: []byte(`{"a":1}`)}}},
		Summary:  map[string]float64{"load_s": float64(i), "duration_s": 2, "output_throughput": 3, "valid_evaluations": 9}, Files: map[string]record.FileSum{"run.parquet": {Bytes: 4}}}
	if i%7 == 0 {
		delete(m.Summary, "load_s")
	}
	doc, err := record.Seal(m)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.root, "e", slug, m.Attempt)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{table.ManifestFile: doc, "run.parquet": []byte("PAR1")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(dir, at, at); err != nil { // long ago, as far as the index is concerned
		t.Fatal(err)
	}
	return dir
}

// nil0 is an endless row of zeros.
type nil0 struct{}

func (nil0) Read(p []byte) (int, error) { return len(p), nil }

// recalled holds Recall against History and returns it.
func recalled(t *testing.T, s *Store) []Past {
	t.Helper()
	want, err := s.History(context.Background(), "e")
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		p := &want[i]
		p.Files, p.LogTail, p.Host, p.Matrix, p.Source, p.Self, p.Simulated = nil, "", "", "", "", "", false
		p.Summary = forEstimates(p.Summary)
	}
	got, err := s.Recall(context.Background(), "e")
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Self = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("Recall differs from History (-want +got):\n%s", diff)
	}
	return got
}

func TestIndex(t *testing.T) {
	s := pastTree(t, worthIndexing+10)
	recalled(t, s)
	index := s.inner(indexDir, "e")
	if known := readIndex(index).Entries; len(known) != worthIndexing+10 {
		t.Fatalf("the index has %d attempts", len(known))
	}
	recalled(t, s)

	// What changed since shows: an attempt more, one less, a file cut short, a file gone, a taint.
	addAttempt(t, s, 500, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	past := recalled(t, s)
	if err := os.RemoveAll(past[0].Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(past[1].Dir, "run.parquet"), 1); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(past[2].Dir, "run.parquet")); err != nil {
		t.Fatal(err)
	}
	if err := s.Taint("e", past[3].Slug, past[3].Attempt, "a neighbour", "me"); err != nil {
		t.Fatal(err)
	}
	now := recalled(t, s)
	if now[0].Problem != ResultCorrupt || now[1].Problem != ResultMissing || now[2].Tainted != "a neighbour" || len(now) != len(past)-1 {
		t.Errorf("%q, %q, %q; %d attempts", now[0].Problem, now[1].Problem, now[2].Tainted, len(now))
	}

	// A damaged index is as none.
	doc, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	doc[len(doc)/2] ^= 1
	if err := os.WriteFile(index, doc, 0o644); err != nil {
		t.Fatal(err)
	}
	if known := readIndex(index).Entries; known != nil {
		t.Error("a damaged index was read")
	}
	recalled(t, s)
}

func TestIndexIsNotKeptForFew(t *testing.T) {
	s := pastTree(t, 3)
	recalled(t, s)
	if _, err := os.Stat(s.inner(indexDir)); !os.IsNotExist(err) {
		t.Errorf("an index of three attempts: %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	w := indexWriter{cells: map[string]int{}}
	w.add(entryOf(record.Manifest{Slug: "s", Attempt: "a", Axes: map[string]string{"x": "1"},
		Identity: cell.Identity{Hash: "h", Components: cell.Parts{Spec: &cell.Component{Hash: "c"}}}, Files: map[string]record.FileSum{"run.parquet": {Bytes: 4}}}, 1))
	doc, err := w.bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc[len(indexMagic) : len(doc)-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		path := filepath.Join(t.TempDir(), "index")
		doc := append([]byte(indexMagic), body...)
		doc = binary.BigEndian.AppendUint32(doc, crc32.ChecksumIEEE(doc))
		if err := os.WriteFile(path, doc, 0o644); err != nil {
			t.Fatal(err)
		}
		file := readIndex(path)
		for _, e := range file.Entries {
			e.intact(t.TempDir())
			e.manifest(file.Cells[e.Cell])
		}
	})
}
