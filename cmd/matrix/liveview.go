package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/bubbles/progress"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"matrix/runner"
)

// liveView redraws a few lines at the bottom of the terminal; what has ended scrolls away above them.
type liveView struct {
	program *tea.Program
	done    sync.WaitGroup
	plain   *plainView // writes what stays
	buffer  *strings.Builder
}

// newLiveView starts drawing. ^C stays the program's own affair (signals), so bubbletea gets no input.
func newLiveView(out io.Writer, s style, width func() int, simulated, beside bool) *liveView {
	model := liveModel{style: s, simulated: simulated, beside: beside, bar: progress.New(progress.WithoutPercentage(), progress.WithSolidFill("6"))}
	if s.ascii {
		model.bar.Full, model.bar.Empty = '#', '.'
	}
	buffer := &strings.Builder{}
	v := &liveView{
		program: tea.NewProgram(model, tea.WithOutput(out), tea.WithInput(nil), tea.WithoutSignalHandler(), tea.WithContext(context.Background())),
		plain:   &plainView{out: buffer, style: s, width: width, every: time.Duration(1<<62 - 1), beside: beside},
		buffer:  buffer,
	}
	v.done.Go(func() {
		// A terminal that goes away must not end the measurement: the rows are on disk, the view is not needed.
		_, _ = v.program.Run()
	})
	return v
}

func (v *liveView) observe(e runner.Event) {
	if e.Kind != runner.CellProgress && e.Kind != runner.LaunchPhase && e.Kind != runner.LaunchReady {
		v.plain.observe(e)
		if v.buffer.Len() > 0 {
			v.program.Println(strings.TrimRight(v.buffer.String(), "\n"))
			v.buffer.Reset()
		}
	}
	v.program.Send(e)
}

func (v *liveView) stop() {
	v.program.Send(stopMessage{})
	v.done.Wait()
}

type stopMessage struct{}

type tick time.Time

// liveModel is what is on the screen: the launches that run.
type liveModel struct {
	style     style
	simulated bool
	beside    bool // more than one may run
	bar       progress.Model
	width     int
	running   []liveLaunch // by step
	stopped   bool
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

func (m liveModel) Init() tea.Cmd { return nextTick() }

// nextTick redraws the clocks four times a second.
func nextTick() tea.Cmd {
	return tea.Tick(250*time.Millisecond, func(t time.Time) tea.Msg { return tick(t) })
}

func (m liveModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width = msg.Width
	case tick:
		return m, nextTick()
	case stopMessage:
		m.stopped = true
		return m, tea.Quit
	case runner.Event:
		return m.event1(msg), nil
	}
	return m, nil
}

// event1 takes one event of the apply in.
func (m liveModel) event1(e runner.Event) liveModel {
	running := slices.Clone(m.running) // the old model may still be drawn
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
	if m.stopped || len(m.running) == 0 {
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
		m.bar.Width = 12
		return append(lines, clip("  "+m.bar.ViewAs(share)+"  "+progressText(l.event, m.style), width))
	}
	m.bar.Width = min(40, width-4)
	return append(lines, "  "+m.bar.ViewAs(share), clip("  "+progressText(l.event, m.style), width))
}

// clip cuts a line at the terminal's edge: a wrapped line would break the redraw.
func clip(line string, width int) string { return ansi.Truncate(line, width, "…") }
