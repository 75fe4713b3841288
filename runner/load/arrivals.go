package load

import (
	"bufio"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"matrix/experiments/cell"
	"matrix/experiments/textfile"
)

// Schedule is when the requests of an open load are due.
type Schedule struct {
	shape *cell.Load
	seed  int64           // of the dataset: the same times on every platform
	trace []time.Duration // nil: by rate
}

// NewSchedule reads the trace where the shape has one.
func NewSchedule(s *cell.Load, seed int64) (*Schedule, error) {
	schedule := &Schedule{shape: s, seed: seed}
	if s.Trace == "" {
		if s.Rate <= 0 {
			return nil, fmt.Errorf("an open load needs a rate above 0 or a trace")
		}
		if s.Arrival == "gamma" && s.Burstiness <= 0 {
			return nil, fmt.Errorf("gamma arrivals need a burstiness above 0")
		}
		return schedule, nil
	}
	trace, err := readTrace(s.Trace)
	schedule.trace = trace
	return schedule, err
}

// Arrivals yields when each request is due, counted from the beginning: the same times at each walk. It does not end
// by itself unless a trace or the duration ends it.
func (s *Schedule) Arrivals() iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for at := range s.unbounded() {
			if s.shape.Duration > 0 && at >= s.shape.Duration || !yield(at) {
				return
			}
		}
	}
}

// Remaining is Arrivals for what an earlier segment left: the same process, but the duration has done its part.
func (s *Schedule) Remaining() iter.Seq[time.Duration] { return s.unbounded() }

// Planned counts the arrivals due before the stop, at most so many.
func (s *Schedule) Planned(most int) int {
	n := 0
	for range s.Arrivals() {
		if n == most {
			break
		}
		n++
	}
	return n
}

// unbounded is the moments of arrival since the start, without end where they are drawn.
func (s *Schedule) unbounded() iter.Seq[time.Duration] {
	if s.trace != nil {
		return func(yield func(time.Duration) bool) {
			for _, at := range s.trace {
				if !yield(at) {
					return
				}
			}
		}
	}
	return func(yield func(time.Duration) bool) {
		gap := gaps(s.shape, s.seed)
		for at := 0.0; ; at += gap() {
			if !yield(time.Duration(at * float64(time.Second))) {
				return
			}
		}
	}
}

// gaps draws the seconds between two arrivals.
func gaps(s *cell.Load, seed int64) func() float64 {
	source := rand.NewPCG(uint64(seed), 0x6f70656e) // "open": apart from other uses of the seed
	switch s.Arrival {
	case "constant":
		return func() float64 { return 1 / s.Rate }
	case "gamma":
		// Mean 1/rate; the coefficient of variation is 1/√shape, as in vllm bench serve.
		g := distuv.Gamma{Alpha: s.Burstiness, Beta: s.Burstiness * s.Rate, Src: source}
		return g.Rand
	default: // poisson
		r := rand.New(source)
		return func() float64 { return r.ExpFloat64() / s.Rate }
	}
}

// Bounds of a trace: more than this is a file of another kind, or other units.
const (
	maxTraceTimes = 20_000_000
	maxTraceS     = 30 * 24 * 3600
)

// readTrace reads one time in seconds a line, ascending; only the differences from the first count.
func readTrace(path string) ([]time.Duration, error) {
	f, err := textfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read trace %s: %w", path, err)
	}
	defer f.Close()
	text, err := textfile.Decode(f)
	if err != nil {
		return nil, traceFault(path, err)
	}
	var trace []time.Duration
	first, line := 0.0, 1
	scan := bufio.NewScanner(text)
	for ; scan.Scan(); line++ {
		text := strings.TrimSpace(scan.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		at, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(at) || math.IsInf(at, 0) {
			return nil, fmt.Errorf("read trace %s:%d: %.40q is no time in seconds; a trace has one a line, such as 12.5", path, line, text)
		}
		if len(trace) == 0 {
			first = at
		}
		if math.Abs(at-first) > maxTraceS {
			return nil, fmt.Errorf("read trace %s:%d: %s is more than 30 days from the first time; a trace's times are in seconds", path, line, text)
		}
		offset := time.Duration((at - first) * float64(time.Second))
		if len(trace) > 0 && offset < trace[len(trace)-1] {
			return nil, fmt.Errorf("read trace %s:%d: times must ascend", path, line)
		}
		if trace = append(trace, offset); len(trace) > maxTraceTimes {
			return nil, fmt.Errorf("read trace %s: more than %d million times", path, maxTraceTimes/1_000_000)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, traceFault(fmt.Sprintf("%s:%d", path, line), err)
	}
	if len(trace) == 0 {
		return nil, fmt.Errorf("read trace %s: it holds no times", path)
	}
	return trace, nil
}

// traceFault adds what to do.
func traceFault(place string, err error) error {
	if hint := textfile.Hint(err); hint != "" {
		return fmt.Errorf("read trace %s: %w. %s", place, err, hint)
	}
	return fmt.Errorf("read trace %s: %w", place, err)
}
