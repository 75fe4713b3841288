// Package spool owns the append-only file that rows wait in until an attempt is
// committed: length- and CRC-framed payloads, read back up to the first bad frame.
// It knows nothing of what the payloads hold.
package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Magic opens every spool file; the last byte is the format's version.
const Magic = "MXSPOOL\x01"

// MaxFrame bounds one payload in bytes, so a damaged length cannot ask for all memory.
const MaxFrame = 256 << 20

// headerLen is the length of a frame's header: payload length, CRC of the length, CRC of the payload.
const headerLen = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCut says that a spool ends in a bad frame: torn by a crash, or damaged. What came before is whole.
var ErrCut = errors.New("spool cut at a bad frame")

// AppendFrame appends payload as one frame to dst. One frame is one write, so a crash tears at most the last.
func AppendFrame(dst, payload []byte) ([]byte, error) {
	if len(payload) > MaxFrame {
		return dst, fmt.Errorf("spool a frame of %d bytes: over the limit of %d", len(payload), MaxFrame)
	}
	var h [headerLen]byte
	binary.LittleEndian.PutUint32(h[0:], uint32(len(payload)))
	// The length has its own CRC: without it a flipped length reads megabytes before it is found out,
	// and a length of zero over a hole of zeros would look like a frame.
	binary.LittleEndian.PutUint32(h[4:], crc32.Checksum(h[:4], castagnoli)^0xA5A5A5A5)
	binary.LittleEndian.PutUint32(h[8:], crc32.Checksum(payload, castagnoli))
	return append(append(dst, h[:]...), payload...), nil
}

// Reader yields the payloads of a spool in order.
type Reader struct {
	in     *bufio.Reader
	opened bool
	buf    []byte
	good   int64
	err    error
}

// NewReader reads a spool from r.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, 1<<16)} }

// Resume reads a spool from behind its first good bytes, which an earlier reader found whole, for who follows one that grows.
func Resume(r io.Reader, good int64) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 1<<16), opened: good > 0, good: good}
}

// Next returns the next payload, valid until the following call; io.EOF after the last whole frame of a
// clean file, ErrCut where a frame is torn or damaged.
func (r *Reader) Next() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	payload, err := r.next()
	if err != nil {
		r.err = err
	}
	return payload, err
}

func (r *Reader) next() ([]byte, error) {
	if !r.opened {
		if err := r.open(); err != nil {
			return nil, err
		}
	}
	var h [headerLen]byte
	if n, err := io.ReadFull(r.in, h[:]); err != nil {
		return nil, r.ended(n, err)
	}
	size := binary.LittleEndian.Uint32(h[0:])
	if binary.LittleEndian.Uint32(h[4:]) != crc32.Checksum(h[:4], castagnoli)^0xA5A5A5A5 || size > MaxFrame {
		return nil, ErrCut
	}
	if cap(r.buf) < int(size) {
		r.buf = make([]byte, size)
	}
	r.buf = r.buf[:size]
	if n, err := io.ReadFull(r.in, r.buf); err != nil {
		return nil, r.ended(n+1, err)
	}
	if crc32.Checksum(r.buf, castagnoli) != binary.LittleEndian.Uint32(h[8:]) {
		return nil, ErrCut
	}
	r.good += headerLen + int64(size)
	return r.buf, nil
}

func (r *Reader) open() error {
	var m [len(Magic)]byte
	if n, err := io.ReadFull(r.in, m[:]); err != nil {
		return r.ended(n, err)
	}
	if string(m[:]) != Magic {
		return ErrCut
	}
	r.opened, r.good = true, int64(len(Magic))
	return nil
}

// ended tells a clean end (nothing read) from a torn frame; an I/O error stays what it is.
func (r *Reader) ended(read int, err error) error {
	switch {
	case errors.Is(err, io.EOF) && read == 0:
		return io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrCut
	}
	return fmt.Errorf("read spool: %w", err)
}

// Good is the length in bytes of the part read so far that is whole.
func (r *Reader) Good() int64 { return r.good }

// Stream is the payloads one after the other as one byte stream.
type Stream struct {
	r    *Reader
	rest []byte
	cut  bool
}

// NewStream joins the payloads of r. It ends with io.EOF at the first bad frame too; Cut tells.
func NewStream(r *Reader) *Stream { return &Stream{r: r} }

// Cut reports that the stream ended at a bad frame.
func (s *Stream) Cut() bool { return s.cut }

// Empty reports that there is nothing to read, not even one whole frame.
func (s *Stream) Empty() (bool, error) {
	_, err := s.Read(nil)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

func (s *Stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		payload, err := s.r.Next()
		if errors.Is(err, ErrCut) {
			s.cut = true
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
		s.rest = payload
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
