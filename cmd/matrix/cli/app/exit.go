package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"matrix/experiments/dataset"
	"matrix/results/store"
	"matrix/runner/gpulock"
)

// Exit codes: one meaning everywhere, documented in the README.
const (
	CodeOK          = 0
	CodeError       = 1
	CodePending     = 2 // plan --detailed-exitcode
	CodeDiffers     = 3 // fmt --check
	CodeCellsFailed = 4
	CodeDeclined    = 5
	CodeLocked      = 6
	CodeGate        = 7 // compare --gate does not hold, or is not shown to
	CodeInterrupted = 130
)

// ExitCode is an error that only carries a code: what there was to say has been said.
type ExitCode int

func (e ExitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Hinted is an error with advice on a line of its own.
type Hinted struct {
	Err  error  // what went wrong
	Hint string // what to do; a sentence
}

// Hint adds to an error what to do about it.
// errors.Is and As see through it.
func Hint(err error, hint string) error { return Hinted{err, hint} }

func (h Hinted) Error() string { return h.Err.Error() }

func (h Hinted) Unwrap() error { return h.Err }

// Finish says an error once and turns it into the exit code. Output that was lost is an error, too.
// It closes the output. Call it once, last.
func (a *App) Finish(ctx context.Context, err error) int {
	if broken := a.Broken(); broken != nil && errors.Is(err, broken) {
		err = nil // Close says it, in other words
	}
	code := a.finishCommand(ctx, err)
	if a.Close() != nil {
		return cmp.Or(code, CodeError)
	}
	return code
}

// finishCommand says an error. A lock that another holds comes before ^C: it is what the user has to know.
func (a *App) finishCommand(ctx context.Context, err error) int {
	var code ExitCode
	var locked *store.ErrLocked
	var held *gpulock.HeldError
	switch {
	case err == nil:
		return CodeOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &locked), errors.As(err, &held):
		a.Error(err, "Wait for it, or stop it; nothing was started here.")
		return CodeLocked
	case ctx.Err() != nil:
		a.Error(errors.New("interrupted"), "")
		return CodeInterrupted
	}
	a.SayErrors(err)
	return CodeError
}

// SayErrors says one error, or each of several that were joined.
// Each with its own advice.
func (a *App) SayErrors(err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			a.SayErrors(one)
		}
		return
	}
	a.Error(err, hintOf(err))
}

// hintOf is what to do about an error: its own advice, or what its kind has.
// "" where there is nothing to say.
func hintOf(err error) string {
	const kept = " Committed results are kept; then run matrix apply again: it goes on."
	var own Hinted
	var copying dataset.ScratchError
	var data *dataset.Error
	var foreign *store.ForeignError
	switch {
	case errors.As(err, &own):
		return own.Hint
	case errors.As(err, &copying):
		return "Packed files and tables are copied there: make room, or name another folder with TMPDIR."
	case errors.As(err, &data):
		return data.Hint
	case errors.As(err, &foreign):
		return "Give the experiment another name, or --results another folder."
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "The disk is full: make room, or choose another folder with --results." + kept
	case errors.Is(err, syscall.EIO):
		return "The disk reports errors: look at dmesg, and at the results with matrix verify." + kept
	}
	return ""
}

// NotWritable adds what to do about a results folder that takes nothing.
// What has advice of its own, a full disk for one, keeps it.
func NotWritable(err error) error {
	if hintOf(err) != "" {
		return err
	}
	return Hint(err, "Give --results a folder that you can write to.")
}

// Forbidden is NotWritable where that is what the error says.
func Forbidden(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return NotWritable(err)
	}
	return err
}
