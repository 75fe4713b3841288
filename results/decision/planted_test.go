package decision

import (
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/summary/summarytest"
	"matrix/results/summary/summarytest/planted"
)

// plantedPair is the one group of a tree: two platforms, three launches each at 1,000 requests; b's rows are changed.
func plantedPair(t *testing.T, change func(i int, r *record.RequestRow)) Question {
	t.Helper()
	a := summarytest.Cell{Platform: "a", Size: 200, Launches: make([]summarytest.Launch, 3)}
	b := summarytest.Cell{Platform: "b", Size: 200, Launches: make([]summarytest.Launch, 3)}
	for i := range 3 {
		a.Launches[i].Scale = 1 + 0.01*float64(i)
		b.Launches[i].Scale = 0.5 + 0.005*float64(i)
		b.Launches[i].Row = change
	}
	res := decidedOf(t, a, b)
	if len(res.Groups) != 1 {
		t.Fatalf("%d groups", len(res.Groups))
	}
	return res.Groups[0].Questions[0]
}

// decidedOf is what planted cells hold.
func decidedOf(t *testing.T, cells ...summarytest.Cell) *Result {
	t.Helper()
	res, err := Decide(t.Context(), planted.Read(t, cells...), Options{Requests: []int64{5000}})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// From files to the verdict: twice as fast wins, but not with twice the prompt, or by failing.
func TestPlantedTrees(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		change  func(i int, r *record.RequestRow)
		verdict string
		says    string
	}{
		"healthy":               {nil, Winner, "Choose b for 5,000 requests"},
		"twice the prompt":      {func(_ int, r *record.RequestRow) { r.InputTokens = number(400) }, NotComparable, "Send both the same text"},
		"not a word, one token": {func(_ int, r *record.RequestRow) { r.OutputTokens, r.FinishReason = number(1), "abort" }, NotComparable, `Not comparable: b, 200 requests: 600 of 600 requests counted as answered ended by "abort"`},
		"half the answers":      {func(_ int, r *record.RequestRow) { r.OutputTokens = number(4) }, NotComparable, "ignore_eos"},
		"one in ten failed":     {func(i int, r *record.RequestRow) { failed(r, i%10 == 0) }, Winner, "Choose a for 5,000 requests"},
		"one of 200 failed":     {func(i int, r *record.RequestRow) { failed(r, i == 7) }, Winner, "Choose b for 5,000 requests"},
	} {
		t.Run(name, func(t *testing.T) {
			q := plantedPair(t, c.change)
			if q.Verdict != c.verdict || !strings.Contains(strings.Join(q.Sentences, " "), c.says) {
				t.Errorf("%s: %v", q.Verdict, q.Sentences)
			}
			if q.Verdict == NotComparable && (len(q.Missing) != 1 || !strings.HasSuffix(q.Missing[0].Text, "; then measure again")) {
				t.Errorf("what to do is not said: %+v", q.Missing)
			}
		})
	}
}

// What only one side was asked makes no group of its own, in which nothing is to be compared: the answer says what it is. Where
// others were asked the same, the group stays theirs.
func TestAskedOfOneSide(t *testing.T) {
	cell := func(platform string, size int, generate map[string]any) summarytest.Cell {
		c := summarytest.Cell{Platform: platform, Size: size, Launches: make([]summarytest.Launch, 2)}
		c.Launches[1].Scale = 1.01
		if generate != nil {
			c.Spec = map[string]any{"generate": generate}
		}
		return c
	}
	thinks, short := map[string]any{"thinking": true, "max_tokens": 64}, map[string]any{"max_tokens": 4}
	for name, c := range map[string]struct {
		cells   []summarytest.Cell
		verdict string
		says    string
	}{
		"thinks":                {[]summarytest.Cell{cell("a", 100, nil), cell("b", 100, thinks)}, NotComparable, "thinking false against true"},
		"thinks, at other size": {[]summarytest.Cell{cell("a", 100, nil), cell("b", 50, thinks)}, NotComparable, "thinking false against true"},
		"fewer tokens":          {[]summarytest.Cell{cell("a", 100, map[string]any{"max_tokens": 64}), cell("b", 100, short)}, NotComparable, "max_tokens 64 against 4"},
		"one of three":          {[]summarytest.Cell{cell("a", 100, nil), cell("b", 100, nil), cell("c", 100, thinks)}, Tie, "a or b"},
	} {
		t.Run(name, func(t *testing.T) {
			groups := decidedOf(t, c.cells...).Groups
			q := groups[len(groups)-1].Questions[0] // what is alone comes first
			if q.Verdict != c.verdict || !strings.Contains(q.Sentences[0], c.says) {
				t.Errorf("%s: %v", q.Verdict, q.Sentences)
			}
		})
	}
}

func failed(r *record.RequestRow, it bool) {
	if it {
		r.Status = "failed"
	}
}

// What all first sentences begin with is said once where they are read together.
func TestLeadSaysOnceWhereFiguresAreFrom(t *testing.T) {
	const from = "Partly on imported figures"
	g := Group{Questions: []Question{{Answer: Answer{Sentences: []string{from + ": Choose a."}}, from: from}, {Answer: Answer{Sentences: []string{from + ": Choose b."}}, from: from}}}
	if got := g.Lead(); len(got) != 2 || got[0] != from+": Choose a." || got[1] != "Choose b." {
		t.Errorf("%q", got)
	}
}
