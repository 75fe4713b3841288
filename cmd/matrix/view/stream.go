package view

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"unicode/utf8"

	"matrix/experiments/textfile"
	"matrix/experiments/wording"
)

// stream is one of the program's streams. All text for people passes it: what engines, files and other users wrote may
// hold anything, and nothing of it reaches the terminal as a command. A write that failed is an error of the program, at
// its end: a plan that is not there must not pass for one.
type stream struct {
	w        io.Writer
	color    bool // our own colours pass
	ascii    bool // the terminal has no more: typographic signs are spelled
	faithful bool // what is written is read by programs: not a byte is changed

	mu   sync.Mutex
	rest []byte // the beginning of a character whose end is not written yet
	err  error  // the first
}

// Write passes text on as the terminal can take it. A character that is cut in two waits for its rest.
func (o *stream) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := p
	if !o.faithful {
		// fmt writes whole strings; a copy of an engine's output may be cut anywhere
		text = append(o.rest, p...)
		n := len(text) - textfile.Cut(text)
		o.rest = append([]byte(nil), text[n:]...)
		text = clean(text[:n], o.color)
		if o.ascii {
			text = []byte(spelled(string(text)))
		}
	}
	if err := o.put(text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// put keeps the first error and goes on: whoever writes checks none.
func (o *stream) put(text []byte) error {
	_, err := o.w.Write(text)
	if o.err == nil {
		o.err = err
	}
	return err
}

// rawStream is the stream for what is no text for people: a script, a page, the lines that are drawn anew.
type rawStream struct{ o *stream }

// Write passes bytes on as they are, for what draws with escape sequences of its own.
func (u rawStream) Write(p []byte) (int, error) {
	u.o.mu.Lock()
	defer u.o.mu.Unlock()
	return len(p), u.o.put(p)
}

// failed is the first error.
func (o *stream) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// closing is the error of a stream, with that of closing it where it is a file: a network's disk may tell only then.
func (o *stream) closing() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.err
	if f, ok := o.w.(*os.File); ok {
		// a terminal and a pipe are left open: others write to them
		if info, bad := f.Stat(); bad == nil && info.Mode().IsRegular() {
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("not all of the output could be written: %w", err)
	}
	return nil
}

// ownColours are those that style and the diagnostics write.
// Others' escape sequences are no colours of ours, and do not pass.
var ownColours = regexp.MustCompile(`^\x1b\[(0|1|3[1-6]|9[0-7]|38;5;[0-9]{1,3})?m`)

// clean is text as it may be shown; what may not is the replacement character, so that it is seen to have been there.
func clean(text []byte, color bool) []byte {
	if plainText(text) {
		return text
	}
	var out bytes.Buffer
	for len(text) > 0 {
		if color {
			if own := ownColours.Find(text); own != nil {
				out.Write(own)
				text = text[len(own):]
				continue
			}
		}
		r, n := utf8.DecodeRune(text)
		if wording.Shows(r) {
			out.Write(text[:n])
		} else {
			out.WriteRune(utf8.RuneError)
		}
		text = text[n:]
	}
	return out.Bytes()
}

// plainText: most text has nothing to look at.
func plainText(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf || b < ' ' && b != '\n' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
