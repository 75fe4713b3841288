package store

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"matrix/results/record"
	"matrix/results/table"
)

func committed(t testing.TB, s *Store, launch int) Past {
	t.Helper()
	a, err := s.Begin(testCell(1), testIdentity(), launch, []byte("source"))
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, a, okRow(0), "text")
	if _, err := a.Commit(record.Complete, "done", "", record.Run{Planned: 1, Mode: "closed"}); err != nil {
		t.Fatal(err)
	}
	past, err := s.History(t.Context(), "gemma3")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range past {
		if p.Attempt == a.Manifest().Attempt {
			return p
		}
	}
	t.Fatal("the attempt is not in the history")
	return Past{}
}

func TestHistoryProblems(t *testing.T) {
	edit := func(name string, f func([]byte) []byte) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			path := filepath.Join(dir, name)
			doc, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, f(doc), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(doc []byte) []byte { doc[len(doc)/2] ^= 1; return doc }
	newer := func(doc []byte) []byte {
		var m record.Manifest
		if err := record.Unseal(doc, &m); err != nil {
			t.Fatal(err)
		}
		m.Schema, m.Self = record.ManifestSchema+1, ""
		out, err := record.Seal(m)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	tests := map[string]struct {
		damage       func(testing.TB, string)
		want, verify string
	}{
		"untouched":           {func(testing.TB, string) {}, "", ""},
		"manifest gone":       {remove(table.ManifestFile), ResultMissing, ResultMissing},
		"manifest flipped":    {edit(table.ManifestFile, flip), ResultCorrupt, ResultCorrupt},
		"manifest empty":      {edit(table.ManifestFile, func([]byte) []byte { return nil }), ResultCorrupt, ResultCorrupt},
		"newer manifest":      {edit(table.ManifestFile, newer), Unverified, Unverified},
		"table gone":          {remove("run.parquet"), ResultMissing, ResultMissing},
		"answers left behind": {remove("outputs.parquet"), "", ResultMissing},
		"rows left behind":    {remove("requests.parquet"), "", ResultMissing},
		"samples left behind": {remove("samples.parquet"), "", ResultMissing},
		"table cut":           {edit("requests.parquet", func(d []byte) []byte { return d[:len(d)-1] }), ResultCorrupt, ResultCorrupt},
		"table flipped":       {edit("run.parquet", flip), "", ResultCorrupt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			p := committed(t, s, 1)
			test.damage(t, p.Dir)
			got := onlyPast(t, s)
			if got.Problem != test.want || got.Attempt != p.Attempt || got.Slug != p.Slug || (got.Detail == "") != (got.Problem == "") {
				t.Errorf("past = %q (%s) of %q, want %q", got.Problem, got.Detail, got.Attempt, test.want)
			}
			bad, err := s.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			verify := ""
			if len(bad) == 1 {
				verify = bad[0].Problem
			}
			if verify != test.verify {
				t.Errorf("verify = %q, want %q", verify, test.verify)
			}
		})
	}
}

// Any flipped byte of a manifest is found.
func TestManifestEveryByte(t *testing.T) {
	s := testStore(t)
	doc, err := os.ReadFile(filepath.Join(committed(t, s, 1).Dir, table.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range doc {
		doc[i] ^= 0x20
		if _, err := record.ParseManifest(doc); err == nil {
			t.Errorf("byte %d flipped: no error", i)
		}
		doc[i] ^= 0x20
	}
	if _, err := record.ParseManifest(doc); err != nil {
		t.Errorf("untouched: %v", err)
	}
}

func FuzzManifest(f *testing.F) {
	doc, err := record.Seal(record.Manifest{Schema: 1, Attempt: "01", Identity: testIdentity(), Files: map[string]record.FileSum{"a": {Bytes: 1, SHA256: "b"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add(doc[:len(doc)/2])
	f.Add([]byte(`{"self": ""}`))
	f.Add([]byte("\"self\": \"" + strings.Repeat("0", 64) + "\"\n}\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := record.ParseManifest(doc)
		if err != nil {
			return
		}
		if m.Self == "" {
			t.Fatal("a manifest without its checksum was taken")
		}
	})
}

func TestMarks(t *testing.T) {
	s := testStore(t)
	first := committed(t, s, 1)
	if err := s.Taint("gemma3", first.Slug, first.Attempt, "the fan was off", "ada"); err != nil {
		t.Fatal(err)
	}
	second := committed(t, s, 2)
	if err := s.Accept("gemma3", first.Slug, "", json.RawMessage(`"feed"`), "same weights", "ada"); err != nil {
		t.Fatal(err)
	}
	tainted := func() map[string]string {
		past, err := s.History(t.Context(), "gemma3")
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, p := range past {
			out[p.Attempt] = p.Tainted
		}
		return out
	}
	if got := tainted(); got[first.Attempt] != "the fan was off" || got[second.Attempt] != "" {
		t.Errorf("tainted = %v", got)
	}
	accepts, err := s.Accepts(t.Context(), "gemma3", first.Slug)
	if err != nil || len(accepts) != 1 || string(accepts[0].Identity) != `"feed"` || accepts[0].Who != "ada" {
		t.Errorf("accepts = %+v, %v", accepts, err)
	}
	if err := s.Taint("gemma3", first.Slug, "", "wrong prompts", "ada"); err != nil {
		t.Fatal(err)
	}
	third := committed(t, s, 3) // after the mark on the cell: not void
	if got := tainted(); got[second.Attempt] != "wrong prompts" || got[third.Attempt] != "" {
		t.Errorf("tainted = %v", got)
	}
	if err := s.Taint("gemma3", "no-such-cell", "", "x", "ada"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("taint of nothing = %v", err)
	}
	marks, err := filepath.Glob(filepath.Join(s.Root(), "gemma3", first.Slug, marksDir, "*.json"))
	if err != nil || len(marks) != 3 {
		t.Fatalf("marks = %v, %v", marks, err)
	}
	if err := os.WriteFile(marks[0], []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := tainted()
	if !strings.Contains(got[third.Attempt], "cannot be read") || !strings.Contains(got[first.Attempt], filepath.Base(marks[0])) {
		t.Errorf("an unreadable mark went unnoticed: %v", got)
	}
}

// A mark on a cell is of the attempts that its author saw, whatever the clocks of the machines say.
func TestMarksNameTheirAttempts(t *testing.T) {
	mine, theirs := testStore(t), testStore(t)
	bad := committed(t, theirs, 1)
	if err := theirs.Taint("gemma3", bad.Slug, "", "wrong driver", "bob"); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Accept("gemma3", bad.Slug, "", json.RawMessage(`"feed"`), "same weights", "bob"); err != nil {
		t.Fatal(err)
	}
	good := committed(t, mine, 1)
	if _, err := mine.Merge(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	past, err := mine.History(t.Context(), "gemma3")
	if err != nil || len(past) != 2 {
		t.Fatalf("%v, %v", past, err)
	}
	accepts, err := mine.Accepts(t.Context(), "gemma3", bad.Slug)
	if err != nil || len(accepts) != 1 {
		t.Fatalf("%v, %v", accepts, err)
	}
	for _, p := range past {
		ofMark := p.Attempt == bad.Attempt
		if (p.Tainted != "") != ofMark || accepts[0].Blesses(&p.Manifest, "feed") != ofMark {
			t.Errorf("attempt %s (good is %s): tainted %q, blessed %t", p.Attempt, good.Attempt, p.Tainted, accepts[0].Blesses(&p.Manifest, "feed"))
		}
	}
	// A clock that ran an hour ahead when the attempt ended.
	ahead := record.Manifest{Attempt: bad.Attempt, Ended: time.Now().Add(time.Hour)}
	one := record.Mark{Kind: record.MarkTaint, Attempt: bad.Attempt, At: time.Now()}
	whole := record.Mark{Kind: record.MarkTaint, Attempts: []string{bad.Attempt}, At: time.Now()}
	if !one.Names(&ahead) || !whole.Names(&ahead) {
		t.Error("a clock that ran ahead takes an attempt out of a mark that names it")
	}
	older := record.Mark{Kind: record.MarkTaint, At: time.Now()} // of an older matrix
	if older.Names(&ahead) || !older.Names(&record.Manifest{Ended: time.Now().Add(-time.Hour)}) {
		t.Error("a mark without names goes by the clock")
	}
}

// A mark is read whole or voids the cell: a damaged taint must not pass for none.
func FuzzMark(f *testing.F) {
	f.Add([]byte(`{"kind": "taint", "reason": "the fan was off", "at": "2026-01-01T00:00:00Z", "who": "ada"}`))
	f.Add([]byte(`{"kind": "accept", "identity": "feed"}`))
	f.Add([]byte(`{"kind": "ta`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, doc []byte) {
		cell := t.TempDir()
		path := filepath.Join(cell, marksDir, "01J00000000000000000000000.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, doc, 0o644); err != nil {
			t.Fatal(err)
		}
		marks, err := readMarks(cell)
		if err != nil || len(marks) != 1 {
			t.Fatalf("%d marks, %v", len(marks), err)
		}
		if _, err := readMark(path); err != nil && taintOf(marks, &record.Manifest{Ended: time.Now()}) == "" {
			t.Fatalf("%v, and nothing is void", err)
		}
	})
}

// TestLinkedFolder: results that somebody moved and linked are not read, and that is told whoever asks.
func TestLinkedFolder(t *testing.T) {
	for _, part := range []string{"attempt", "cell", "experiment"} {
		s := testStore(t)
		at := committed(t, s, 1).Dir
		switch part {
		case "cell":
			at = filepath.Dir(at)
		case "experiment":
			at = filepath.Dir(filepath.Dir(at))
		}
		moved := filepath.Join(t.TempDir(), "moved")
		must(t, errors.Join(os.Rename(at, moved), os.Symlink(moved, at)))
		for name, ask := range map[string]func() error{
			"History": func() error { _, err := s.History(t.Context(), ""); return err },
			"Recall":  func() error { _, err := s.Recall(t.Context(), "gemma3"); return err },
			"Verify":  func() error { _, err := s.Verify(t.Context()); return err },
		} {
			if part == "experiment" && name == "Recall" {
				continue // it is asked for by its name, and read
			}
			var said []string
			s.Notice, s.said = func(text string) { said = append(said, text) }, nil
			if err := ask(); err != nil || len(said) != 1 || !strings.Contains(said[0], at+" is a link") {
				t.Errorf("%s of a linked %s: %q, %v", name, part, said, err)
			}
		}
	}
}

// TestClockSetBack: what comes after an attempt or a mark stands behind it, though its author's clock was an hour ahead.
func TestClockSetBack(t *testing.T) {
	s := testStore(t)
	ahead := committed(t, s, 1)
	id := ulid.MustNew(ulid.Timestamp(time.Now().Add(time.Hour)), ulid.DefaultEntropy()).String()
	dir := filepath.Join(filepath.Dir(ahead.Dir), id)
	must(t, os.Rename(ahead.Dir, dir))
	ahead.Dir = dir
	resealed(t, ahead, func(m *record.Manifest) { m.Attempt, m.Ended = id, m.Ended.Add(time.Hour) })
	marks := func() []record.Mark {
		t.Helper()
		all, err := s.Accepts(t.Context(), "gemma3", ahead.Slug)
		must(t, err)
		return all
	}
	for i, identity := range []string{`"feed"`, `"cafe"`} {
		must(t, s.Accept("gemma3", ahead.Slug, "", json.RawMessage(identity), "same weights", "ada"))
		if all := marks(); len(all) != i+1 || string(all[i].Identity) != identity || !all[i].At.After(ahead.Ended.Add(time.Hour-time.Minute)) {
			t.Errorf("%d marks: %+v", len(all), all)
		}
		at := filepath.Join(filepath.Dir(dir), marksDir)
		names, err := os.ReadDir(at)
		must(t, err)
		must(t, os.Rename(filepath.Join(at, names[i].Name()), filepath.Join(at, id+".json"))) // as if made then
		id = ulid.MustNew(ulid.Timestamp(time.Now().Add(2*time.Hour)), ulid.DefaultEntropy()).String()
	}
	if later := committed(t, s, 2); later.Attempt < filepath.Base(dir) {
		t.Errorf("%s is counted as older than %s, which it followed", later.Attempt, filepath.Base(dir))
	}
}
