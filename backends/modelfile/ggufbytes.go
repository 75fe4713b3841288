package modelfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// read fills p. No more is read than the file has: lengths in a broken file are lies, and each is held against what is
// left.
func (d *ggufReader) read(p []byte) error {
	if int64(len(p)) > d.left {
		return io.ErrUnexpectedEOF
	}
	n, err := io.ReadFull(d.r, p)
	d.left -= int64(n)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// u32 and u64 are little-endian: a big-endian file has been refused by its version, which reads as a huge one.
func (d *ggufReader) u32() (uint32, error) {
	var b [4]byte
	err := d.read(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (d *ggufReader) u64() (uint64, error) {
	var b [8]byte
	err := d.read(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// length reads a string's length and holds it against the rest of the file.
func (d *ggufReader) length() (int64, error) {
	n, err := d.u64()
	if err != nil {
		return 0, err
	}
	if n > uint64(d.left) {
		return 0, fmt.Errorf("string claims %d bytes of the %d left", n, d.left)
	}
	return int64(n), nil
}

// str is a text of at most limit bytes, which bounds what is allocated for a length that the file claims.
func (d *ggufReader) str(limit int64) (string, error) {
	n, err := d.length()
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", fmt.Errorf("%d bytes is more than the %d allowed", n, limit)
	}
	return d.bytes(n)
}

// bytes counts what is kept before it allocates: many strings that are each allowed would be too much together.
func (d *ggufReader) bytes(n int64) (string, error) {
	if d.kept += n; d.kept > ggufKeptLimit {
		return "", fmt.Errorf("header holds more than %d bytes of text", int64(ggufKeptLimit))
	}
	b := make([]byte, n)
	err := d.read(b)
	return string(b), err
}

// skipString keeps nothing of a word, so a vocabulary is not counted as kept.
func (d *ggufReader) skipString() error {
	n, err := d.length()
	if err != nil {
		return err
	}
	return d.skip(n)
}

// skip passes over n bytes, such as a list of scores as long as the vocabulary.
func (d *ggufReader) skip(n int64) error {
	if n > d.left {
		return io.ErrUnexpectedEOF
	}
	d.left -= n
	if _, err := io.CopyN(io.Discard, d.r, n); err != nil {
		return io.ErrUnexpectedEOF
	}
	return nil
}
