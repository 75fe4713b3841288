package decision

import (
	"cmp"
	"slices"
)

// line is the order of a sheet's contenders, best first: by how many of the others each is ahead of, two by two, and where that
// is equal by the scores. In these a metric that one lacks is dropped for all, so that a third without an energy counter would
// swap two that have one; what the two have between them it does not touch.
func (a *inquiry) line() []*contender {
	var out []*contender
	for _, i := range a.sheet.order() {
		out = append(out, a.sheet.contenders[i])
	}
	if len(out) < 3 || a.sheet.logs == nil {
		return out
	}
	ahead := map[*contender]int{}
	for i, x := range out {
		for _, y := range out[i+1:] {
			switch log, _ := a.between(x, y).apart(); {
			case log > -1e-12:
				ahead[x]++
			default:
				ahead[y]++
			}
		}
	}
	slices.SortStableFunc(out, func(x, y *contender) int { return cmp.Compare(ahead[y], ahead[x]) })
	return out
}

// besides are the metrics by which the two that lead stand otherwise than their scores say, for somebody else lacks them; nil =
// they stand as their scores say.
func (a *inquiry) besides() []string {
	if a.second == nil || a.sheet.logs == nil || a.sheet.logs[a.sheet.index(a.first)] >= a.sheet.logs[a.sheet.index(a.second)]-1e-12 {
		return nil
	}
	var out []string
	for _, e := range a.between(a.first, a.second).entries {
		scored := func(other entry) bool { return other.name == e.name }
		if e.weight > 0 && !slices.ContainsFunc(a.sheet.entries, scored) {
			out = append(out, e.name)
		}
	}
	return out
}
