package summary

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/table"
)

// Point is one point of a cumulative distribution: Share of the requests took at most Value.
type Point struct{ Share, Value float64 }

// Distribution is how one column of requests.parquet is spread over the ok requests of a cell's launches, pooled: for
// pictures. Intervals come from the launches, not from here.
type Distribution struct {
	N        int64           // ok requests with a value
	Failures int64           // measured requests that did not end ok (those that we stopped are not among them)
	Max      float64         // exact in either case, in the column's unit
	Points   []Point         // by rising share, at the shares of Shares
	Exact    bool            // else from a histogram, within 1%
	Launches []*Distribution // each launch alone, where there are several
}

// Shares at which distributions are told: dense in the tails.
var Shares = shares()

// shares are 200 even steps, and the tail behind the last of them.
func shares() (out []float64) {
	for i := range 200 {
		out = append(out, float64(i)/200)
	}
	return append(out, 0.9975, 0.999, 0.9995, 0.9999, 1)
}

const (
	exactUpTo   = 4096       // values of a cell that are kept as they are
	unit        = 1e6        // of the histogram, per second: whole microseconds
	longest     = 100 * 3600 // s
	significant = 2          // digits of the histogram
)

// Distributions reads columns of requests.parquet (in seconds, or counts) for every cell at once, on all processors, a cell at a
// time: cell → column → distribution, absent where no request has a value. Memory does not grow with the requests.
func (s *Set) Distributions(ctx context.Context, cells []*Cell, columns ...string) (map[*Cell]map[string]*Distribution, error) {
	found, errs := make([]map[string]*Distribution, len(cells)), make([]error, len(cells))
	each(len(cells), func(i int) { found[i], errs[i] = cells[i].distributions(ctx, columns) })
	out := map[*Cell]map[string]*Distribution{}
	for i, c := range cells {
		out[c] = found[i]
	}
	return out, errors.Join(errs...)
}

// distributions reads each launch's requests once for all columns. A launch without requests.parquet is left out: of those that are
// there the picture is still true.
func (c *Cell) distributions(ctx context.Context, columns []string) (map[string]*Distribution, error) {
	g := &gathering{columns: make([]spread, len(columns))}
	alone := make([][]*Distribution, len(columns))
	for _, a := range c.Launches {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if a.Lacks("requests") {
			continue
		}
		names := append([]string{"phase", "status"}, columns...)
		one := &gathering{columns: make([]spread, len(columns)), pool: g.columns}
		err := table.ScanRequests(a.Dir, names, func(b arrow.RecordBatch) error {
			one.take(b, columns)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the requests of attempt %s: %w", a.Attempt, err)
		}
		g.failures += one.failures
		for i := range columns {
			if d := one.columns[i].distribution(); d != nil && len(c.Launches) > 1 {
				d.Failures = one.failures
				alone[i] = append(alone[i], d)
			}
		}
	}
	out := map[string]*Distribution{}
	for i, name := range columns {
		if d := g.columns[i].distribution(); d != nil {
			d.Failures, d.Launches = g.failures, alone[i]
			out[name] = d
		}
	}
	return out, nil
}

// gathering is what is known of a launch's requests so far; its values go into the pool of all launches, too.
type gathering struct {
	failures int64
	columns  []spread // in the order that was asked for
	pool     []spread // likewise; of the cell
	ok       []bool   // of the batch
}

// take adds a batch. Whether a row counts is found once, for all columns.
func (g *gathering) take(b arrow.RecordBatch, columns []string) {
	n := int(b.NumRows())
	phase, status := table.In[*array.String](b, "phase"), table.In[*array.String](b, "status")
	g.ok = slices.Grow(g.ok[:0], n)[:n]
	for i := range n {
		measured := phase.Value(i) == "measure"
		g.ok[i] = measured && status.Value(i) == "ok"
		if measured && !g.ok[i] && status.Value(i) != "canceled" && status.Value(i) != "not_sent" {
			g.failures++
		}
	}
	for at, name := range columns {
		value := numbers(b, name)
		for i, ok := range g.ok {
			if v, told := value(i); ok && told {
				g.columns[at].add(v)
				g.pool[at].add(v)
			}
		}
	}
}

// numbers reads a column of seconds or of counts.
func numbers(b arrow.RecordBatch, name string) func(i int) (float64, bool) {
	if counts, whole := table.In[arrow.Array](b, name).(*array.Int64); whole {
		return func(i int) (float64, bool) { return float64(counts.Value(i)), counts.IsValid(i) }
	}
	values := table.In[*array.Float64](b, name)
	return func(i int) (float64, bool) { return values.Value(i), values.IsValid(i) }
}

// spread gathers the values of a column: exactly while they are few, then in a histogram.
type spread struct {
	few      []float64               // in the order of coming; nil once there are too many
	many     *hdrhistogram.Histogram // nil until then
	n        int64                   // of all
	min, max float64                 // exact, as the histogram is not
}

// add takes one value in. With one too many to keep, all go into the histogram.
func (s *spread) add(v float64) {
	if s.n == 0 {
		s.min, s.max = v, v
	}
	s.n++
	s.min, s.max = min(s.min, v), max(s.max, v)
	if s.many == nil && len(s.few) < exactUpTo {
		s.few = append(s.few, v)
		return
	}
	if s.many == nil {
		s.many = hdrhistogram.New(1, longest*unit, significant)
		for _, early := range s.few {
			s.record(early)
		}
		s.few = nil
	}
	s.record(v)
}

// record puts one value into the histogram, which exists by then.
func (s *spread) record(seconds float64) {
	// Beyond the range counts as its end: Min and Max stay exact.
	if err := s.many.RecordValue(int64(min(max(seconds, 0), longest-1) * unit)); err != nil {
		panic(err) // the value was clamped into range
	}
}

// distribution is nil without values.
func (s *spread) distribution() *Distribution {
	if s.n == 0 {
		return nil
	}
	d := &Distribution{N: s.n, Max: s.max, Exact: s.many == nil, Points: make([]Point, len(Shares))}
	if d.Exact {
		slices.Sort(s.few)
		for i, q := range Shares {
			d.Points[i] = Point{q, s.few[max(0, int(math.Ceil(q*float64(s.n)))-1)]}
		}
		return d
	}
	percents := make([]float64, len(Shares))
	for i, q := range Shares {
		percents[i] = q * 100
	}
	for i, v := range s.many.ValueAtPercentilesSlice(percents) {
		d.Points[i] = Point{Shares[i], min(max(float64(v)/unit, s.min), s.max)}
	}
	d.Points[0].Value, d.Points[len(Shares)-1].Value = s.min, s.max
	return d
}
