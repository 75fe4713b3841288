package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// tooLong is the fault of an entry over the bound.
var tooLong = fmt.Sprintf("longer than %d MiB, the most that one prompt may have", maxEntryBytes>>20)

// readLines indexes JSONL. Empty lines are passed over.
func (x *indexer) readLines() error {
	offset := x.base
	var buf []byte
	for line := 1; ; line++ {
		if line%1024 == 0 && x.ctx.Err() != nil {
			return x.ctx.Err()
		}
		raw, size, err := readLine(x.in, buf[:0])
		buf = raw
		if size > maxEntryBytes {
			x.faults.add(line, tooLong, "")
		} else if len(bytes.TrimSpace(raw)) > 0 {
			e, perr := x.parse(raw)
			x.add(offset, len(raw), line, e, perr)
		}
		offset += size
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", x.faults.path, err)
		}
	}
}

// readLine reads up to and with the next newline into buf and tells the line's true size: of a line over the bound
// the rest is passed over, never held.
func readLine(in *bufio.Reader, buf []byte) (raw []byte, size int64, err error) {
	for {
		part, err := in.ReadSlice('\n')
		size += int64(len(part))
		if size <= maxEntryBytes {
			buf = append(buf, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buf, size, err
		}
	}
}

// arrayScanner cuts a JSON array into its elements without holding more than one.
type arrayScanner struct {
	in     *bufio.Reader
	offset int64
	line   int
}

func (a *arrayScanner) next() (byte, error) {
	b, err := a.in.ReadByte()
	if err != nil {
		return 0, err
	}
	a.offset++
	if b == '\n' {
		a.line++
	}
	return b, nil
}

// skip passes over white space and the bytes in also, and returns the first other byte.
func (a *arrayScanner) skip(also byte) (byte, error) {
	for {
		b, err := a.next()
		if err != nil {
			return 0, err
		}
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' && b != also {
			return b, nil
		}
	}
}

// element reads on from an opening brace to the brace that closes it.
func (a *arrayScanner) element(buf []byte) (raw []byte, size int64, err error) {
	buf, size = append(buf, '{'), 1
	depth, quoted, escaped := 1, false, false
	for depth > 0 {
		b, err := a.next()
		if err != nil {
			return buf, size, io.ErrUnexpectedEOF
		}
		if size++; size <= maxEntryBytes {
			buf = append(buf, b)
		}
		switch {
		case escaped:
			escaped = false
		case quoted && b == '\\':
			escaped = true
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
	}
	return buf, size, nil
}

// readArray indexes a JSON array of objects (ShareGPT); where the file holds no array, it is read line by line.
func (x *indexer) readArray() error {
	if head, _ := x.in.Peek(512); !bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("[")) {
		return x.readLines()
	}
	a := &arrayScanner{in: x.in, offset: x.base, line: 1}
	if _, err := a.skip(0); err != nil { // the bracket
		return fmt.Errorf("read %s: %w", x.faults.path, err)
	}
	var buf []byte
	for count := 1; ; count++ {
		if count%1024 == 0 && x.ctx.Err() != nil {
			return x.ctx.Err()
		}
		b, err := a.skip(',')
		switch {
		case err != nil:
			x.faults.add(a.line, "the JSON array has no end", "Is the file complete?")
			return nil
		case b == ']':
			return nil
		case b != '{':
			x.faults.add(a.line, fmt.Sprintf("the array must hold objects; found %q", b), "")
			return nil
		}
		offset, line := a.offset-1, a.line
		raw, size, err := a.element(buf[:0])
		buf = raw
		switch {
		case err != nil:
			x.faults.add(line, "this entry has no end", "Is the file complete?")
			return nil
		case size > maxEntryBytes:
			x.faults.add(line, tooLong, "")
		default:
			e, perr := x.parse(raw)
			x.add(offset, len(raw), line, e, perr)
		}
	}
}
