package summary

import "fmt"

// What a leak is: shorter launches fill caches and arenas, and a line through that says nothing.
const (
	leakFrom  = 600.0 // s measured
	leakShare = 0.05  // of the peak that memory grew by
)

// Leak says that the engine's memory grew in every launch that was long enough to tell; "" where it did not, or none was.
func (c *Cell) Leak() string {
	grown, minutes, told, unsure := 0.0, 0.0, 0, false
	for _, a := range c.Launches {
		d, slope, peak := a.Number("duration_s"), a.Number("rss_slope_bytes_per_s"), a.Number("rss_peak_bytes")
		if d == nil || slope == nil || peak == nil || *d < leakFrom {
			continue
		}
		low := a.Number("rss_slope_low95_bytes_per_s")
		if *slope**d <= leakShare**peak || low != nil && *low <= 0 {
			return ""
		}
		unsure = unsure || low == nil // an older attempt: only a second launch tells how sure the slope is
		told++
		grown, minutes = max(grown, *slope**d), max(minutes, *d/60)
	}
	if told == 0 || unsure && told < 2 {
		return ""
	}
	return fmt.Sprintf("memory grew by up to %.0f MB in %.0f minutes, in each of %d launches that were long enough to tell", grown/1e6, minutes, told)
}
