package decision

import (
	"slices"
	"strings"

	"matrix/results/summary"
)

// titles gives groups of one model and precision what tells them apart: the axes in which they differ; where none does,
// what was asked for or the machine; at the least their platforms.
func titles(groups []*contest) {
	for _, g := range groups {
		var all []*tally
		for _, other := range groups {
			if other.Model == g.Model && other.Precision == g.Precision {
				all = append(all, other.cells()...)
			}
		}
		own := varying(g.cells())
		var parts []string
		for _, axis := range varying(all) {
			if !slices.Contains(own, axis) {
				parts = append(parts, axis+"="+g.cells()[0].settings[axis])
			}
		}
		if len(parts) == 0 && len(all) > len(g.cells()) {
			parts = apart(g.cells(), all)
		}
		g.Workload = strings.Join(parts, ", ")
	}
}

// ranked are aspects that cells of one group may differ in: they say nothing of the group.
var ranked = []string{"model", "batch size", "precision", "context", "load", "prefix cache", "engine version", "GPU driver", "page cache", "compile cache",
	"measured in", "neighbours", "client", "chat template", "answers that can be used", "reasoning"}

// apart says in what cells of one group are unlike those of the others: what was asked of them, or the machine.
func apart(own, all []*tally) []string {
	var parts []string
	for _, other := range all {
		if slices.Contains(own, other) || other.of == nil || own[0].of == nil {
			continue
		}
		for _, d := range summary.Unlike(own[0].of, other.of) {
			if text := d.Aspect + " " + d.A; !slices.Contains(ranked, d.Aspect) && !slices.Contains(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	if len(parts) > 0 {
		return parts
	}
	for _, c := range own {
		if !slices.Contains(parts, c.platform) {
			parts = append(parts, c.platform)
		}
	}
	return parts
}
