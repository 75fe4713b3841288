package summary

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/store"
	"matrix/results/summary/summarytest"
)

// h100 is a real results tree.
func h100(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	summarytest.H100(t, root)
	return root
}

func load(t *testing.T, root string) *Set {
	t.Helper()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Load(context.Background(), store, root)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestUnreadableTree: the folder is named, once.
func TestUnreadableTree(t *testing.T) {
	root := filepath.Join(t.TempDir(), "results")
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Survey(t.Context(), store, root); err == nil || !strings.HasPrefix(err.Error(), "read the results in "+root+": ") {
		t.Errorf("%v", err)
	}
}

func named(t *testing.T, s *Set, name string) *Cell {
	t.Helper()
	for _, c := range s.Cells {
		if c.Name == name && len(c.Launches) > 0 {
			return c
		}
	}
	t.Fatalf("no cell %s", name)
	return nil
}

func words(differences []Difference) (out []string) {
	for _, d := range differences {
		out = append(out, d.String())
	}
	return out
}

func TestUnlikeOnRealResults(t *testing.T) {
	set := load(t, h100(t))
	serve, ollama := named(t, set, "vllm_serve/shape4b/100"), named(t, set, "ollama/shape4b/100")
	got := words(Unlike(serve, ollama))
	for _, want := range []string{"load: closed, 512 in flight against closed, 16 in flight", "ignore_eos: true against false",
		"top_k: 0 against 40", "context: 4096 tokens against 1024 tokens"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	for _, d := range got {
		for _, alike := range []string{"model:", "prompts:", "GPU:", "batch size:", "gpu_memory_utilization", "precision:" /* bfloat16, F16 */} {
			if strings.HasPrefix(d, alike) {
				t.Errorf("said although alike or not to be compared: %s", d)
			}
		}
	}
	offline := named(t, set, "vllm_offline/shape4b/100")
	if got := words(Unlike(serve, offline)); !slices.Contains(got, "load: closed, 512 in flight against batch") {
		t.Errorf("serve against offline: %q", got)
	}
	if got := Unlike(serve, serve); len(got) > 0 {
		t.Errorf("a cell differs from itself in %v", got)
	}
	if like := set.Like(serve); len(like) != 2 {
		t.Errorf("%d cells are like vllm serve's", len(like))
	}
}

func TestSeriesKeepsPeaks(t *testing.T) {
	set := load(t, h100(t))
	a := named(t, set, "vllm_serve/shape4b/1000").First()
	full, err := a.Series(1<<20, "rss_bytes", "kv_cache_usage_perc")
	if err != nil {
		t.Fatal(err)
	}
	thin, err := a.Series(10, "rss_bytes", "kv_cache_usage_perc")
	if err != nil {
		t.Fatal(err)
	}
	if len(full) == 0 || len(full) != len(thin) {
		t.Fatalf("%d series, thin %d", len(full), len(thin))
	}
	for i, s := range thin {
		if len(s.Values) > 10 || !slices.IsSorted(s.Times) || slices.Max(s.Values) != slices.Max(full[i].Values) {
			t.Errorf("%s %s: %d of %d readings, peak %v of %v", s.Source, s.Metric, len(s.Values), len(full[i].Values), slices.Max(s.Values), slices.Max(full[i].Values))
		}
	}
}

// launches writes a cell's launches, each with n requests and its own speed.
func launches(t *testing.T, store *store.Store, name string, n int, scales ...float64) {
	t.Helper()
	c := &cell.Cell{Experiment: "e", BatchSize: n, Address: strings.Repeat(fmt.Sprintf("%x", len(name)%16), 64), Slug: name,
		Axes:     []*cell.Axis{{Name: "platform", Label: name}, {Name: "model", Label: "m"}, {Name: "batch_size", Label: fmt.Sprint(n)}},
		Platform: &cell.Platform{ID: "p"}, Model: &cell.Model{ID: "m"}}
	for i, scale := range scales {
		a, err := store.Begin(c, cell.Identity{Hash: name}, i+1, nil)
		if err != nil {
			t.Fatal(err)
		}
		for seq := range n {
			if err := a.Append(row(seq, n, scale), nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.Commit(record.Complete, "done", "", record.Run{Planned: int64(n), Mode: "closed", Concurrency: 4}); err != nil {
			t.Fatal(err)
		}
	}
}

// row takes (seq + 1)/n · scale seconds; each tenth fails.
func row(seq, n int, scale float64) record.RequestRow {
	sent, tokens := 0.0, int64(10)
	last := scale * float64(seq+1) / float64(n)
	first := last / 2
	r := record.RequestRow{Seq: int64(seq), Phase: "measure", Status: "ok", Attempts: 1, TokenSource: "usage", SentS: &sent, FirstTokenS: &first,
		LastTokenS: &last, DoneS: &last, OutputTokens: &tokens, InputTokens: &tokens}
	if seq%10 == 9 {
		r.Status, r.FirstTokenS, r.LastTokenS, r.OutputTokens = "failed", nil, nil, nil
	}
	return r
}

func TestEstimatesAcrossLaunches(t *testing.T) {
	root := t.TempDir()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	launches(t, store, "few", 20, 1, 1.1)
	launches(t, store, "usual", 20, 1, 1.02, 0.98, 1.01, 5)
	launches(t, store, "more-yet", 20, 1, 1.1, 0.9, 1.05, 1.2, 0.97)
	set := load(t, root)
	few, usual, many := set.Cells[0], set.Cells[2], set.Cells[1]
	if few.Slug != "few" || many.Slug != "more-yet" {
		t.Fatalf("cells %s %s %s", few.Slug, many.Slug, usual.Slug)
	}
	e := set.Estimate(few, "output_throughput")
	if e.Method != stats.Pooled || e.N != 2 || !(e.Low < e.Min && e.Max < e.High) || !(e.Low <= e.Median && e.Median <= e.High) {
		t.Errorf("two launches: %+v", e)
	}
	if e := set.Estimate(many, "output_throughput"); e.Method != stats.Ranks {
		t.Errorf("six launches: %+v", e)
	}
	if r := set.Ratio(few, many, "output_throughput"); r.Method != stats.Pooled || r.P != nil {
		t.Errorf("2 against 6: %+v", r)
	}
	if r := set.Ratio(usual, many, "output_throughput"); r.P == nil {
		t.Errorf("5 against 6: %+v", r)
	}
	if notes := usual.Notes("output_throughput"); len(notes) != 1 || !strings.HasPrefix(notes[0], "launch 5 is unusual") {
		t.Errorf("notes %q", notes)
	}
	if notes := few.Notes("ttft_p99_s"); len(notes) != 1 || notes[0] != "p99 needs 662 requests, has 18" {
		t.Errorf("notes %q", notes)
	}
}

func TestDistributions(t *testing.T) {
	root := t.TempDir()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	launches(t, store, "small", 1000, 1)
	launches(t, store, "large--", 10_000, 1)
	set := load(t, root)
	found, err := set.Distributions(t.Context(), set.Cells, "ttft_s", "e2e_s", "client_queue_s")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range set.Cells {
		e2e := found[c]["e2e_s"]
		if e2e == nil || found[c]["client_queue_s"] != nil {
			t.Fatalf("%s: %v", c.Slug, found[c])
		}
		if n := c.BatchSize; e2e.N != n*9/10 || e2e.Failures != n/10 || e2e.Exact != (n == 1000) {
			t.Errorf("%s: %d values, %d failures, exact %t", c.Slug, e2e.N, e2e.Failures, e2e.Exact)
		}
		for i, p := range e2e.Points {
			if math.Abs(p.Value-p.Share) > 0.012 { // evenly spread over 0 to 1 s
				t.Errorf("%s: share %v took at most %v s", c.Slug, p.Share, p.Value)
			}
			if half := found[c]["ttft_s"].Points[i].Value; math.Abs(half-p.Value/2) > 0.01 {
				t.Errorf("%s: ttft %v beside e2e %v", c.Slug, half, p.Value)
			}
		}
	}
	if _, err := set.Distributions(t.Context(), set.Cells[:1], "nonsense"); err == nil {
		t.Error("an unknown column is read")
	}
}

func TestDamagedAttemptIsAProblem(t *testing.T) {
	root := t.TempDir()
	tree, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	launches(t, tree, "few", 20, 1, 1)
	path, err := filepath.Glob(filepath.Join(root, "e", "few", "*", "run.parquet"))
	if err != nil || len(path) != 2 {
		t.Fatal(path, err)
	}
	doc, err := os.ReadFile(path[0])
	if err != nil {
		t.Fatal(err)
	}
	doc[len(doc)/2] ^= 1
	if err := os.WriteFile(path[0], doc, 0o644); err != nil {
		t.Fatal(err)
	}
	set := load(t, root)
	if len(set.Problems) != 1 || set.Problems[0].Problem != store.ResultCorrupt || len(set.Cells[0].Attempts) != 1 || len(set.Cells[0].Launches) != 1 {
		t.Errorf("problems %+v, %d attempts", set.Problems, len(set.Cells[0].Attempts))
	}
}
