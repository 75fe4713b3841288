package summary

import (
	"math"
	"testing"

	"matrix/results/predict"
	"matrix/results/record"
	"matrix/results/summary/summarytest"
)

// TestFinishTimesOfH100 holds predictions against what a real card measured. Its first launch compiled.
func TestFinishTimesOfH100(t *testing.T) {
	root := t.TempDir()
	summarytest.H100(t, root)
	set := load(t, root)
	cold := 0
	starts, _, err := set.Cold()
	if err != nil {
		t.Fatal(err)
	}
	for a, is := range starts {
		if is {
			cold++
			if a.Attempt != "01M859QRBHVWTYES33WWXDF6P1" {
				t.Errorf("%s of %s is cold", a.Attempt, a.Name)
			}
		}
	}
	if cold != 1 {
		t.Errorf("%d cold starts", cold)
	}
	held, err := set.HeldOut(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	median, covered := held.Score()
	t.Logf("median error %.1f%%, covered %.0f%%", 100*median, 100*covered)
	if len(held.All) != 2 || median > 0.10 || covered < 0.80 {
		t.Errorf("%d launches, median error %.3f, covered %.2f", len(held.All), median, covered)
	}
}

// TestFirstAndLaterStartsOfH100: whoever ran the small batch first paid for compiling, and no batch size is to blame.
func TestFirstAndLaterStartsOfH100(t *testing.T) {
	root := t.TempDir()
	summarytest.H100(t, root)
	set := load(t, root)
	groups := BySize(set.Cells)
	model, err := set.FinishModel(t.Context(), groups)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]predict.Finish{}
	for i, group := range groups {
		if f, ok := model.Finish(i, 100); ok {
			seen[group[0].Platform] = f
		}
		if group[0].Platform == "vllm_offline" {
			if len(group) != 2 {
				t.Errorf("%d sizes of vllm_offline go together", len(group))
			}
			first, ok := model.First(i, 100)
			if !ok || math.Abs(first.Load.Seconds-144.68) > 0.01 || !first.Load.Cold {
				t.Errorf("first start %+v", first)
			}
		}
	}
	if f := seen["vllm_offline"]; math.Abs(f.Load.Seconds-48.21) > 0.01 || math.Abs(f.Seconds-48.21-1.416) > 0.01 {
		t.Errorf("offline %+v", f)
	}
	if f := seen["vllm_serve"]; f.Load.Starts != 2 || math.Abs(f.Load.Seconds-math.Sqrt(69.97*63.88)) > 0.01 {
		t.Errorf("serve %+v", f)
	}
	if f := seen["ollama"]; f.Load.Source != predict.LoadMeasured || math.Abs(f.Load.Seconds-4.57) > 0.01 {
		t.Errorf("ollama %+v", f)
	}
}

// TestLoadOfASharedServer: its cells have no load of their own, and yet it is known.
func TestLoadOfASharedServer(t *testing.T) {
	root := t.TempDir()
	summarytest.H100Batches(t, root)
	set := load(t, root)
	groups := BySize(set.Cells) // they differ in max_tokens
	model, err := set.FinishModel(t.Context(), groups)
	if err != nil || len(groups) != 2 {
		t.Fatal(len(groups), err)
	}
	for i := range groups {
		f, ok := model.Finish(i, 50_000)
		if !ok || f.Load.Source != predict.LoadMeasured || math.Abs(f.Load.Seconds-47.36) > 0.01 {
			t.Errorf("%s: %+v", groups[i][0].Name, f)
		}
	}
}

// TestFitMeetsWhatWasMeasured: a request more than a measured size takes no other time, though the fit tells it. The large
// batches are those in which the driver fell behind its engine.
func TestFitMeetsWhatWasMeasured(t *testing.T) {
	for name, unpack := range map[string]func(testing.TB, string){"h100": summarytest.H100, "h100_batches": summarytest.H100Batches} {
		root := t.TempDir()
		unpack(t, root)
		set := load(t, root)
		groups := BySize(set.Cells)
		model, err := set.FinishModel(t.Context(), groups)
		if err != nil {
			t.Fatal(err)
		}
		for i, group := range groups {
			n := group[len(group)-1].BatchSize
			was, ok := model.Run(i, n)
			near, _ := model.Run(i, n+1)
			twice, _ := model.Run(i, 2*n)
			if ok && (math.Abs(near.RunS/was.RunS-1) > 0.04 || n >= 1000 && math.Abs(twice.RunS/was.RunS-2) > 0.1) {
				t.Errorf("%s, %s: %d took %.1f s, one more is told to take %.1f s, twice as many %.1f s", name, group[0].Name, n, was.RunS, near.RunS, twice.RunS)
			}
		}
	}
}

// TestFinishWithoutRows: a tree that was copied without the rows of each request answers much as the whole one does.
func TestFinishWithoutRows(t *testing.T) {
	root := t.TempDir()
	summarytest.H100(t, root)
	times := func(set *Set) (out []float64) {
		groups := BySize(set.Cells)
		model, err := set.FinishModel(t.Context(), groups)
		if err != nil {
			t.Fatal(err)
		}
		for i := range groups {
			for _, n := range []int64{1000, 20_000} {
				if _, run, ok := model.Seconds(i, n); ok {
					out = append(out, run)
				}
			}
		}
		return out
	}
	whole, set := times(load(t, root)), load(t, root)
	for _, c := range set.Cells {
		for _, a := range c.Attempts {
			a.Absent, a.Dir = []string{"requests.parquet"}, t.TempDir()
		}
	}
	for i, got := range times(set) {
		if off := math.Abs(got/whole[i] - 1); off > 0.10 {
			t.Errorf("%.1f s without rows, %.1f s with them", got, whole[i])
		}
	}
}

// TestFailedRequestsAreNoAnswers: where nobody looked at the answers, as of an imported result, those that came are counted: where four
// of ten requests failed, n answers take the time of n/0.6 requests.
func TestFailedRequestsAreNoAnswers(t *testing.T) {
	cell := func(platform string, failed int) summarytest.Cell {
		row := func(i int, r *record.RequestRow) {
			if r.Valid = nil; i%10 < failed {
				r.Status = record.StatusFailed
			}
		}
		return summarytest.Cell{Platform: platform, Size: 200, Launches: []summarytest.Launch{{Row: row}}}
	}
	root := t.TempDir()
	summarytest.Plant(t, root, cell("all", 0), cell("some", 4))
	set := load(t, root)
	model, err := set.FinishModel(t.Context(), [][]*Cell{set.Cells[:1], set.Cells[1:]})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*Attempt{set.Cells[0].Launches[0], set.Cells[1].Launches[0]} {
		if a.Number(record.MetricValid) != nil {
			t.Fatal("somebody looked at the answers")
		}
	}
	all, _ := model.Run(0, 200)
	some, _ := model.Run(1, 200)
	if x := some.RunS / all.RunS; math.Abs(x-1/0.6) > 0.02 {
		t.Errorf("×%.3f", x)
	}
}
