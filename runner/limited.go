package runner

import (
	"fmt"

	"matrix/results"
)

// limitedShare is the share of all its cores beyond which the client itself limits what it measures.
const limitedShare = 0.8

// clientLimited says why the client, and not the engine, may have been the limit of a stretch; "" = it was not. cpuS is
// what this process used in its wallS seconds, c is nil on a machine that was never calibrated.
func clientLimited(cpuS, wallS float64, counts counts, cores int, c *results.Calibration) string {
	d := counts.duration()
	if d <= 0 {
		return ""
	}
	most := limitedShare * float64(cores)
	if used := cpuS / max(wallS, d); used > most {
		return fmt.Sprintf("matrix itself used %.1f of its %d cores, so it may have limited what it measured (client_limited)", used, cores)
	}
	if c == nil {
		return ""
	}
	requests, events := float64(counts.done)/d, float64(counts.events)/d
	if needs := c.CPUCores(requests, events); needs > most {
		return fmt.Sprintf("%.0f requests and %.0f events a second need %.1f of the client's %d cores by its calibration, so it may have limited what it measured (client_limited)",
			requests, events, needs, cores)
	}
	return ""
}
