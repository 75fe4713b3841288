package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"matrix/experiments/textfile"
	"matrix/experiments/wording"
)

// Error is a fault of the data with its place, "candidates.jsonl:17: …".
type Error struct {
	Path   string // relative to the working folder where it lies within
	Line   int    // 1-based, 0 = whole file
	Reason string
	Hint   string // what to do, a sentence; "" = nothing more to say
	Err    error  // cause, nil = none
}

// Error has the place before it as compilers write it, "FILE:LINE: …", and the hint not at all: callers show that apart.
func (e *Error) Error() string {
	switch {
	case e.Path == "":
		return e.Reason
	case e.Line == 0:
		return e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason)
}

// Unwrap gives the cause, fs.ErrNotExist for a missing file.
func (e *Error) Unwrap() error { return e.Err }

// shownFaults is how many faults are told one by one; a file of another format has one a line.
const shownFaults = 10

// faults collects what is wrong with a file.
type faults struct {
	path  string  // as messages name it
	first []error // shownFaults at most; *Error each
	count int     // of all, those not kept included
}

// add books a fault of a line (1-based; 0 = none can be named) and lets the reading go on: a user should see the first
// few at once, and not one a run.
func (f *faults) add(line int, reason, hint string) {
	f.count++
	if len(f.first) < shownFaults {
		f.first = append(f.first, &Error{Path: f.path, Line: line, Reason: reason, Hint: hint})
	}
}

// err is all faults as one error, nil where there were none.
func (f *faults) err() error {
	if f.count == 0 {
		return nil
	}
	all := f.first
	if more := f.count - len(f.first); more > 0 {
		all = append(all, fmt.Errorf("and %s in %s", wording.Count(more, "more faults"), f.path))
	}
	return errors.Join(all...)
}

// fileError says in a user's words why a file cannot be read.
func fileError(path string, err error) error {
	e := &Error{Path: display(path), Reason: err.Error(), Hint: textfile.Hint(err), Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Reason = "no such file"
		e.Hint = "A path in an experiment starts at the folder of the file that holds it."
	case errors.Is(err, fs.ErrPermission):
		e.Reason = "permission denied"
		e.Hint = "Its rights, or those of a folder above it, keep you from reading it."
	}
	return e
}

// display is a path as a user would type it.
func display(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return path
	}
	return rel
}
