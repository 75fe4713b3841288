package decision

import (
	"strings"
	"testing"

	"matrix/results"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

// planted is the one group of a tree: two platforms, three launches each at 1,000 requests; b's rows are changed.
func planted(t *testing.T, change func(i int, r *results.RequestRow)) Question {
	t.Helper()
	root := t.TempDir()
	a := summarytest.Cell{Platform: "a", Size: 200, Launches: make([]summarytest.Launch, 3)}
	b := summarytest.Cell{Platform: "b", Size: 200, Launches: make([]summarytest.Launch, 3)}
	for i := range 3 {
		a.Launches[i].Scale = 1 + 0.01*float64(i)
		b.Launches[i].Scale = 0.5 + 0.005*float64(i)
		b.Launches[i].Row = change
	}
	summarytest.Plant(t, root, a, b)
	store, err := results.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	set, err := summary.Load(t.Context(), store, root)
	if err != nil {
		t.Fatal(err)
	}
	res, err := Decide(t.Context(), set, Options{Requests: []int64{5000}})
	if err != nil || len(res.Groups) != 1 {
		t.Fatalf("%d groups, %v", len(res.Groups), err)
	}
	return res.Groups[0].Questions[0]
}

// From files to the verdict: twice as fast wins, but not with twice the prompt, or by failing.
func TestPlantedTrees(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		change  func(i int, r *results.RequestRow)
		verdict string
		says    string
	}{
		"healthy":           {nil, Winner, "Choose b for 5,000 requests"},
		"twice the prompt":  {func(_ int, r *results.RequestRow) { r.InputTokens = number(400) }, NotComparable, "Send both the same text"},
		"half the answers":  {func(_ int, r *results.RequestRow) { r.OutputTokens = number(4) }, NotComparable, "ignore_eos"},
		"one in ten failed": {func(i int, r *results.RequestRow) { failed(r, i%10 == 0) }, Winner, "Choose a for 5,000 requests"},
		"one of 200 failed": {func(i int, r *results.RequestRow) { failed(r, i == 7) }, Winner, "Choose b for 5,000 requests"},
	} {
		t.Run(name, func(t *testing.T) {
			q := planted(t, c.change)
			if q.Verdict != c.verdict || !strings.Contains(strings.Join(q.Sentences, " "), c.says) {
				t.Errorf("%s: %v", q.Verdict, q.Sentences)
			}
		})
	}
}

func failed(r *results.RequestRow, it bool) {
	if it {
		r.Status = "failed"
	}
}
