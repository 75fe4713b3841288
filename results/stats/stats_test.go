package stats

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// golden is testdata/golden.json: what numpy and scipy say.
type golden struct {
	One []struct {
		Values   []float64
		Median   float64
		Interval []float64
	}
	Pool struct {
		Cells     [][]float64
		Variance  float64
		Freedom   int
		Estimates []struct {
			Values    []float64
			Low, High float64
		}
		Ratio []float64
	}
	Ratios []struct {
		A, B      []float64
		P, Median float64
		Bootstrap []float64
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, doc)
}

func parsed(t *testing.T, doc []byte) (g golden) {
	t.Helper()
	if err := json.Unmarshal(doc, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func near(a, b, relative float64) bool { return math.Abs(a-b) <= relative*math.Abs(b) }

func TestMedianAndItsInterval(t *testing.T) {
	for _, c := range readGolden(t).One {
		e := Of(c.Values)
		if !near(e.Median, c.Median, 1e-12) || e.N != len(c.Values) {
			t.Errorf("%d values: median %v, want %v", len(c.Values), e.Median, c.Median)
		}
		if c.Interval == nil {
			if e.Sure() || e.Low != slices.Min(c.Values) || e.High != slices.Max(c.Values) {
				t.Errorf("%d values have an interval: %+v", len(c.Values), e)
			}
			continue
		}
		if e.Method != Ranks || e.Level < Level || !near(e.Low, c.Interval[0], 1e-12) || !near(e.High, c.Interval[1], 1e-12) {
			t.Errorf("%d values: %+v, want %v", len(c.Values), e, c.Interval)
		}
	}
}

func TestPooled(t *testing.T) {
	want := readGolden(t).Pool
	spread := Pool(want.Cells...)
	if !near(spread.Variance, want.Variance, 1e-12) || spread.Freedom != want.Freedom || spread.Cells != 4 {
		t.Errorf("spread %+v, want %v of %d", spread, want.Variance, want.Freedom)
	}
	for _, c := range want.Estimates {
		e := OfPooled(c.Values, spread)
		if e.Method != Pooled || !near(e.Low, c.Low, 1e-9) || !near(e.High, c.High, 1e-9) || e.Min != slices.Min(c.Values) {
			t.Errorf("%v: %+v, want %v to %v", c.Values, e, c.Low, c.High)
		}
	}
	r := RatioOf(want.Cells[0], want.Cells[3], spread)
	if r.Method != Pooled || r.P != nil || !near(r.Low, want.Ratio[0], 1e-9) || !near(r.High, want.Ratio[1], 1e-9) {
		t.Errorf("ratio %+v, want %v", r, want.Ratio)
	}
}

func TestRatios(t *testing.T) {
	for _, c := range readGolden(t).Ratios {
		r := RatioOf(c.A, c.B, Spread{})
		if r.P == nil || !near(*r.P, c.P, 1e-9) || !near(r.Median, c.Median, 1e-12) {
			t.Errorf("%d against %d: %+v, want p %v", len(c.A), len(c.B), r, c.P)
		}
		if back := mannWhitney(c.B, c.A); !near(*back, c.P, 1e-9) {
			t.Errorf("the other way round p is %v, not %v", *back, c.P)
		}
		if c.Bootstrap == nil {
			if r.Method != Range || r.Sure() {
				t.Errorf("%d against %d: %+v", len(c.A), len(c.B), r)
			}
			continue
		}
		// Another generator drew, ten times as often.
		if r.Method != Bootstrap || !near(r.Low, c.Bootstrap[0], 0.01) || !near(r.High, c.Bootstrap[1], 0.01) {
			t.Errorf("%d against %d: %+v, want %v", len(c.A), len(c.B), r, c.Bootstrap)
		}
		if again := RatioOf(c.A, c.B, Spread{}); again.Low != r.Low || again.High != r.High {
			t.Error("the same launches tell another interval the second time")
		}
	}
}

func TestFewLaunches(t *testing.T) {
	if e := Of(nil); e.Known() {
		t.Errorf("nothing is known as %+v", e)
	}
	spread := Pool([]float64{10, 11})
	if e := OfPooled([]float64{5}, spread); e.Method != OneLaunch || e.Sure() || e.Low != 5 || e.High != 5 {
		t.Errorf("one launch: %+v", e)
	}
	if e := OfPooled([]float64{0, 5}, spread); e.Method != Range {
		t.Errorf("no logarithm: %+v", e)
	}
	if r := RatioOf([]float64{2}, []float64{1, 1.1}, spread); r.Method != OneLaunch || r.Sure() || r.P != nil {
		t.Errorf("one against two: %+v", r)
	}
	if r := RatioOf([]float64{2, 3, 4}, []float64{1, 1, 1, 1}, Spread{}); r.P != nil || r.Low != 2 || r.High != 4 || r.Method != Range {
		t.Errorf("three against four: %+v", r)
	}
	same := []float64{1, 1, 1, 1}
	if r := RatioOf(same, same, Spread{}); r.P != nil || r.Median != 1 {
		t.Errorf("all equal: %+v", r)
	}
	for _, b := range [][]float64{nil, {0, 0}, {-1, -1}, {math.Inf(1)}} {
		if r := RatioOf([]float64{1, 2}, b, spread); r.Known() {
			t.Errorf("over %v: %+v", b, r)
		}
	}
	if s := Pool([]float64{1}, []float64{0, 1}, nil); s.Known() {
		t.Errorf("spread of nothing: %+v", s)
	}
}

func TestUnusual(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   []int
	}{
		{[]float64{100, 101, 99, 100.5, 60}, []int{4}},
		{[]float64{100, 101, 99, 100.5, 98.7}, nil},
		{[]float64{100, 100, 100, 100, 100, 100, 50, 100}, []int{6}},
		{[]float64{7, 7, 7, 7, 7}, nil},
		{[]float64{1, 1, 900}, nil}, // three cannot tell which is the odd one
	} {
		if got := Unusual(c.values); !slices.Equal(got, c.want) {
			t.Errorf("unusual of %v = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestNeededToShow(t *testing.T) {
	if got := NeededToShow(0.999); got != 2995 {
		t.Errorf("0.999 needs %d", got)
	}
}

// The golden values are those that the script computes now.
func TestReadersGolden(t *testing.T) {
	if os.Getenv("MATRIX_REAL") != "1" {
		t.Skip("needs MATRIX_REAL=1 and `just engines`")
	}
	engines := os.Getenv("MATRIX_ENGINES")
	if engines == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		engines = filepath.Join(home, ".cache", "matrix", "engines")
	}
	got, err := exec.CommandContext(t.Context(), filepath.Join(engines, "tools", "bin", "python"), filepath.Join("testdata", "golden.py")).Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(readGolden(t), parsed(t, got), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("testdata/golden.json (-) is not what golden.py prints (+):\n%s", diff)
	}
}

// Fisher's exact test against counts done by hand: C(10,5) of C(20,5) ways put all five failures on one side.
func TestFisher(t *testing.T) {
	for _, c := range []struct {
		badA, a, badB, b int64
		want             float64
	}{{0, 10, 5, 10, 2 * 252.0 / 15504}, {5, 10, 0, 10, 2 * 252.0 / 15504}, {3, 100, 3, 100, 1}, {0, 3000, 1, 3000, 1}, {0, 0, 3, 10, 1}} {
		if got := Fisher(c.badA, c.a, c.badB, c.b); !near(got, c.want, 1e-9) {
			t.Errorf("%+v: %g", c, got)
		}
	}
}
