package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"matrix/runner"
)

// liveView redraws a few lines at the bottom of the terminal; what has ended scrolls away above them.
type liveView struct {
	size  func() (width, height int)
	plain *plainView // writes what stays
	over  chan struct{}
	done  sync.WaitGroup

	mu     sync.Mutex // guards all below
	screen redrawn
	buffer *strings.Builder // of plain
	model  liveModel
}

// redrawEvery is how often the clocks are drawn anew.
const redrawEvery = 250 * time.Millisecond

// newLiveView starts drawing.
func newLiveView(out io.Writer, s style, size func() (width, height int), simulated, beside bool) *liveView {
	buffer := &strings.Builder{}
	width := func() int { w, _ := size(); return w }
	v := &liveView{size: size, screen: redrawn{out: out}, buffer: buffer, over: make(chan struct{}),
		model: liveModel{style: s, simulated: simulated, beside: beside},
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

func (v *liveView) draw() {
	width, height := v.size()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.model.width = width
	v.screen.draw(v.model.View(), height-1)
}

func (v *liveView) observe(e runner.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e.Kind != runner.CellProgress && e.Kind != runner.LaunchPhase && e.Kind != runner.LaunchReady {
		v.plain.observe(e)
		if v.buffer.Len() > 0 {
			v.screen.above(v.buffer.String())
			v.buffer.Reset()
		}
	}
	v.model = v.model.event1(e)
}

// stop takes the lines away.
func (v *liveView) stop() {
	close(v.over)
	v.done.Wait()
	v.screen.draw("", 1)
}

// liveModel is what is on the screen: the launches that run.
type liveModel struct {
	style     style
	simulated bool
	beside    bool // more than one may run
	width     int
	running   []liveLaunch // by step
}

// liveLaunch is one launch: its phases so far, the progress.
type liveLaunch struct {
	step   int
	title  string
	phases []string
	phase  string
	since  time.Time
	event  runner.Event // the last progress
}

// event1 takes one event of the apply in.
func (m liveModel) event1(e runner.Event) liveModel {
	running := slices.Clone(m.running)
	at := slices.IndexFunc(running, func(l liveLaunch) bool { return l.step == e.Step })
	switch {
	case e.Kind == runner.LaunchStart:
		title := launchTitle(e, m.style)
		if e.Steps > 0 {
			title = fmt.Sprintf("[%d/%d] %s", e.Step, e.Steps, title)
		}
		running = append(running, liveLaunch{step: e.Step, title: title, phase: "drain", since: e.At})
	case at < 0:
	case e.Kind == runner.LaunchPhase && e.Took > 0:
		l := &running[at]
		l.phases = append(slices.Clone(l.phases), e.Phase+" "+seconds(e.Took))
		l.phase, l.since = "", e.At
	case e.Kind == runner.LaunchPhase:
		running[at].phase, running[at].since = e.Phase, e.At
	case e.Kind == runner.CellProgress:
		running[at].event = e
	case e.Kind == runner.LaunchStop:
		running = slices.Delete(running, at, at+1)
	}
	m.running = running
	return m
}

func (m liveModel) View() string {
	if len(m.running) == 0 {
		return ""
	}
	width := max(20, m.width)
	var lines []string
	if m.simulated {
		lines = append(lines, m.style.warn("SIMULATED"))
	}
	for _, l := range m.running {
		lines = append(lines, m.draw(l, width)...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// draw is one launch: its phases, and once it is measured a bar. Side by side a launch has less room, and its title says
// which it is: alone, that stands right above.
func (m liveModel) draw(l liveLaunch, width int) (lines []string) {
	now := strings.Join(l.phases, m.style.dot())
	if l.phase != "" {
		now = strings.TrimPrefix(now+m.style.dot()+l.phase+" "+roughly(time.Since(l.since)), m.style.dot())
	}
	p := l.event.Progress
	if m.beside {
		lines = append(lines, clip(l.title, width))
	}
	if !m.beside || p.Planned == 0 {
		lines = append(lines, clip("  "+now, width))
	}
	if p.Planned == 0 {
		return lines
	}
	share := float64(p.Done) / float64(p.Planned)
	if m.beside {
		return append(lines, clip("  "+m.style.bar(share, 12)+"  "+progressText(l.event, m.style), width))
	}
	return append(lines, "  "+m.style.bar(share, min(40, width-4)), clip("  "+progressText(l.event, m.style), width))
}

// clip cuts a line at the terminal's edge: a wrapped line would break the redraw.
func clip(line string, width int) string { return ansi.Truncate(line, width, "…") }
