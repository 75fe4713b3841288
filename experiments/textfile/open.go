// Package textfile is the one door for files that people made: whatever encoding or compression can be told becomes
// UTF-8, and what is no text is refused by its name. It knows nothing of what a text says.
package textfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Error is what keeps a file from being read, in a user's words.
type Error struct {
	Line   int // 1-based, 0 = whole file
	Reason string
	Hint   string // what to do, a sentence; "" = nothing more to say
}

// Error names the line, not the file: callers know by which name the user called it.
func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return e.Reason
}

// Open opens a regular file and refuses everything else at once: opening a FIFO would wait for whoever writes to it.
// Errors are *Error and fs.PathError.
func Open(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := regular(st); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have become a FIFO meanwhile
	if err != nil {
		return nil, err
	}
	if st, err = f.Stat(); err == nil {
		err = regular(st)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// regular is nil for a regular file, else an *Error that says what it is.
func regular(st fs.FileInfo) error {
	kind := ""
	switch mode := st.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	}
	e := &Error{Reason: "it is not a regular file"}
	if kind != "" {
		e.Reason += " but " + kind
	}
	if kind == "a pipe" {
		e.Hint = "A file is read more than once: write what the pipe gives to a file first."
	}
	return e
}

// Read is the whole text of a small file, decoded; limit is in bytes of text. Errors are *Error and fs.PathError. Nothing is
// read of a file that is too large by its size alone.
func Read(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()                                             // read-only
	if st, err := f.Stat(); err == nil && st.Size() > 2*limit { // UTF-16 has twice as many bytes
		return nil, TooLarge(limit, "")
	}
	text, err := Decode(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(Limited(text, limit, ""))
}

// DefaultBudget is how many bytes a dataset or an import may have once it is unpacked; a small one may have no more than
// maxGrowth times its size, or leastBudget. Both keep a small hostile file from filling a disk or the memory. BudgetEnv is
// for those who have more.
const (
	DefaultBudget = 8 << 30
	BudgetEnv     = "MATRIX_FILE_GIB"
	leastBudget   = 256 << 20
	maxGrowth     = 1000 // gzip's most is 1,032; text that people write becomes a tenth
)

// Budget is how many bytes a file of so many may have when it is unpacked, at most as many as most, or what BudgetEnv says. A
// fixed limit alone would let a kilobyte fill a disk with 8 GiB of zeros. The error is of BudgetEnv.
func Budget(bytes, most int64) (int64, error) {
	text := os.Getenv(BudgetEnv)
	if text == "" {
		return min(most, max(leastBudget, min(bytes, most)*maxGrowth)), nil
	}
	gib, err := strconv.ParseFloat(text, 64)
	if err != nil || !(gib > 0 && gib <= 1<<20) {
		return 0, fmt.Errorf("%s = %q is no number of GiB", BudgetEnv, text)
	}
	return int64(gib * (1 << 30)), nil
}

// Limited reads at most limit bytes and refuses what has more. env names the variable that raises the limit, "" = none.
func Limited(in io.Reader, limit int64, env string) io.Reader { return &limited{in, limit, limit, env} }

// limited is a reader with a bound; see Read.
type limited struct {
	in          io.Reader
	left, limit int64  // bytes
	env         string // named in the advice; "" = nothing raises the limit
}

// Read asks for one byte more than is left: a file of exactly the limit ends there without an error. io.LimitReader was not
// taken because it ends without one in any case, and a file would silently be cut.
func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.in.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, TooLarge(l.limit, l.env)
	}
	return n, err
}

// TooLarge says that a file is over its budget of so many bytes.
func TooLarge(limit int64, env string) error {
	e := &Error{Reason: "it is larger than " + size(limit) + ", which no hand-written file is"}
	if env != "" {
		e.Reason = "unpacked it is larger than " + size(limit) + ", the most that is taken of a file of its size"
		e.Hint = "If that is meant, set " + env + " to as many GiB as it has."
	}
	return e
}

// size is a limit as messages have it, in MiB, or in GiB where it reaches one.
func size(bytes int64) string {
	if bytes >= 1<<30 {
		return strconv.FormatFloat(float64(bytes)/(1<<30), 'g', 4, 64) + " GiB"
	}
	return strconv.FormatFloat(float64(bytes)/(1<<20), 'g', 4, 64) + " MiB"
}

// Hint is what to do about an error of this package, "" where it says nothing.
func Hint(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
