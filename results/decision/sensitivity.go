package decision

import "math"

// flips are the nearest weights at which somebody else comes first. A score is Σ w·s / Σ w, so the difference to the
// first is linear in each weight: it vanishes at w − Δ / (s_first − s_other), Δ = Σ w·(s_first − s_other).
func (r *rules) flips(t *sheet) []Flip {
	if t.totals == nil || len(t.contenders) < 2 {
		return nil
	}
	first := t.order()[0]
	var out []Flip
	for _, name := range criteria {
		if t.criterion(name, first) == nil {
			continue
		}
		f := Flip{Criterion: name, Weight: r.weights[name]}
		for other := range t.contenders {
			if other != first {
				r.flip(&f, t, first, other)
			}
		}
		out = append(out, f)
	}
	return out
}

func (r *rules) flip(f *Flip, t *sheet, first, other int) {
	var delta float64
	for _, name := range criteria {
		if a, b := t.criterion(name, first), t.criterion(name, other); a != nil && b != nil {
			delta += r.weights[name] * (*a - *b)
		}
	}
	slope := *t.criterion(f.Criterion, first) - *t.criterion(f.Criterion, other)
	if math.Abs(slope) < 1e-12 {
		return
	}
	at := f.Weight - delta/slope
	name := t.contenders[other].name
	switch {
	case slope > 0 && at >= 0 && (f.Lower == nil || at > *f.Lower):
		f.Lower, f.LowerTo = &at, name
	case slope < 0 && (f.Raise == nil || at < *f.Raise):
		f.Raise, f.RaiseTo = &at, name
	}
}
