package dataset

import (
	"bufio"
	"fmt"
	"os"

	"matrix/experiments/textfile"
)

// spool is an unnamed temporary file with a file's text, or a table's rows, in a form that single entries can be read
// from. It takes no more than the budget.
type spool struct {
	file    *os.File
	out     *bufio.Writer // to file
	written int64         // bytes, buffered ones included
	budget  int64         // bytes; a small packed file may unpack to any size
}

// ScratchError is a fault of the folder of temporary files, not of the dataset's file.
// It is told apart since no change of the dataset mends it: $TMPDIR is full, or cannot be written.
type ScratchError struct{ Err error }

// Error is the cause's own text.
func (e ScratchError) Error() string { return e.Err.Error() }

// Unwrap gives the cause, syscall.ENOSPC for one.
func (e ScratchError) Unwrap() error { return e.Err }

// newSpool opens one. Its name is removed at once, so closing the file is all that it takes to be rid of it.
func newSpool(source *indexed) (*spool, error) {
	budget, err := textfile.Budget(source.size, textfile.DefaultBudget)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "matrix-dataset-*")
	if err != nil {
		return nil, ScratchError{fmt.Errorf("copy %s: %w", source.path, err)}
	}
	os.Remove(f.Name()) // gone when it is closed, whatever happens to us
	return &spool{file: f, out: bufio.NewWriterSize(f, 1<<16), budget: budget}, nil
}

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	if s.written += int64(len(p)); s.written > s.budget {
		return 0, textfile.TooLarge(s.budget, textfile.BudgetEnv)
	}
	n, err := s.out.Write(p)
	return n, scratch(err)
}

// scratch marks an error as one of the folder of temporary files; nil stays nil.
func scratch(err error) error {
	if err == nil {
		return nil
	}
	return ScratchError{err}
}

// handOver makes it the file that entries are read from.
func (s *spool) handOver(source *indexed) error {
	if err := s.out.Flush(); err != nil {
		return scratch(err)
	}
	st, err := s.file.Stat()
	if err != nil {
		return err
	}
	source.file, source.size, source.mtime = s.file, st.Size(), st.ModTime()
	return nil
}
