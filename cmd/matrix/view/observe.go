package view

import (
	"fmt"
	"os"
	"time"

	"matrix/results/format"
	"matrix/runner/events"
)

// Observer shows an apply as it runs, in the way that fits the output: records, a live view, or lines. simulated: the engines are;
// beside: launches may run side by side. stop is called at its end.
func Observer(out *Printer, simulated, beside bool) (observe func(events.Event), stop func()) {
	if out.draws() {
		v := newLiveView(rawStream{out.out}, out.Style, out.Size, simulated, beside)
		return v.observe, v.stop
	}
	return LineObserver(out, beside), func() {}
}

// Counter shows how far something long is: "200 of 5,000 prompts compared", where there are so many at least. stop takes the line away.
// observe is nil where nobody looks.
func (p *Printer) Counter(what string, least int) (observe func(done, all int), stop func()) {
	if !p.draws() {
		return nil, func() {}
	}
	line := screen{out: rawStream{p.out}}
	return func(done, all int) {
		if all >= least {
			line.draw(Clip(fmt.Sprintf("%s of %s %s", format.Whole(int64(done)), format.Whole(int64(all)), what), p.Width())+"\n", 1)
		}
	}, func() { line.draw("", 1) }
}

// draws reports that lines may change in place: somebody looks, at a terminal that can move its cursor.
func (p *Printer) draws() bool { return !p.JSON && p.TTY && os.Getenv("TERM") != "dumb" }

// LineObserver shows an apply line by line, for logs and pipes, or as records.
// A progress line each five seconds a launch.
func LineObserver(out *Printer, beside bool) func(events.Event) {
	if out.JSON {
		return eventRecords{out, map[int]time.Time{}}.observe
	}
	v := &plainView{out: out, style: out.Style, width: out.Width, every: 5 * time.Second, beside: beside}
	return v.observe
}
