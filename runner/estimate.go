package runner

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"matrix/results"
)

// overhead is what a launch costs beside loading and measuring: drain, warm-up, stop. A guess that only matters for
// small batches.
const overhead = 5 * time.Second

// estimator predicts durations from past launches of like cells: same platform, same model, the nearest batch size.
type estimator struct {
	seen map[likeness][]sighting
}

type likeness struct{ platform, model string }

// sighting is one complete launch.
type sighting struct {
	batch   float64
	load    float64 // s
	perCall float64 // s a request
}

func newEstimator(past []results.Past) *estimator {
	e := &estimator{seen: map[likeness][]sighting{}}
	for i := range past {
		if past[i].Problem == "" && past[i].Tainted == "" {
			e.learn(past[i].Manifest)
		}
	}
	return e
}

// learn adds an attempt that ended well.
func (e *estimator) learn(m results.Manifest) {
	d, measured := m.Summary["duration_s"]
	if m.Status != results.Complete || !measured || m.Planned == 0 || m.Segments > 1 {
		return
	}
	key := likeness{m.Platform, m.Model}
	e.seen[key] = append(e.seen[key], sighting{batch: float64(m.Planned), load: m.Summary["load_s"], perCall: d / float64(m.Planned)})
}

// like returns the sightings at the batch size nearest to the asked one, by ratio.
func (e *estimator) like(item *Item) []sighting {
	c := item.Cell
	all := e.seen[likeness{c.Platform.ID, c.Model.ID}]
	distance := func(s sighting) float64 { return math.Abs(math.Log(s.batch / float64(max(1, c.BatchSize)))) }
	best := math.Inf(1)
	for _, s := range all {
		best = min(best, distance(s))
	}
	return slices.DeleteFunc(slices.Clone(all), func(s sighting) bool { return distance(s) > best+1e-9 })
}

// launch predicts one launch of an item; nil = no like cell was ever measured. spread is half the range over the
// median.
func (e *estimator) launch(item *Item) (took *time.Duration, rests int, spread float64) {
	like := e.like(item)
	if len(like) == 0 {
		return nil, 0, 0
	}
	totals := make([]float64, len(like))
	for i, s := range like {
		totals[i] = s.load + s.perCall*float64(item.Cell.BatchSize)
	}
	slices.Sort(totals)
	median := (totals[(len(totals)-1)/2] + totals[len(totals)/2]) / 2
	d := time.Duration(median*float64(time.Second)) + overhead
	if item.Cell.Isolation != nil {
		d += item.Cell.Isolation.Cooldown
	}
	spread = (totals[len(totals)-1] - totals[0]) / 2 / max(median, 1e-9)
	return &d, len(like), spread
}

// plan fills in the estimates of a plan and what they rest on.
func (e *estimator) plan(p *Plan) {
	var total time.Duration
	var spread float64
	rests, unknown := 0, 0
	for _, item := range p.Items {
		if !item.Pending() {
			continue
		}
		one, n, s := e.launch(item)
		if one == nil {
			unknown += len(item.Launches)
			continue
		}
		all := *one * time.Duration(len(item.Launches))
		item.Estimate = &all
		total, rests, spread = total+all, rests+n, max(spread, s)
	}
	switch {
	case len(p.Order) == 0:
	case unknown == 0:
		p.Estimate, p.Rests = &total, restsText(rests, spread)
	case unknown == len(p.Order):
		p.Rests = "nothing like it was measured yet"
	default:
		p.Rests = fmt.Sprintf("%d of %d launches have no like cell yet; the others take about %s", unknown, len(p.Order), total.Round(time.Second))
	}
}

// restsText names the evidence. A single past launch shows no spread; three launches of one cell have been seen to
// differ by 40%, so that is said where fewer than three are known.
func restsText(launches int, spread float64) string {
	if launches < 3 {
		spread = max(spread, 0.4)
	}
	noun := "launches"
	if launches == 1 {
		noun = "launch"
	}
	return fmt.Sprintf("%d past %s; ± %.0f%%", launches, noun, 100*cmp.Or(math.Ceil(spread*20)/20, 0.05))
}
