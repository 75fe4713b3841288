package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matrix/cmd/matrix/view"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
	"matrix/runner/plan"
	"matrix/runner/tune"
)

// readerTrees are results in which the last complete row is not what counts, and what does: cell → the figures of its
// launches, each told by how much slower it was than the first.
func readerTrees(t *testing.T) map[string]string {
	type launch = summarytest.Launch
	trees := map[string][]summarytest.Cell{
		"two launches":         {{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 1.2}}}},
		"measured again":       {{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 1.2}, {Number: 1, Scale: 2}}}},
		"changed since":        {{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 3}, {Number: 1, Scale: 2, Identity: "v2"}}}},
		"failed after it":      {{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 3, Status: record.EngineFailed}}}},
		"several segments":     {{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 1.5, Segments: 3}, {Scale: 1.1}}}},
		"nothing but segments": {{Platform: "a", Size: 40, Launches: []launch{{Segments: 2}}}},
		"void":                 {{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 5}}}},
		"accepted":             {{Platform: "a", Size: 40, Launches: []launch{{}, {Scale: 1.3}, {Scale: 4, Identity: "v2", Status: record.Interrupted}}}},
	}
	roots := map[string]string{}
	for name, cells := range trees {
		roots[name] = t.TempDir()
		cells = append(cells, summarytest.Cell{Platform: "b", Size: 40, Launches: []launch{{Scale: 1.7}}})
		ids := summarytest.Plant(t, roots[name], cells...)
		store, err := store.Open(roots[name])
		if err == nil && name == "void" {
			err = store.Taint("e", cells[0].Slug(), ids[cells[0].Slug()][1], "a noisy neighbour", "me")
		}
		if err == nil && name == "accepted" {
			err = store.Accept("e", cells[0].Slug(), "", json.RawMessage(`"v2"`), "a patch release", "me")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return roots
}

// Every command that says a cell's throughput goes by the same launches: apply's table, report, compare, tune, show, export
// and the SQL views.
func TestAllReadersGoByTheSameLaunches(t *testing.T) {
	want := map[string][]float64{"two launches": {1, 1.2}, "measured again": {2, 1.2}, "changed since": {2}, "failed after it": {1}, "several segments": {1, 1.5, 1.1},
		"nothing but segments": {1}, "void": {1}, "accepted": {1, 1.3}}
	for name, root := range readerTrees(t) {
		t.Run(name, func(t *testing.T) {
			set, err := summary.Load(t.Context(), open(t, root), root)
			if err != nil {
				t.Fatal(err)
			}
			c := set.Cells[slices.IndexFunc(set.Cells, func(c *summary.Cell) bool { return c.Platform == "a" })]
			var ids []string
			for _, a := range c.Launches {
				ids = append(ids, a.Attempt)
			}
			slices.Sort(ids)
			e := c.Estimate("output_throughput")
			if e.N != len(want[name]) {
				t.Fatalf("%d launches count, want those of %v", e.N, want[name])
			}
			for _, scale := range want[name] { // 40 requests of 32 tokens take 4 s, less where a segment's pauses are no part of it
				if !slices.ContainsFunc(c.Values("output_throughput"), func(v float64) bool { return math.Abs(v*scale/320-1) < 0.03 }) {
					t.Errorf("no launch with %v of the first's time among %v", scale, c.Values("output_throughput"))
				}
			}
			ask := func(args ...string) string {
				t.Helper()
				var out, said strings.Builder
				if code := run(t.Context(), nil, append(args, "--results", root), strings.NewReader(""), &out, &said); code != 0 {
					t.Fatalf("%v: exit %d: %s", args, code, said.String())
				}
				return out.String()
			}
			t.Run("apply", func(t *testing.T) {
				survey, err := summary.Survey(t.Context(), open(t, root), root) // what an apply's end reads
				if err != nil {
					t.Fatal(err)
				}
				askApply(t, survey, c, e)
			})
			t.Run("tune", func(t *testing.T) {
				if v, ok := (tune.Objective{Metric: "output_throughput"}).Value(nil, c); !ok || v != e.Median {
					t.Errorf("%v, want %v", v, e.Median)
				}
			})
			t.Run("compare", func(t *testing.T) {
				for _, r := range records(t, ask("compare", "--json", "platform=a", "platform=b")) {
					if a, _ := r["a"].(map[string]any); r["metric"] == "output_throughput" && a["median"] != e.Median {
						t.Errorf("%v, want %v", a["median"], e.Median)
					}
				}
			})
			t.Run("report", func(t *testing.T) {
				text := ask("report", "--format", "md", "--out", "-", "e")
				if shown := figure3(e.Median); !strings.Contains(text, shown) {
					t.Errorf("the report does not say %s", shown)
				}
			})
			t.Run("show", func(t *testing.T) {
				var got []string
				for _, r := range records(t, ask("show", "--json", c.Slug)) {
					if m, _ := r["manifest"].(map[string]any); r["counts"] == true {
						got = append(got, m["attempt"].(string))
					}
				}
				if slices.Sort(got); !slices.Equal(got, ids) {
					t.Errorf("%q, want %q", got, ids)
				}
			})
			t.Run("export", func(t *testing.T) {
				var got []string
				for _, r := range records(t, ask("export", "--format", "jsonl", "--out", "-")) {
					if r["counts"] == true && r["platform"] == "a" {
						got = append(got, r["attempt"].(string))
					}
				}
				if slices.Sort(got); !slices.Equal(got, ids) {
					t.Errorf("%q, want %q", got, ids)
				}
			})
			t.Run("sql", func(t *testing.T) { askSQL(t, root, e) })
		})
	}
}

func open(t *testing.T, root string) *store.Store {
	t.Helper()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// askApply draws the table that an apply ends with.
func askApply(t *testing.T, set *summary.Set, c *summary.Cell, e stats.Estimate) {
	of := &cell.Cell{Address: c.Address, Launches: 1, Load: &cell.Load{Mode: "closed"},
		Axes: []*cell.Axis{{Name: "platform", Label: "a"}}}
	item := &plan.Item{Cell: of, Identity: cell.Identity{Hash: c.Identity}}
	var out strings.Builder
	view.ResultTable(view.NewPrinter(&out, &out), &plan.Plan{Items: []*plan.Item{item}}, set)
	if want := fmt.Sprintf("%.1f", e.Median); !strings.Contains(out.String(), want) || !strings.Contains(out.String(), fmt.Sprintf("%d/1", e.N)) {
		t.Errorf("no %s of %d launches in\n%s", want, e.N, out.String())
	}
	if segments := c.InSegments(); segments != "" && !strings.Contains(out.String(), "segments") {
		t.Errorf("not said: %s", segments)
	}
}

// askSQL runs the documented views where DuckDB is at hand: `just engines tools`. The report has written counts.parquet.
func askSQL(t *testing.T, root string, e stats.Estimate) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(cmp.Or(os.Getenv("MATRIX_ENGINES"), filepath.Join(home, ".cache", "matrix", "engines")), "tools", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		t.Skip("needs `just engines tools`")
	}
	views, err := filepath.Abs("../../results/analysis/views.sql")
	if err != nil {
		t.Fatal(err)
	}
	const script = `
import duckdb, sys
db = duckdb.connect()
db.execute("SET VARIABLE results = ?", [sys.argv[1]])
for s in duckdb.extract_statements(open(sys.argv[2]).read()): db.execute(s)
print(*db.sql("SELECT launches, output_throughput FROM cells WHERE platform = 'a'").fetchall()[0])
print(db.sql(f"SELECT median(output_throughput) FROM '{sys.argv[1]}/e/*/*/run.parquet' SEMI JOIN (FROM '{sys.argv[1]}/e/counts.parquet' WHERE counts) USING (attempt) WHERE platform = 'a'").fetchall()[0][0])`
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), python, "-c", script, root, views).CombinedOutput()
	var n int
	var median, again float64
	if _, scan := fmt.Sscan(string(out), &n, &median, &again); err != nil || scan != nil || n != e.N || math.Abs(median-e.Median) > 1e-6 || median != again {
		t.Errorf("%s (%v), want %d launches and %v", out, err, e.N, e.Median)
	}
}

// records are the NDJSON records of a command.
func records(t *testing.T, text string) (out []map[string]any) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var r map[string]any
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		out = append(out, r)
	}
	return out
}

// figure3 writes a figure with three digits, as the report does.
func figure3(v float64) string {
	digits := max(0, 2-int(math.Floor(math.Log10(v))))
	return fmt.Sprintf("%.*f", digits, v)
}
