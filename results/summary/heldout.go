package summary

import (
	"context"
	"math"

	"matrix/results/predict"
	"matrix/results/stats"
)

// HeldOut is how well finish times are predicted that were not looked at.
type HeldOut struct{ All []HeldOutLaunch }

// HeldOutLaunch is one launch, predicted from smaller batches.
type HeldOutLaunch struct {
	Cell      string         // its name
	Launch    int            // its number, 1-based
	From      []int64        // sizes that were looked at
	Predicted predict.Finish // with a load only where the measured time has one
	Low, High float64        // 90% of one future run
	// MeasuredS is load and measured phase of the launch; MeasuredRunS the phase alone.
	MeasuredS, MeasuredRunS float64
}

// Error is predicted / measured − 1.
func (h HeldOutLaunch) Error() float64 { return h.Predicted.Seconds/h.MeasuredS - 1 }

// Score is the median of the errors' sizes, and the share of launches that their interval holds.
func (h HeldOut) Score() (medianError, covered float64) {
	var errs []float64
	for _, l := range h.All {
		errs = append(errs, math.Abs(l.Error()))
		if l.Low <= l.MeasuredS && l.MeasuredS <= l.High {
			covered++
		}
	}
	return stats.Median(errs), covered / float64(len(h.All))
}

// HeldOut predicts each complete launch from those of at most a fifth of its size, loads of those included. Where they
// know no load of the launch's kind, warm or cold, and where it has none of its own, only the measured phase is held
// against the prediction.
func (s *Set) HeldOut(ctx context.Context) (HeldOut, error) {
	var out HeldOut
	cold, _, err := s.Cold()
	if err != nil {
		return out, err
	}
	for _, group := range BySize(s.Cells) {
		for _, c := range group {
			var small []*Cell
			var from []int64
			for _, other := range group {
				if 5*other.BatchSize <= c.BatchSize && len(other.Launches) > 0 {
					small, from = append(small, other), append(from, other.BatchSize)
				}
			}
			if len(small) == 0 || len(c.Launches) == 0 {
				continue
			}
			model, err := finishModel(ctx, [][]*Cell{small}, startsOf(small, cold))
			if err != nil {
				return out, err
			}
			for _, a := range c.Launches {
				if h, ok := heldOut(model, c, a, cold); ok {
					h.From = from
					out.All = append(out.All, h)
				}
			}
		}
	}
	return out, nil
}

// startsOf are the starts of some cells. Which are cold is told from all that is known: that is no finish time.
func startsOf(cells []*Cell, cold map[*Attempt]bool) (out []predict.Start) {
	for _, c := range cells {
		for _, a := range c.Attempts {
			for _, start := range a.starts() {
				start.Cold = start.Cold || cold[a]
				out = append(out, start)
			}
		}
	}
	return out
}

// heldOut predicts one launch; false where it has no duration, or was measured in several segments, which no prediction means.
func heldOut(model *predict.Model, c *Cell, a *Attempt, cold map[*Attempt]bool) (h HeldOutLaunch, ok bool) {
	run, load := a.Number("duration_s"), a.Number("load_s")
	if run == nil || a.Segments > 1 {
		return h, false
	}
	h = HeldOutLaunch{Cell: c.Name, Launch: a.Launch, MeasuredS: *run, MeasuredRunS: *run}
	predicted := model.Finish
	if cold[a] {
		predicted = model.First
	}
	h.Predicted, ok = predicted(0, c.BatchSize)
	if !ok || load == nil || h.Predicted.Load.Source != predict.LoadMeasured || h.Predicted.Load.Cold != cold[a] {
		h.Predicted, ok = model.Run(0, c.BatchSize)
	} else {
		h.MeasuredS += *load
	}
	h.Low, h.High = h.Predicted.Within(0.9)
	return h, ok
}
