package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/table"
)

func testStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.Version = "test"
	s.fs = &disk.FS{NoSync: true}
	return s
}

func testCell(batch int) *cell.Cell {
	return &cell.Cell{
		Experiment: "gemma3", BatchSize: batch,
		Address: "a81f3c0e00112233445566778899aabbccddeeff00112233445566778899aabb",
		Slug:    fmt.Sprintf("ollama-gemma3_4b-%d-a81f3c0e00112233", batch),
		Axes: []*cell.Axis{{Name: "platform", Label: "ollama", JSON: `"ollama"`},
			{Name: "model", Label: "gemma3_4b", JSON: `"gemma3_4b"`},
			{Name: "batch_size", Label: fmt.Sprint(batch), JSON: fmt.Sprint(batch)}},
		Platform: &cell.Platform{ID: "ollama", Backend: "ollama"},
		Model:    &cell.Model{ID: "gemma3_4b"},
	}
}

func testIdentity() cell.Identity {
	return cell.Identity{
		Address: "a81f3c0e", Hash: "feed",
		Components: cell.Parts{
			Spec:    &cell.Component{Hash: "01", Value: json.RawMessage(`{"args":{"stop":"<b>&"},"list":[1,2]}`)},
			Backend: &cell.Component{Hash: "02", Value: json.RawMessage(`{"name":"ollama","version":"0.33.0"}`)},
		},
	}
}

func begin(t testing.TB, s *Store, batch int) *Attempt {
	t.Helper()
	a, err := s.Begin(testCell(batch), testIdentity(), 1, []byte("experiment {}"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// okRow is a plausible finished request.
func okRow(seq int64) record.RequestRow {
	r := rand.New(rand.NewPCG(uint64(seq), 7))
	at := func(v float64) *float64 { v = float64(int64(v*1e9)) / 1e9; return &v }
	sent := float64(seq)*0.01 + r.Float64()*0.001
	n := int64(20 + r.IntN(200))
	row := record.RequestRow{
		Seq: seq, PromptID: fmt.Sprintf("candidate-%06d", seq), Phase: record.PhaseMeasure, Segment: 1,
		Status: record.StatusOK, HTTPStatus: new(int32(200)), Attempts: 1,
		SentS: at(sent), FirstChunkS: at(sent + 0.05), FirstTokenS: at(sent + 0.051 + r.Float64()*0.02),
		InputTokens: new(int64(300 + r.IntN(100))), OutputTokens: &n, MaxTokens: 256,
		TokenSource: "usage", FinishReason: "stop", Chunks: int32(n),
	}
	row.LastTokenS = at(*row.FirstTokenS + float64(n)*0.02*(1+r.Float64()*0.1))
	row.DoneS = at(*row.LastTokenS + 0.0005*r.Float64())
	for i := range 16 {
		row.PromptHash[i], row.OutputHash[i] = byte(r.Uint32()), byte(r.Uint32())
	}
	return row
}

func failedRow(seq int64, status string) record.RequestRow {
	row := record.RequestRow{Seq: seq, PromptID: fmt.Sprintf("candidate-%06d", seq), Phase: record.PhaseMeasure, Segment: 1,
		Status: status, ErrorClass: "engine_died", Error: "the engine died", Attempts: 1, MaxTokens: 256, TokenSource: "none"}
	if status != record.StatusNotSent {
		row.SentS, row.DoneS = new(float64(seq)*0.01), new(float64(seq)*0.01+1)
	}
	return row
}

func mustAppend(t testing.TB, a *Attempt, row record.RequestRow, text string) {
	t.Helper()
	var out *record.OutputRow
	if text != "" {
		out = &record.OutputRow{Seq: row.Seq, PromptID: row.PromptID, Text: text}
	}
	if err := a.Append(row, out); err != nil {
		t.Fatal(err)
	}
}

func readAll[R any](t testing.TB, dir string, read func(string, func(R) error) error) []R {
	t.Helper()
	var out []R
	if err := read(dir, func(r R) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func onlyPast(t testing.TB, s *Store) Past {
	t.Helper()
	past, err := s.History(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(past) != 1 {
		t.Fatalf("history has %d attempts, want 1", len(past))
	}
	return past[0]
}

// writeLongLog writes a log of a gigabyte that takes no room.
func writeLongLog(t *testing.T, path string) {
	t.Helper()
	log, err := os.Create(path)
	if err == nil {
		_, err = log.WriteString("first\n")
		_, last := log.WriteAt([]byte("last\n"), 1e9-5)
		err = errors.Join(err, last, log.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shortened holds a log against what is kept of a long one.
func shortened(t *testing.T, path string) {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil || len(log) > 2*logEnd+100 || !strings.HasPrefix(string(log), "first\n") || !strings.HasSuffix(string(log), "last\n") ||
		!strings.Contains(string(log), fmt.Sprintf("\n… %d bytes are left out …\n", 1_000_000_000-2*logEnd)) {
		t.Errorf("server.log has %d bytes, %v", len(log), err)
	}
}

// TestLongLog: of a log that an engine fills without end both ends are kept, and it is said.
func TestLongLog(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 1)
	mustAppend(t, a, okRow(0), "")
	writeLongLog(t, a.LogPath())
	if _, err := a.Commit(record.Complete, "done", "", record.Run{Planned: 1, Mode: "closed"}); err != nil {
		t.Fatal(err)
	}
	p := onlyPast(t, s)
	shortened(t, filepath.Join(p.Dir, logFile))
	if row, err := table.ReadRun(p.Dir); err != nil || !slices.Contains(row.Warnings(), longLog(1_000_000_000-2*logEnd)) {
		t.Errorf("%v, %v", row.Warnings(), err)
	}
	if bad, err := s.Verify(t.Context()); err != nil || len(bad) != 0 {
		t.Errorf("verify = %v, %v", bad, err)
	}
	l, err := s.BeginServer("e")
	if err != nil {
		t.Fatal(err)
	}
	if said, err := l.ShortenLog(); said != "" || err != nil {
		t.Errorf("without a log: %q, %v", said, err)
	}
	writeLongLog(t, l.LogPath())
	for _, want := range []string{longLog(1_000_000_000 - 2*logEnd), ""} {
		if said, err := l.ShortenLog(); said != want || err != nil {
			t.Errorf("%q, %v, want %q", said, err, want)
		}
		shortened(t, l.LogPath())
	}
}

func TestRoundTrip(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 3)
	warm := okRow(0)
	warm.Phase = "warmup"
	gaps := okRow(0)
	gaps.ChunkGapsS, gaps.ScheduledS = []float64{0.1, 0.2}, new(0.0)
	empty := okRow(1)
	empty.ChunkGapsS, empty.CachedTokens = []float64{}, new(int64(0))
	want := []record.RequestRow{warm, gaps, empty, failedRow(2, "failed")}
	for i, row := range want {
		mustAppend(t, a, row, []string{"", "zero ünï", "", ""}[i])
		record.Derive(&want[i])
	}
	samples := []record.SampleRow{{TimeS: -1, UnixS: 1.7e9, Source: "process", Metric: "rss_bytes", Value: 1e9},
		{TimeS: 0.5, UnixS: 1.7e9 + 1.5, Source: "process", Metric: "rss_bytes", Value: 2e9}}
	if err := a.Sample(samples...); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.LogPath(), []byte("ready\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Commit(record.Complete, "done", "", record.Run{Planned: 3, Mode: "closed"}); err != nil {
		t.Fatal(err)
	}
	p := onlyPast(t, s)
	if p.Problem != "" || p.Status != record.Complete || p.OK != 2 {
		t.Fatalf("past = %q %q ok %d", p.Problem, p.Status, p.OK)
	}
	if diff := cmp.Diff(want, readAll(t, p.Dir, table.ReadRequests)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	wantOut := []record.OutputRow{{Seq: 0, PromptID: "candidate-000000", Segment: 1, Text: "zero ünï"}}
	if diff := cmp.Diff(wantOut, readAll(t, p.Dir, table.ReadOutputs)); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(samples, readAll(t, p.Dir, table.ReadSamples)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(testIdentity(), p.Identity); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if log, err := os.ReadFile(filepath.Join(p.Dir, logFile)); err != nil || string(log) != "ready\n" {
		t.Errorf("server.log = %q, %v", log, err)
	}
	if left, _ := folders(s.inner(workDir)); len(left) != 0 {
		t.Errorf("work/ still has %v", left)
	}
	if bad, err := s.Verify(t.Context()); err != nil || len(bad) != 0 {
		t.Errorf("verify = %v, %v", bad, err)
	}
}

func TestCompleteNeedsEachRow(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 2)
	mustAppend(t, a, okRow(0), "")
	_, err := a.Commit(record.Complete, "", "", record.Run{Planned: 2})
	if err == nil || err.Error() != "commit attempt: 1 of 2 planned requests have a row" {
		t.Fatalf("err = %v", err)
	}
	if _, err := a.Commit(record.Interrupted, "one is missing", "", record.Run{Planned: 2}); err != nil {
		t.Fatal(err)
	}
	if p := onlyPast(t, s); p.Status != record.Interrupted || p.Planned != 2 || p.OK != 1 {
		t.Errorf("past = %+v", p.Manifest)
	}
}

// A cell stopped midway goes on as the same attempt: requests that we stopped are asked again and end as
// one row, the final one.
func TestResume(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 4)
	warm := okRow(0)
	warm.Phase = "warmup"
	mustAppend(t, a, warm, "")
	mustAppend(t, a, okRow(0), "first")
	mustAppend(t, a, failedRow(1, record.StatusCanceled), "half an ans")
	mustAppend(t, a, failedRow(2, "failed"), "")
	mustAppend(t, a, failedRow(3, record.StatusNotSent), "")
	if err := a.Suspend(record.Run{Planned: 4, Mode: "closed", PageCache: "warm"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Append(okRow(3), nil); err == nil {
		t.Error("append after suspend: no error")
	}
	unfinished, err := s.Unfinished(t.Context())
	if err != nil || len(unfinished) != 1 {
		t.Fatalf("unfinished = %v, %v", unfinished, err)
	}
	b := unfinished[0]
	if b.SavedRun() == nil || b.SavedRun().PageCache != "warm" || b.Manifest().Attempt != a.Manifest().Attempt {
		t.Errorf("saved run = %+v", b.SavedRun())
	}
	for seq, want := range []bool{true, false, true, false, false} {
		if got := b.Finished(int64(seq)); got != want {
			t.Errorf("finished(%d) = %v, want %v", seq, got, want)
		}
	}
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	if b.Segment() != 2 || b.Done() != 2 {
		t.Errorf("segment %d, done %d", b.Segment(), b.Done())
	}
	mustAppend(t, b, warm, "")
	mustAppend(t, b, okRow(1), "whole answer")
	mustAppend(t, b, okRow(3), "")
	if _, err := b.Commit(record.Complete, "done", "", record.Run{Planned: 4, Mode: "closed"}); err != nil {
		t.Fatal(err)
	}
	p := onlyPast(t, s)
	var got []string
	for _, r := range readAll(t, p.Dir, table.ReadRequests) {
		got = append(got, fmt.Sprint(r.Phase, " ", r.Seq, " ", r.Segment, " ", r.Status))
	}
	want := []string{"warmup 0 1 ok", "measure 0 1 ok", "measure 2 1 failed", "warmup 0 2 ok", "measure 1 2 ok", "measure 3 2 ok"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var texts []string
	for _, o := range readAll(t, p.Dir, table.ReadOutputs) {
		texts = append(texts, o.Text)
	}
	if diff := cmp.Diff([]string{"first", "whole answer"}, texts); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if p.Segments != 2 || p.OK != 3 {
		t.Errorf("manifest: segments %d, ok %d", p.Segments, p.OK)
	}
}

// An attempt that was cut short before its first measured row starts over, as its first segment.
func TestResumeBeforeMeasuring(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 1)
	warm := okRow(0)
	warm.Phase = "warmup"
	mustAppend(t, a, warm, "")
	if err := a.Suspend(record.Run{}); err != nil {
		t.Fatal(err)
	}
	unfinished, err := s.Unfinished(t.Context())
	if err != nil || len(unfinished) != 1 {
		t.Fatalf("unfinished = %v, %v", unfinished, err)
	}
	b := unfinished[0]
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, b, okRow(0), "")
	if _, err := b.Commit(record.Complete, "", "", record.Run{}); err != nil {
		t.Fatal(err)
	}
	p := onlyPast(t, s)
	if rows := readAll(t, p.Dir, table.ReadRequests); len(rows) != 1 || p.Segments != 1 {
		t.Errorf("%d rows, %d segments", len(rows), p.Segments)
	}
}

func TestAbandon(t *testing.T) {
	s := testStore(t)
	a := begin(t, s, 2)
	mustAppend(t, a, okRow(0), "")
	if err := a.Suspend(record.Run{Mode: "closed", Simulated: true}); err != nil {
		t.Fatal(err)
	}
	unfinished, err := s.Unfinished(t.Context())
	if err != nil || len(unfinished) != 1 {
		t.Fatalf("unfinished = %v, %v", unfinished, err)
	}
	if _, err := unfinished[0].Abandon(record.Interrupted, "the cell changed"); err != nil {
		t.Fatal(err)
	}
	p := onlyPast(t, s)
	if p.Status != record.Interrupted || p.Reason != "the cell changed" || !p.Simulated || p.OK != 1 {
		t.Errorf("past = %+v", p.Manifest)
	}
}
