package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// valid passes UTF-8 on and stops at the first byte that is none. x/text's UTF8Validator does the same, but knows no line.
type valid struct {
	in      io.Reader
	line    int    // of the next byte, 1-based
	pending []byte // the beginning of a letter at the end of what was passed on
	err     error  // stays: bufio forgets an error that Peek has met
}

// Read implements io.Reader. The bytes of a cut letter are passed on at once, as a reader should, and kept to be
// checked with the next part.
func (v *valid) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.in.Read(p)
	data := p[:n]
	if len(v.pending) > 0 {
		data = append(v.pending, data...)
	}
	whole := len(data) - Cut(data)
	if errors.Is(err, io.EOF) {
		whole = len(data) // no more comes to complete it
	}
	if utf8.Valid(data[:whole]) {
		v.line += bytes.Count(data[:whole], []byte("\n"))
		v.pending = append([]byte(nil), data[whole:]...)
		return n, err
	}
	i := 0
	for i < whole {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	v.err = NotUTF8(v.line+bytes.Count(data[:i], []byte("\n")), data[i])
	return max(0, i-len(v.pending)), v.err
}

// Cut is how many bytes at the end are a letter's beginning, three at most.
func Cut(data []byte) int {
	for n := 1; n <= min(3, len(data)); n++ {
		if tail := data[len(data)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// NotUTF8 is the fault of a byte that is no UTF-8, and what to do.
func NotUTF8(line int, b byte) error {
	return &Error{Line: line, Reason: fmt.Sprintf("not valid UTF-8 (byte 0x%02X)", b),
		Hint: `Save it as UTF-8 (in Excel: "CSV UTF-8"), or convert it, e.g. iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW.`}
}
