package format

import (
	"fmt"
	"time"
)

// Clock writes a duration as a clock that runs shows it: 45s, 12m05s, 6h10m.
func Clock(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return d.String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(10 * time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// Took writes a duration that is over, with the precision that a person can use: 0.12 s, 61.3 s, 12m05s.
func Took(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return Clock(d)
}

// scale is how a person tells a time of that length in a sentence.
type scale struct {
	least, seconds float64 // from how long on, and how long one is
	decimals, unit string
}

var scales = []scale{{2 * 86400, 86400, "%.1f", "days"}, {2 * 3600, 3600, "%.1f", "h"}, {6000, 60, "%.0f", "min"}, {120, 60, "%.1f", "min"}, {10, 1, "%.0f", "s"}, {0, 1, "%.2g", "s"}}

func scaleOf(seconds float64) scale {
	for _, s := range scales {
		if seconds >= s.least {
			return s
		}
	}
	return scales[len(scales)-1]
}

// Span says a number of seconds in the unit that a person would use in a sentence: "34 min".
func Span(seconds float64) string {
	s := scaleOf(seconds)
	return fmt.Sprintf(s.decimals+" "+s.unit, seconds/s.seconds)
}

// Tells reports that an interval tells something: its ends lie within a thousand times of each other.
func Tells(low, high float64) bool { return high <= 1000*low }

// Range is an interval of times in one unit, that of the longer: "32–36 min"; each end in its own where they lie far apart: "40 s–3.1 h".
// "2 ms–148 days", which two launches can leave, tells a reader nothing and is said to.
func Range(low, high float64) string {
	if !Tells(low, high) {
		return "too wide a range to use"
	}
	s := scaleOf(high)
	if low < high/20 && scaleOf(low).unit != s.unit {
		return Span(low) + "–" + Span(high)
	}
	return fmt.Sprintf(s.decimals+"–"+s.decimals+" "+s.unit, low/s.seconds, high/s.seconds)
}

// At says when something will be, seen from now: "14:05", "Tue 02:30", "12 Mar 02:30".
func At(t, now time.Time) string {
	t = t.In(now.Location())
	switch days := civilDay(t) - civilDay(now); {
	case days == 0:
		return t.Format("15:04")
	case days > 0 && days < 7:
		return t.Format("Mon 15:04")
	}
	return t.Format("2 Jan 15:04")
}

// civilDay counts the days of the calendar: tomorrow may be 23 or 25 hours away.
func civilDay(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}
