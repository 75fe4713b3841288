package predict

import (
	"math"
	"testing"

	"matrix/results/stats"
)

func started(key string, load float64, phases map[string]float64) Start {
	return Start{Key: key, Kin: "kin", Cache: "vllm", LoadS: &load, PhasesS: phases}
}

// TestPlantedColdStart has the phases that an H100 told.
func TestPlantedColdStart(t *testing.T) {
	cold := map[string]float64{"import": 60.7, "weights": 0.8, "compile": 52.4, "kv_init": 25.1}
	warm := map[string]float64{"import": 26.7, "weights": 0.4, "compile": 7.7, "kv_init": 9.6}
	starts := []Start{started("offline", 144.7, cold), started("offline", 48.2, warm), started("offline", 55, warm), started("serve", 70, map[string]float64{
		"import": 36.7, "weights": 0.5, "compile": 7.9, "kv_init": 10.5})}
	for i, is := range ColdStarts(starts) {
		if is != (i == 0) {
			t.Errorf("start %d cold: %t", i, is)
		}
	}
	l := NewLoads(starts)
	series := Series{Start: "offline", Kin: "kin"}
	if later := l.Later(series); math.Abs(later.Seconds-math.Sqrt(48.2*55)) > 1e-9 || later.Starts != 2 || later.Cold {
		t.Errorf("later %+v", later)
	}
	if first := l.First(series); first.Seconds != 144.7 && math.Abs(first.Seconds-144.7) > 1e-9 || !first.Cold {
		t.Errorf("first %+v", first)
	}
	// Serve was never started cold itself: the offline one stands in.
	if first := l.First(Series{Start: "serve", Kin: "kin"}); first.Source != LoadKin || math.Abs(first.Seconds-144.7) > 1e-9 {
		t.Errorf("first of serve %+v", first)
	}
}

func TestColdByWhatCachesShorten(t *testing.T) {
	for _, test := range []struct {
		name   string
		phases map[string]float64
		load   float64
		cold   bool
	}{
		{"warm", map[string]float64{"weights": 3.5}, 4.6, false},
		{"a noisy start", map[string]float64{"weights": 4.6}, 5.9, false},
		{"weights from the disk", map[string]float64{"weights": 24}, 25, true},
		{"a slow start that no cache explains", map[string]float64{"weights": 3.5}, 25, false},
		{"nothing told", nil, 25, false},
	} {
		if got := ColdStarts([]Start{started("a", 4.5, map[string]float64{"weights": 3.4}), started("a", test.load, test.phases)}); got[0] || got[1] != test.cold {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	// Of two with other settings neither makes the other cold by its weights; by compiling it does.
	other := []Start{started("a", 5, map[string]float64{"weights": 4}), started("b", 50, map[string]float64{"weights": 49})}
	if got := ColdStarts(other); got[0] || got[1] {
		t.Errorf("other settings: %v", got)
	}
	asked := started("a", 60, nil)
	asked.Cold = true
	if !ColdStarts([]Start{asked})[0] {
		t.Error("cold caches were asked for")
	}
}

func TestLoadIsTakenFromLikeStartsElseLeftOut(t *testing.T) {
	starts := []Start{started("a", 40, nil), started("a", 44, nil)}
	launches := []Launch{{Requests: 100, DurationS: 10}}
	m := New([]Series{
		{Start: "a", Kin: "kin", Launches: launches},
		{Start: "b", Kin: "kin", Launches: launches},
		{Start: "c", Kin: "other", Launches: launches},
		{Start: "d", NoLoad: true, Launches: launches},
	}, starts)
	for i, want := range []struct {
		source string
		loadS  float64
	}{{LoadMeasured, math.Sqrt(40 * 44)}, {LoadKin, math.Sqrt(40 * 44)}, {LoadLeftOut, 0}, {LoadNone, 0}} {
		f, ok := m.Finish(i, 100)
		if !ok || f.Load.Source != want.source || math.Abs(f.Load.Seconds-want.loadS) > 1e-9 || math.Abs(f.Seconds-want.loadS-10) > 1e-9 {
			t.Errorf("series %d: %+v, want %+v", i, f, want)
		}
	}
	if r, _ := m.Ratio(0, 2, 100, stats.Level); !r.LoadLeftOut || r.Ratio != 1 {
		t.Errorf("against one without a load: %+v", r)
	}
	if r, _ := m.Ratio(0, 3, 100, stats.Level); r.LoadLeftOut || r.Ratio < 5 {
		t.Errorf("against one that needs none: %+v", r)
	}
	a, _ := m.Finish(0, 100)
	b, _ := m.Finish(1, 100)
	if !(b.Log.VarRun > a.Log.VarRun) {
		t.Error("a load with other settings is as sure as one's own")
	}
}

// TestColdStartOfAProcessor has the phases of vLLM on a processor, which states no compile time: profiling holds it.
func TestColdStartOfAProcessor(t *testing.T) {
	cold := map[string]float64{"import": 156.6, "weights": 1.35, "kv_init": 304.3}
	warm := map[string]float64{"import": 82.8, "weights": 1.03, "kv_init": 110.6}
	if got := ColdStarts([]Start{started("a", 522.2, cold), started("a", 256.6, warm)}); !got[0] || got[1] {
		t.Errorf("%v", got)
	}
	if !TellsCold(cold) || TellsCold(map[string]float64{"spawn": 1, "ready": 2}) {
		t.Error("which phases tell a cold start")
	}
}
