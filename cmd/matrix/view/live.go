package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"matrix/results/format"
	"matrix/runner/events"
)

// liveView redraws a few lines at the bottom of the terminal; what has ended scrolls away above them.
// Safe for concurrent use: events come from launches side by side.
type liveView struct {
	size  func() (width, height int)
	plain *plainView    // writes what stays
	over  chan struct{} // closed by stop
	done  sync.WaitGroup

	mu     sync.Mutex // guards all below
	screen screen
	buffer *strings.Builder // of plain
	model  liveModel
}

// redrawEvery is how often the clocks are drawn anew.
const redrawEvery = 250 * time.Millisecond

// newLiveView starts drawing.
// stop it, or the cursor stays among the lines.
func newLiveView(out io.Writer, s Style, size func() (width, height int), simulated, beside bool) *liveView {
	buffer := &strings.Builder{}
	width := func() int { w, _ := size(); return w }
	v := &liveView{size: size, screen: screen{out: out}, buffer: buffer, over: make(chan struct{}),
		model: liveModel{style: s, simulated: simulated, beside: beside},
		// its own progress lines never come due: the view draws them
		plain: &plainView{out: buffer, style: s, width: width, every: time.Duration(1<<62 - 1), beside: beside}}
	v.done.Go(func() {
		tick := time.NewTicker(redrawEvery)
		defer tick.Stop()
		for {
			select {
			case <-v.over:
				return
			case <-tick.C:
				v.draw()
			}
		}
	})
	return v
}

// draw asks for the size each time: a window is resized as its user likes.
func (v *liveView) draw() {
	width, height := v.size()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.model.width = width
	v.screen.draw(v.clean(v.model.View()), height-1)
}

// clean is text without what an engine or a label could say to the terminal.
func (v *liveView) clean(text string) string { return string(clean([]byte(text), v.model.style.Color)) }

// observe draws what changes in place and has everything else said above, by the plain view.
func (v *liveView) observe(e events.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.Contains([]events.Kind{events.CellProgress, events.LaunchPhase, events.LaunchProgress, events.LaunchReady}, e.Kind) {
		v.plain.observe(e)
		if v.buffer.Len() > 0 {
			v.screen.above(v.clean(v.buffer.String()))
			v.buffer.Reset()
		}
	}
	// after the plain view, so that what stays is above what moves
	v.model = v.model.with(e)
}

// stop takes the lines away.
// What is on the screen above stays.
func (v *liveView) stop() {
	close(v.over)
	v.done.Wait()
	v.screen.draw("", 1)
}

// liveModel is what is on the screen: the launches that run.
// A value: with returns the next one, so that drawing is tested without a clock or a terminal.
type liveModel struct {
	style     Style
	simulated bool
	beside    bool // more than one may run
	width     int
	running   []liveLaunch // by step
	clock     time.Time    // of the drawing; zero: now
}

// liveLaunch is one launch: what it does now, what it has done, the progress.
type liveLaunch struct {
	step  int
	title string
	now   phase
	ended []string     // phases, the last first
	line  string       // the engine's last
	event events.Event // the last progress
}

// at is the time that the clocks show.
func (m liveModel) at() time.Time {
	if m.clock.IsZero() {
		return time.Now()
	}
	return m.clock
}

// with takes one event of the apply in.
// Events of launches that it does not know are passed over.
func (m liveModel) with(e events.Event) liveModel {
	running := slices.Clone(m.running)
	at := slices.IndexFunc(running, func(l liveLaunch) bool { return l.step == e.Step })
	switch {
	case e.Kind == events.LaunchStart:
		title := launchTitle(e, m.style)
		if e.Steps > 0 {
			title = fmt.Sprintf("[%d/%d] %s", e.Step, e.Steps, title)
		}
		running = append(running, liveLaunch{step: e.Step, title: title})
	// of a launch that has stopped
	case at < 0:
	case e.Kind == events.LaunchPhase && e.Took > 0:
		running[at].end(e)
	case e.Kind == events.LaunchPhase && e.Part != "":
		running[at].now.part, running[at].now.partBegan = e.Part, e.At
	case e.Kind == events.LaunchPhase:
		running[at].now, running[at].line = phase{name: e.Phase, began: e.At, limit: e.Limit}, ""
	case e.Kind == events.LaunchProgress:
		running[at].line = e.Message
	case e.Kind == events.LaunchReady:
		running[at].now = phase{}
	case e.Kind == events.CellStart:
		running[at].now, running[at].line = phase{name: "measure", began: e.At, limit: e.Limit}, ""
	case e.Kind == events.CellProgress:
		running[at].event = e
	case e.Kind == events.LaunchStop:
		running = slices.Delete(running, at, at+1)
	}
	m.running = running
	return m
}

// end notes a phase, or a part of one, that has ended.
func (l *liveLaunch) end(e events.Event) {
	l.ended = append([]string{e.Phase + " " + format.Took(e.Took)}, l.ended...)
	switch e.Phase {
	case l.now.name:
		l.now = phase{}
	case l.now.part:
		l.now.part = ""
	}
}

// View is the text of what runs, as wide as the terminal; "" when nothing does.
func (m liveModel) View() string {
	if len(m.running) == 0 {
		return ""
	}
	// a terminal that says 0 is no reason to draw nothing
	width := max(20, m.width)
	var lines []string
	if m.simulated {
		lines = append(lines, m.style.Warn("SIMULATED"))
	}
	var longest events.Event // of those side by side: the apply ends no earlier
	for _, l := range m.running {
		lines = append(lines, m.draw(l, width)...)
		if eta := l.event.Progress.PlanETA; eta != nil && (longest.Progress.PlanETA == nil || *eta > *longest.Progress.PlanETA) {
			longest = l.event
		}
	}
	if parts := planParts(longest); m.beside && len(parts) > 0 {
		lines = append(lines, m.flow(parts, width)...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// draw is one launch: the phase that runs and then those that have ended, so that the edge of a narrow terminal cuts the
// oldest; the engine's last line while there is nothing else to see; a bar once it is measured. Side by side a launch has
// less room, and its title says which it is: alone, that stands right above.
func (m liveModel) draw(l liveLaunch, width int) (lines []string) {
	now := strings.Join(l.ended, m.style.Dot())
	if text := l.now.text(m.at(), m.style); text != "" {
		now = strings.TrimSuffix(text+m.style.Dot()+m.style.Dim(now), m.style.Dot())
	}
	p := l.event.Progress
	if m.beside {
		lines = append(lines, Clip(l.title, width))
	}
	if !m.beside || p.Planned == 0 {
		lines = append(lines, Clip("  "+now, width))
	}
	if l.line != "" && !m.beside {
		lines = append(lines, Clip("  "+m.style.Dim("| "+l.line), width))
	}
	if p.Planned == 0 {
		return lines
	}
	share := float64(p.Done) / float64(p.Planned)
	if m.beside {
		return append(lines, Clip("  "+m.style.bar(share, 12)+"  "+strings.Join(cellParts(l.event, m.style), m.style.Dot()), width))
	}
	lines = append(lines, "  "+m.style.bar(share, min(40, width-4)))
	return append(lines, m.flow(slices.Concat(cellParts(l.event, m.style), planParts(l.event)), width)...)
}

// flow writes the pieces of a progress line on as many lines as they take.
func (m liveModel) flow(parts []string, width int) (lines []string) {
	for _, line := range flow(parts, m.style.Dot(), width-2) {
		lines = append(lines, Clip("  "+line, width))
	}
	return lines
}
