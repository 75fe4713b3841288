package launch

import (
	"context"
	"fmt"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/runner/load"
	"matrix/runner/plan"
)

// Outcome is how a launch ends. A phase that lets it go on returns nil; there is no other way for one to end.
type Outcome struct {
	Status   string // one of results' statuses
	Reason   string // one line
	LogTail  string // last lines of the engine's log
	Hint     string // what to set, in words
	Usage    string // the engine refused how it was started or asked: one of the classes below
	Lacking  bool   // the machine lacks what the cell needs: no try will do better
	Fatal    error  // what stops the whole apply: the store; the rest is empty then
	Manifest record.Manifest

	whole bool // there is nothing to go on from: what was asked would only be asked again
}

// Classes of a launch that its engine refused for how it was called or asked: no other cell that is called and asked so will do
// better.
const (
	UnknownArgument = "unknown_argument" // whatever its value
	BadArgument     = "bad_argument"
	BadRequest      = "bad_request" // what it is asked, whatever the prompt: a schema that it has no grammar for
)

// fatal is the end by an error of the store; nil where there is none.
func fatal(err error) *Outcome {
	if err == nil {
		return nil
	}
	return &Outcome{Fatal: err}
}

// environment is the end by what is no fault of the engine's.
func environment(err error) *Outcome {
	return &Outcome{Status: record.EnvironmentFailed, Reason: plan.OneLine(err)}
}

// lacking is the end by what the machine lacks: no try will do better.
func lacking(err error) *Outcome {
	out := environment(err)
	out.Lacking = true
	return out
}

// Reasons for which what is in flight is cut off.
var (
	errInterrupted = &load.Stop{Status: backends.Canceled, Class: "interrupted", Text: "matrix was interrupted"}
	errCellLimit   = &load.Stop{Status: backends.Canceled, Class: "cell_limit", Text: "the cell's time limit was reached"}
	errBreaker     = &load.Stop{Status: backends.Canceled, Class: "max_error_rate", Text: "too many requests failed"}
	errDied        = &load.Stop{Status: backends.Disconnected, Class: "engine_died", Text: "the engine died"}
	errBroken      = &load.Stop{Status: backends.Canceled, Class: "environment", Text: "matrix could not go on"}
)

// cut is the end by ^C or the cell's limit; nil while the context goes on, or ended for something else.
func cut(ctx context.Context, c *cell.Cell) *Outcome {
	switch context.Cause(ctx) {
	case errInterrupted:
		return &Outcome{Status: record.Interrupted, Reason: errInterrupted.Text}
	case errCellLimit:
		return &Outcome{Status: record.Censored, Reason: fmt.Sprintf("the cell's limit of %s was reached", c.Limits.Cell)}
	}
	return nil
}

// segmentReason says why a segment ended, in a word.
func segmentReason(out *Outcome) string {
	switch out.Status {
	case record.Complete:
		return "done"
	case record.EngineFailed:
		return "engine_died"
	}
	return out.Status
}
