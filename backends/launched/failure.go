package launched

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"matrix/backends"
)

// Both end a launch; the first is the cell's fault, the second the machine's.
var (
	ErrTimeout = errors.New("the model was not loaded in time (limits.load)")
	ErrNotOurs = errors.New("another server answers at our port")
)

// Failure is why an engine did not come to be, or ended.
type Failure struct {
	Class       string // as backends.LaunchError has it
	Environment bool   // the world's fault, not the cell's
	Hint        string // what to do; "" = nothing to say
}

// Sign is what a failure is known by.
type Sign struct {
	Pattern *regexp.Regexp // of a line that the engine prints, or of an error; all letters may be capitals
	Failure
}

// Known makes a sign of a pattern, of which case does not matter.
// The pattern is a regular expression in Go's syntax; one that is none panics at the program's start.
func Known(pattern, class string, environment bool, hint string) Sign {
	return Sign{regexp.MustCompile("(?i)" + pattern), Failure{class, environment, hint}}
}

// Classify finds the first sign in any of the texts, which stand in the order of their weight, and the line that has it. What
// is known by none is "exited", without a line.
func Classify(signs []Sign, texts ...string) (f Failure, line string) {
	for _, text := range texts {
		for _, s := range signs {
			if at := s.Pattern.FindStringIndex(text); at != nil {
				begin := strings.LastIndexByte(text[:at[0]], '\n') + 1
				line, _, _ := strings.Cut(text[begin:], "\n")
				return s.Failure, line
			}
		}
	}
	return Failure{Class: "exited"}, ""
}

// Failed is why a launch did not come to be. Our own reason to end it goes before the error's words, and those before the last
// lines of the log.
func (s *Server) Failed(ctx context.Context, err error, signs []Sign, lines int) *backends.LaunchError {
	if ready, known := errors.AsType[*backends.LaunchError](err); known {
		return ready
	}
	f, _ := Classify(signs, err.Error(), s.Tail(lines))
	switch {
	case errors.Is(err, ErrTimeout) || errors.Is(context.Cause(ctx), ErrTimeout):
		f = Failure{Class: "timeout", Hint: "raise limits.load"}
	case errors.Is(err, ErrNotOurs):
		f = Failure{Class: "port_taken", Environment: true}
	case ctx.Err() != nil:
		f = Failure{Class: "canceled", Environment: true}
	case s.Running() && f.Class == "exited":
		f.Class = "load_failed"
	}
	return &backends.LaunchError{Environment: f.Environment, Class: f.Class, Err: err, LogTail: s.Tail(25), Hint: f.Hint}
}
