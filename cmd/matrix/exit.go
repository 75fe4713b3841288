package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"matrix/results"
	"matrix/runner/gpulock"
)

// Exit codes: one meaning everywhere, documented in the README.
const (
	codeOK          = 0
	codeError       = 1
	codePending     = 2 // plan --detailed-exitcode
	codeDiffers     = 3 // fmt --check
	codeCellsFailed = 4
	codeDeclined    = 5
	codeLocked      = 6
	codeInterrupted = 130
)

// exitCode is an error that only carries a code: what there was to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// hinted is an error with advice on a line of its own.
type hinted struct {
	err  error
	hint string
}

func (h hinted) Error() string { return h.err.Error() }
func (h hinted) Unwrap() error { return h.err }

// finish says an error once and turns it into the exit code. Output that was lost is an error, too.
func (a *app) finish(ctx context.Context, err error) int {
	if first := a.streams[0].failed(); first != nil && errors.Is(err, first) {
		err = nil // it is said below, in other words
	}
	code := a.finishCommand(ctx, err)
	if lost := a.streams[0].closing(); lost != nil {
		fmt.Fprintf(a.stderr, "%s %s\n", a.style.err("Error:"), sentence(lost.Error()))
		return cmp.Or(code, codeError)
	}
	return code
}

func (a *app) finishCommand(ctx context.Context, err error) int {
	var code exitCode
	var locked *results.ErrLocked
	var held *gpulock.HeldError
	switch {
	case err == nil && a.unsaid != nil:
		fmt.Fprintf(a.stderr, "Error: %v\n", a.unsaid) // standard output takes no more
		return codeError
	case err == nil:
		return codeOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &locked), errors.As(err, &held):
		a.sayError(err, "Wait for it, or stop it; nothing was started here.")
		return codeLocked
	case ctx.Err() != nil:
		a.sayError(errors.New("interrupted"), "")
		return codeInterrupted
	}
	a.sayErrors(err)
	return codeError
}

// sayErrors says one error, or each of several that were joined.
func (a *app) sayErrors(err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			a.sayErrors(one)
		}
		return
	}
	var h hinted
	if errors.As(err, &h) {
		a.sayError(err, h.hint)
		return
	}
	a.sayError(err, diskHint(err))
}

// diskHint says what to do about a disk that takes no more.
func diskHint(err error) string {
	const kept = " Committed results are kept; then run matrix apply again: it goes on."
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "The disk is full: make room, or choose another folder with --results." + kept
	case errors.Is(err, syscall.EIO):
		return "The disk reports errors: look at dmesg, and at the results with matrix verify." + kept
	}
	return ""
}

func (a *app) sayError(err error, hint string) {
	if a.json {
		a.emit("error", map[string]any{"message": err.Error(), "hint": hint})
		return
	}
	fmt.Fprintf(a.stderr, "%s %s\n", a.style.err("Error:"), sentence(err.Error()))
	if hint != "" {
		fmt.Fprintf(a.stderr, "  %s\n", hint)
	}
}

// needFiles is what cobra.MinimumNArgs(1) checks, in words that say what to type.
func needFiles(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return hinted{fmt.Errorf("%s needs a file or a folder", cmd.CommandPath()), "For example: " + cmd.CommandPath() + " experiments/gemma3.hcl"}
}

// noArguments is what cobra.NoArgs checks, in words that fit a command without commands of its own.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return hinted{fmt.Errorf("%s takes no argument, and got %q", cmd.CommandPath(), args[0]), cmd.CommandPath() + " --help lists its flags."}
}

// sentence begins a message with a capital, unless it begins with a path or a name.
func sentence(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if first == "" || first == "matrix" || strings.ContainsAny(first, "-/.:_\"") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
