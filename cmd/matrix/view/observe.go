package view

import (
	"os"
	"time"

	"matrix/runner/events"
)

// Observer shows an apply as it runs, in the way that fits the output: records, a live view, or lines. simulated: the engines are;
// beside: launches may run side by side. stop is called at its end.
// TERM=dumb cannot move its cursor.
func Observer(out *Printer, simulated, beside bool) (observe func(events.Event), stop func()) {
	if !out.JSON && out.TTY && os.Getenv("TERM") != "dumb" {
		v := newLiveView(rawStream{out.out}, out.Style, out.Size, simulated, beside)
		return v.observe, v.stop
	}
	return LineObserver(out, beside), func() {}
}

// LineObserver shows an apply line by line, for logs and pipes, or as records.
// A progress line each five seconds a launch.
func LineObserver(out *Printer, beside bool) func(events.Event) {
	if out.JSON {
		return eventRecords{out, map[int]time.Time{}}.observe
	}
	v := &plainView{out: out, style: out.Style, width: out.Width, every: 5 * time.Second, beside: beside}
	return v.observe
}
