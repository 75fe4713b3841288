package summary

import (
	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/stats"
)

// Bounds of the check of the answers that can be used.
const (
	unusableMost = 0.01 // share of the answers
	validApart   = 0.05 // between the shares of two contenders
)

// valid looks at how many of the answers can be used. It is never red: the times count those that can. But all that is
// counted by the request or the token counts the others too.
func (g *checking) valid() {
	g.each(func(c *Cell) {
		reasons, told := c.unusable()
		answered, _ := c.Answered()
		if !told || answered == 0 {
			return
		}
		g.seen = true
		n, text := metrics.Reasons(reasons)
		if n > unusableMost*float64(answered) {
			g.one(Amber, c, "%.0f of %d answers cannot be used (%s): %s", n, answered, stats.Percent(n/float64(answered)), text)
		}
	})
	g.pairs(func(a, b *Cell) {
		x, y, apart := validApartOf(a, b)
		if apart {
			g.two(Amber, a, b, "of their answers %s and %s can be used", stats.Percent(x), stats.Percent(y))
		}
	})
}

// validApartOf are the shares of two cells' answers that can be used, and whether they lie apart.
func validApartOf(a, b *Cell) (x, y float64, apart bool) {
	x, okA := a.usable()
	y, okB := b.usable()
	return x, y, okA && okB && max(x, y)-min(x, y) > validApart
}

// usable is the share of the answers that can be used; false where nobody looked.
// One launch that was not judged makes the whole cell untold: a share over the others would be of another sample.
func (c *Cell) usable() (float64, bool) {
	valid := 0.0
	for _, a := range c.Launches {
		n := a.Number(record.MetricValid)
		if n == nil {
			return 0, false
		}
		valid += *n
	}
	answered, _ := c.Answered()
	return valid / float64(max(answered, 1)), answered > 0
}

// unusable are the answers of a cell that came and cannot be used, by reason, over its launches; those without text are
// another check's. told is false where nobody looked.
func (c *Cell) unusable() (reasons map[string]float64, told bool) {
	reasons = map[string]float64{}
	for _, a := range c.Launches {
		if a.row == nil || a.Number("valid_evaluations") == nil {
			return nil, false
		}
		for reason, n := range a.row.Summary.Unusable() {
			reasons[reason] += n
		}
	}
	return reasons, true
}
