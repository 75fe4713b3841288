package wire

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

const (
	firstLineBytes = 4 << 10  // of a line buffer; few events are longer
	maxLineBytes   = 16 << 20 // of one line
	keptLineBytes  = 64 << 10 // a buffer that grew beyond this is not used again
	// maxHeldBytes bounds what the buffers of all streams together have beyond keptLineBytes each.
	maxHeldBytes = 512 << 20
)

// held is what the buffers of all streams have together, of those that are large.
var held atomic.Int64

// errTooMuch bounds all answers that are being read, and errLineTooLong each: a server at fault must not take the machine's
// memory.
var errTooMuch = errors.New("the answers that are being read need more than 512 MiB together")

// errLineTooLong ends a stream: what would come behind such a line cannot be told from it.
var errLineTooLong = errors.New("a line of the answer is longer than 16 MiB")

// lines cuts a stream into lines. A line is valid until the next call.
type lines struct {
	src   io.Reader // nil between two streams
	buf   []byte    // kept from stream to stream
	start int       // of the line being looked for
	scan  int       // no line feed before this
	end   int       // of what was read
	at    time.Time // when the last bytes came: events that come together share it
	err   error     // what ended the stream, told after the last line
	held  int64     // of the budget of all streams
}

// open keeps the buffer and nothing else of the stream before.
func (l *lines) open(src io.Reader) {
	if l.buf == nil {
		l.buf = make([]byte, firstLineBytes)
	}
	*l = lines{src: src, buf: l.buf}
}

// drop lets go of a buffer that one long line has blown up.
func (l *lines) drop() {
	l.src = nil
	held.Add(-l.held)
	l.held = 0
	if cap(l.buf) > keptLineBytes {
		l.buf = nil
	}
}

// next returns a line without its end. A last line without one is a line too; then io.EOF or what broke the stream.
func (l *lines) next() ([]byte, error) {
	for {
		if i := bytes.IndexByte(l.buf[l.scan:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : l.scan+i]
			l.start = l.scan + i + 1
			l.scan = l.start
			return trimCR(line), nil
		}
		l.scan = l.end
		if l.err != nil {
			return l.last()
		}
		if err := l.room(); err != nil {
			return nil, err
		}
		n, err := l.src.Read(l.buf[l.end:])
		l.at = time.Now()
		l.end += n
		l.err = err
	}
}

// last is what stands behind the last line feed. After a broken connection it may be half a line, so it counts only
// when the stream ended in order.
func (l *lines) last() ([]byte, error) {
	if l.start < l.end && errors.Is(l.err, io.EOF) {
		line := l.buf[l.start:l.end]
		l.start = l.end
		return trimCR(line), nil
	}
	return nil, l.err
}

// room makes space to read into: by moving what is left to the front, by growing when that is the whole buffer.
func (l *lines) room() error {
	if l.end < len(l.buf) {
		return nil
	}
	if l.start > 0 {
		n := copy(l.buf, l.buf[l.start:l.end])
		l.start, l.scan, l.end = 0, n, n
		return nil
	}
	if len(l.buf) >= maxLineBytes {
		return errLineTooLong
	}
	if err := l.afford(2 * len(l.buf)); err != nil {
		return err
	}
	l.buf = append(l.buf, make([]byte, len(l.buf))...)
	return nil
}

// afford takes what a stream's buffers have out of the budget of all. Small ones are free: there are many.
func (l *lines) afford(bytes int) error {
	more := int64(bytes) - keptLineBytes - l.held
	if more <= 0 {
		return nil
	}
	if held.Add(more) > maxHeldBytes {
		held.Add(-more)
		return errTooMuch
	}
	l.held += more
	return nil
}

// trimCR: a line may end with CR LF. A lone CR, which SSE would allow, ends none here.
func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
