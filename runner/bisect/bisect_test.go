package bisect_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"matrix/runner/bisect"
)

// machine measures versions of which those from the step on are slower.
type machine struct {
	random   *rand.Rand
	step     int
	scale    float64
	noise    float64
	launches map[int][]float64
}

func (m *machine) measure(need map[int]int) {
	for v := range 64 { // in order, so that a run is the same each time
		for len(m.launches[v]) < need[v] {
			scale := 100.0
			if v >= m.step {
				scale *= m.scale
			}
			m.launches[v] = append(m.launches[v], scale*math.Exp(m.noise*m.random.NormFloat64()))
		}
	}
}

// search runs to its end, and tells what it found and what that took.
func (m *machine) search(t *testing.T, s bisect.Search) (found bisect.Finding, most, all int) {
	t.Helper()
	m.launches = map[int][]float64{}
	for range 200 {
		found = s.Look(func(v int) []float64 { return m.launches[v] })
		if found.Need == nil {
			for _, l := range m.launches {
				most, all = max(most, len(l)), all+len(l)
			}
			return found, most, all
		}
		m.measure(found.Need)
	}
	t.Fatal("it does not end")
	return found, 0, 0
}

// TestFound: over 16 versions, of which a random one, or none, begins to be 5% slower, with launches that differ by 2%.
func TestFound(t *testing.T) {
	rounds := 8000
	if testing.Short() {
		rounds = 200
	}
	s := bisect.Search{Versions: 16, Worse: 0.05, Falls: true, Most: 6}
	t.Log("slower by   found   other version   not shown   of   versions at most   launches of one at most   launches in the mean")
	for _, x := range []struct {
		scale float64
		least float64 // share that is to be found
	}{{1, 0.95}, {0.95, 0.95}, {0.90, 0.97}, {0.75, 0.97}} {
		m := &machine{random: rand.New(rand.NewPCG(101, uint64(1000*x.scale))), scale: x.scale, noise: 0.02}
		right, wrong, open, versions, launches, sum := 0, 0, 0, 0, 0, 0
		for range rounds {
			m.step = 1 + m.random.IntN(15)
			want := m.step
			if x.scale == 1 {
				want = 16
			}
			f, most, all := m.search(t, s)
			switch {
			case f.Open:
				open++
			case f.First == want:
				right++
			default:
				wrong++
			}
			versions, launches, sum = max(versions, len(m.launches)), max(launches, most), sum+all
		}
		t.Logf("%8.0f%% %7d %15d %11d %4d %18d %25d %22.1f", 100*(1-x.scale), right, wrong, open, rounds, versions, launches, float64(sum)/float64(rounds))
		if float64(right) < x.least*float64(rounds) || versions > 5 || launches > 6 {
			t.Errorf("at %g: %d of %d right, %d versions and %d launches of one at most; want %g right, 5 and 6", x.scale, right, rounds, versions, launches, x.least)
		}
		if x.scale == 1 && wrong > rounds/20 {
			t.Errorf("%d of %d searches among equal versions find one", wrong, rounds)
		}
	}
}

// TestNotShown: launches that differ by half show no step of 5% in six, and the search says so.
func TestNotShown(t *testing.T) {
	m := &machine{random: rand.New(rand.NewPCG(3, 4)), step: 7, scale: 0.95, noise: 0.5}
	f, most, _ := m.search(t, bisect.Search{Versions: 16, Worse: 0.05, Falls: true, Most: 6})
	if !f.Open || most != 6 || f.Steps[len(f.Steps)-1].Settled {
		t.Errorf("after %d launches: %+v", most, f)
	}
}

// TestResumed: figures that are there already are taken as they are, whatever a search had asked for.
func TestResumed(t *testing.T) {
	s := bisect.Search{Versions: 16, Worse: 0.05, Falls: true, Most: 6}
	m := &machine{random: rand.New(rand.NewPCG(5, 6)), step: 11, scale: 0.8, noise: 0.01}
	want, _, all := m.search(t, s)
	again := s.Look(func(v int) []float64 { return m.launches[v] })
	if again.Need != nil || again.First != 11 || want.First != 11 || all == 0 {
		t.Errorf("again it says %+v, first %+v", again, want)
	}
}

// TestRising: of a latency more is worse.
func TestRising(t *testing.T) {
	m := &machine{random: rand.New(rand.NewPCG(7, 8)), step: 3, scale: 1.2, noise: 0.01}
	if f, _, _ := m.search(t, bisect.Search{Versions: 5, Worse: 0.05, Most: 6}); f.First != 3 {
		t.Errorf("found %d, want 3", f.First)
	}
	if f, _, _ := m.search(t, bisect.Search{Versions: 5, Worse: 0.05, Falls: true, Most: 6}); f.First != 5 {
		t.Errorf("a rise is taken for a fall at %d", f.First)
	}
}
