// Package view is what a person at a terminal, a log or a program reads of matrix: one printer, one table, one style, the plan, the
// live view, and the records of --json. It is given values of the domain and draws them; it starts, reads and decides nothing.
package view

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"matrix/backends/process"
	"matrix/cmd/matrix/view/ndjson"
)

// Printer is where a command says what it has to say: text for people on standard output, or records for programs. It is an
// io.Writer of that text; what is foreign in it cannot command the terminal.
type Printer struct {
	Style   Style
	JSON    bool      // records and nothing else on standard output
	TTY     bool      // standard output is a terminal
	Columns int       // to draw in: the terminal's, or 100
	Err     io.Writer // standard error
	Version string    // of matrix, for the first record
	Results string    // folder that the results land under, for lines that name it

	out, err *stream
	terminal *os.File // standard output, where it is one
	begun    bool     // the first record is out
	lost     error    // why a record could not be written
}

// NewPrinter makes a printer of two streams, which Start makes ready.
// Before Start it draws without colours.
func NewPrinter(stdout, stderr io.Writer) *Printer {
	p := &Printer{Columns: 100, out: &stream{w: stdout}, err: &stream{w: stderr}}
	p.Err = p.err
	if f, ok := stdout.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.TTY, p.terminal = true, f
		p.Columns, _ = p.Size()
	}
	return p
}

// Start goes by the flags, once they are known.
// Called once, before the command runs.
func (p *Printer) Start(noColor bool) {
	plain := noColor || os.Getenv("NO_COLOR") != ""
	p.Style = newStyle(p.TTY && !p.JSON, plain)
	p.out.color, p.err.color = p.Style.Color, p.Style.Color
	// a record's text is escaped by JSON itself
	p.out.faithful = p.JSON
	// In a pipe the words are left as they are, but for who asked for plain ones: what reads a pipe does not go by the terminal's signs.
	p.out.ascii = plain || p.TTY && p.Style.ASCII
	p.err.ascii = p.out.ascii
}

// Write prints text for people.
// Commands come to it by fmt; with JSON only Record and Document do.
func (p *Printer) Write(text []byte) (int, error) { return p.out.Write(text) }

// Begin writes the first record, where records are written.
// Once; Record calls it, so a command need not.
func (p *Printer) Begin() {
	if p.JSON && !p.begun {
		p.begun = true
		p.Record(ndjson.Version{Schema: ndjson.Schema, Matrix: p.Version})
	}
}

// Record writes a record.
// A failure is kept for Close: half of the records must not pass for all.
func (p *Printer) Record(r ndjson.Record) {
	p.Begin()
	line, err := ndjson.Marshal(r)
	if err == nil {
		_, err = p.Write(line)
	}
	p.note(r.Type(), err)
}

// Document writes a record that has its type among its fields.
// For answers whose fields are another package's.
func (p *Printer) Document(r any) {
	p.Begin()
	e := json.NewEncoder(p)
	// names and messages have < and &
	e.SetEscapeHTML(false)
	p.note("answer", e.Encode(r))
}

// note keeps the first failure.
func (p *Printer) note(kind string, err error) {
	if err != nil && p.lost == nil {
		p.lost = fmt.Errorf("write a record of type %q: %w", kind, err)
	}
}

// Tell prints lines for people, as Line does, or a record.
// The record has what the line says, in base units.
func (p *Printer) Tell(r ndjson.Record, format string, values ...any) {
	if p.JSON {
		p.Record(r)
		return
	}
	p.Line(format, values...)
}

// Line prints a line that is broken at the terminal's edge, or several.
func (p *Printer) Line(format string, values ...any) {
	for line := range strings.SplitSeq(fmt.Sprintf(format, values...), "\n") {
		fmt.Fprintln(p, p.Fit(line))
	}
}

// Fit breaks a line at the terminal's edge; a sign that will be spelled there counts with all of its letters.
func (p *Printer) Fit(line string) string {
	if p.out.ascii {
		line = spelled(line)
	}
	return Fold(line, p.Width())
}

// Warn says what may be wrong though the command goes on.
func (p *Printer) Warn(text string) {
	if p.JSON {
		p.Record(ndjson.Warning{Message: text})
		return
	}
	p.say(p.Style.Warn("Warning:") + " " + text)
}

// Error says why the command failed, and what to do about it; "" = nothing to say.
// On standard error for people, among the records for programs.
func (p *Printer) Error(err error, hint string) {
	if p.JSON {
		p.Record(ndjson.Error{Message: err.Error(), Hint: hint})
		return
	}
	p.errorLine(err)
	if hint != "" {
		p.say("  " + hint)
	}
}

// errorLine is on standard error even where stdout is lost.
func (p *Printer) errorLine(err error) {
	p.say(p.Style.Bad("Error:") + " " + sentence(err.Error()))
}

// say writes lines on standard error, which may be a terminal where standard output is none.
// In a pipe they stay whole, for what greps them.
func (p *Printer) say(text string) {
	width := 0
	if f, ok := p.err.w.(*os.File); ok {
		width, _, _ = term.GetSize(int(f.Fd())) // 0: it is none
	}
	if p.err.ascii {
		text = spelled(text)
	}
	for line := range strings.Lines(text + "\n") {
		fmt.Fprint(p.Err, Fold(line, width))
	}
}

// sentence begins a message with a capital, unless it begins with a path or a name.
func sentence(text string) string {
	// "results/x: …" and "vllm: …" are written as they are
	first, _, _ := strings.Cut(text, " ")
	if first == "" || first == "matrix" || strings.ContainsAny(first, "-/.:_\"") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// Broken is the error of a first write that failed, nil while all went well.
func (p *Printer) Broken() error { return p.out.failed() }

// Close says on standard error what of the output was lost, and returns it: output that is not there must not pass for one.
// Call it last. Standard output that is a file is closed by it.
func (p *Printer) Close() error {
	lost := p.out.closing()
	if lost == nil {
		lost = p.lost // else the stream's own error, told once
	}
	if lost != nil {
		p.errorLine(lost)
	}
	return lost
}

// Width is where lines end: the terminal's edge as it is now, nowhere (0) in a pipe.
// A file has no edge: breaking its lines would break what greps them.
func (p *Printer) Width() int {
	if p.terminal == nil {
		return 0
	}
	width, _ := p.Size()
	return width
}

// Size is the terminal's as it is now, in columns and lines.
// Columns and 24 lines where it is none.
func (p *Printer) Size() (width, height int) {
	if p.terminal != nil {
		if w, h, err := term.GetSize(int(p.terminal.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return p.Columns, 24
}

// Page is standard output for a document that is written to a file or read by a program; at a terminal it is text.
// Raw in a pipe: a page's or a script's bytes are its own.
func (p *Printer) Page() io.Writer {
	if p.TTY {
		return p
	}
	return rawStream{p.out}
}

// ResultsFlag repeats --results where the user gave another folder, for commands that a message suggests.
func (p *Printer) ResultsFlag() string {
	if p.Results == "results" {
		return ""
	}
	return " --results " + process.Quote(p.Results)
}

// Patience says a line to a person at a terminal when it takes longer than one likes to look at nothing. What it
// returns keeps it silent.
func (p *Printer) Patience(what string) (done func() bool) {
	if !p.TTY || p.JSON {
		return func() bool { return true }
	}
	return time.AfterFunc(150*time.Millisecond, func() { fmt.Fprintln(p.Err, what) }).Stop
}
