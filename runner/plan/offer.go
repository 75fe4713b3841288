package plan

import (
	"math"
	"time"
)

// What a shared server must save to be offered.
const (
	worthSharing      = time.Minute
	worthSharingShare = 0.05 // of the plan's estimate
)

// offer says what cells would save that could share a server: those that differ in batch size or load alone and have one
// each. Their loads must be known, or the plan would promise what nobody has seen.
func (p *Plan) offer(e *Estimator) {
	type sharing struct {
		cells    int
		launches map[int][]guess // by launch number
	}
	groups := map[string]*sharing{}
	for _, item := range p.Items {
		c := item.Cell
		if !item.Pending() || c.Isolation == nil || c.Isolation.Server != "cell" || !c.Platform.Local() || c.Isolation.Caches == "cold" {
			continue
		}
		g := e.launch(item)
		if !g.loadKnown {
			continue
		}
		key := engineKey(c)
		if groups[key] == nil {
			groups[key] = &sharing{launches: map[int][]guess{}}
		}
		groups[key].cells++
		for _, n := range item.Launches {
			groups[key].launches[n] = append(groups[key].launches[n], g)
		}
	}
	cells, servers, saved := 0, 0, 0.0
	for _, s := range groups {
		if s.cells < 2 {
			continue
		}
		cells, servers = cells+s.cells, servers+1
		for _, launches := range s.launches {
			for _, g := range launches[1:] {
				saved += g.load + math.Min(g.around, assumedOverhead) // one drain and stop less; each cell still warms up
			}
		}
	}
	if saves := duration(saved); saves >= worthSharing && (p.Estimate == nil || saved >= worthSharingShare*p.Estimate.Seconds()) {
		p.Sharing = &Sharing{Cells: cells, Servers: servers, Saves: saves}
	}
}
