package main

import (
	"context"
	"fmt"
	"io"
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
func newLiveView(out io.Writer, s style, width func() int, simulated bool) *liveView {
	model := liveModel{style: s, simulated: simulated, bar: progress.New(progress.WithoutPercentage(), progress.WithSolidFill("6"))}
	if s.ascii {
		model.bar.Full, model.bar.Empty = '#', '.'
	}
	buffer := &strings.Builder{}
	v := &liveView{
		program: tea.NewProgram(model, tea.WithOutput(out), tea.WithInput(nil), tea.WithoutSignalHandler(), tea.WithContext(context.Background())),
		plain:   &plainView{out: buffer, style: s, width: width, every: time.Duration(1<<62 - 1)},
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

// liveModel is what is on the screen: the launch, its phases so far, the progress.
type liveModel struct {
	style     style
	simulated bool
	bar       progress.Model
	width     int
	title     string
	phases    []string
	phase     string
	since     time.Time
	event     runner.Event // the last progress
	stopped   bool
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
	switch e.Kind {
	case runner.LaunchStart:
		m.title, m.phases, m.phase, m.since, m.event = launchTitle(e, m.style), nil, "drain", e.At, runner.Event{}
		if e.Steps > 0 {
			m.title = fmt.Sprintf("[%d/%d] %s", e.Step, e.Steps, m.title)
		}
	case runner.LaunchPhase:
		if e.Took > 0 {
			m.phases = append(m.phases, e.Phase+" "+seconds(e.Took))
			m.phase, m.since = "", e.At
		} else {
			m.phase, m.since = e.Phase, e.At
		}
	case runner.CellProgress:
		m.event = e
	case runner.LaunchStop:
		m.title = ""
	}
	return m
}

func (m liveModel) View() string {
	if m.stopped || m.title == "" {
		return ""
	}
	width := max(20, m.width)
	var lines []string
	if m.simulated {
		lines = append(lines, m.style.warn("SIMULATED"))
	}
	now := strings.Join(m.phases, m.style.dot())
	if m.phase != "" {
		now = strings.TrimPrefix(now+m.style.dot()+m.phase+" "+roughly(time.Since(m.since)), m.style.dot())
	}
	lines = append(lines, clip("  "+now, width))
	if p := m.event.Progress; p.Planned > 0 {
		m.bar.Width = min(40, width-4)
		lines = append(lines, "  "+m.bar.ViewAs(float64(p.Done)/float64(p.Planned)), clip("  "+progressText(m.event, m.style), width))
	}
	return strings.Join(lines, "\n") + "\n"
}

// clip cuts a line at the terminal's edge: a wrapped line would break the redraw.
func clip(line string, width int) string { return ansi.Truncate(line, width, "…") }
