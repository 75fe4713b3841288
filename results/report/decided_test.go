package report

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/summary/summarytest"
	"matrix/results/table"
)

// at is a percentile by linear interpolation; what failed is never done.
func at(values []float64, failed int, q float64) float64 {
	all := slices.Sorted(slices.Values(values))
	for range failed {
		all = append(all, math.Inf(1))
	}
	rank := q * float64(len(all)-1)
	low := int(rank)
	if share := rank - float64(low); share > 0 {
		return all[low] + share*(all[low+1]-all[low])
	}
	return all[low]
}

// What the decision table says of a platform is what its rows in the Parquet say, computed anew.
func TestDecisionTableAgainstTheRows(t *testing.T) {
	root := t.TempDir()
	const joulesPerSecond = 300.0
	plant := func(platform string, broken int) {
		l := summarytest.Launch{Run: func(r *record.Run) { r.SLO = &cell.SLO{E2E: 75 * time.Millisecond} }, Row: func(i int, r *record.RequestRow) {
			first := *r.SentS + 0.01 + 0.03*math.Abs(math.Sin(float64(i)))
			last := first + 0.04 + 0.02*math.Abs(math.Cos(float64(i)))
			r.FirstTokenS, r.LastTokenS, r.DoneS = &first, &last, &last
			if i%100 == 7 && i/100 < broken {
				r.Status, r.ErrorClass = "failed", "http_500"
			}
		}}
		for s := -5.0; s < 90; s++ {
			l.Samples = append(l.Samples, record.SampleRow{TimeS: s, Source: "nvml:0", Metric: "energy_j", Value: joulesPerSecond * (s + 5)})
		}
		summarytest.Plant(t, root, summarytest.Cell{Platform: platform, Size: 800, Launches: []summarytest.Launch{l}})
	}
	plant("a", 0)
	plant("b", 4)
	doc := build(t, root, nil)
	rows := map[string]string{}
	for _, c := range docCells(t, root) {
		var ttft, tpot, e2e []float64
		failed, good, from, to := 0, 0, math.Inf(1), 0.0
		err := table.ReadRequests(c.dir, func(r record.RequestRow) error {
			from, to = min(from, *r.SentS), max(to, *r.DoneS)
			if r.Status != "ok" {
				failed++
				return nil
			}
			ttft, tpot, e2e = append(ttft, *r.FirstTokenS-*r.SentS), append(tpot, (*r.LastTokenS-*r.FirstTokenS)/float64(*r.OutputTokens-1)), append(e2e, *r.LastTokenS-*r.SentS)
			if *r.LastTokenS-*r.SentS <= 0.075 {
				good++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if good == 0 || good == 800-failed {
			t.Fatalf("%d of %d within the slo tell nothing apart", good, 800-failed)
		}
		rows[c.platform] = strings.Join([]string{percent(float64(800-failed) / 800), three(at(ttft, failed, 0.5)), "p99\u00a0" + three(at(ttft, failed, 0.99)), three(at(tpot, failed, 0.5)), "p99\u00a0" + three(at(tpot, failed, 0.99)),
			three(at(e2e, failed, 0.5)), "p99\u00a0" + three(at(e2e, failed, 0.99)), three(float64(good) / (to - from)), three(joulesPerSecond * (to - from) / float64(800-failed))}, " | ")
	}
	for _, b := range section(doc, "answer").Blocks {
		if b.Table == nil {
			continue
		}
		for _, r := range b.Table.Rows {
			var said []string
			for i, c := range b.Table.Columns {
				if v := r.Values[i]; c.Title == "Success" || c.Title == "Goodput" || c.Title == "Energy" {
					said = append(said, v.Text)
				} else if c.Title == "TTFT" || c.Title == "TPOT" || c.Title == "e2e" {
					said = append(said, v.Text, v.Detail)
				}
			}
			if got := strings.Join(said, " | "); got != rows[r.Values[0].Text] {
				t.Errorf("%s: the table says\n%s, its rows\n%s", r.Values[0].Text, got, rows[r.Values[0].Text])
			}
		}
		return
	}
	t.Error("no decision table")
}

type planted struct{ platform, dir string }

func docCells(t *testing.T, root string) (out []planted) {
	t.Helper()
	tree, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	past, err := tree.History(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range past {
		out = append(out, planted{p.Platform, p.Dir})
	}
	return out
}

// Names that differ in any sign are different files.
func TestSlug(t *testing.T) {
	seen := map[string][]string{}
	for _, parts := range [][]string{{"time", "m", "a.b"}, {"time", "m", "a-b"}, {"time", "m", "a b"}, {"time", "m-a", "b"}, {"time", "m", "A.b"}, {"time", "m", "a_b"}, {"time", "m", "a.b."},
		{"time", "m", "größe"}, {"time", "m", "größe "}, {"time", "m", "模型"}, {"time", "m", "型模"}} {
		id := slug(parts...)
		if was, twice := seen[id]; twice {
			t.Errorf("%q and %q are both %s", was, parts, id)
		}
		seen[id] = parts
		if strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			t.Errorf("%q is %s", parts, id)
		}
	}
	if id := slug("time", "gemma3_4b", "vllm_serve"); id != "time-gemma3_4b-vllm_serve" {
		t.Errorf("plain names are %s", id)
	}
}
