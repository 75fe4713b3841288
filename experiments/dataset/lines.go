package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"matrix/experiments/textfile"
)

// readLines indexes JSONL. Empty lines are passed over.
func (x *indexer) readLines() error {
	if head, _ := x.in.Peek(textfile.Peeked); notByLine(head) {
		return x.readObjects(false)
	}
	// Offsets are counted here, not asked of the file: the buffered reader is ahead of what was handed out.
	offset := x.base
	var buf []byte
	for line := 1; ; line++ {
		if line%1024 == 0 && x.ctx.Err() != nil {
			return x.ctx.Err()
		}
		raw, size, err := readLine(x.in, buf[:0])
		buf = raw
		if err != nil && !errors.Is(err, io.EOF) {
			return x.unread(err)
		}
		if size > maxEntryBytes {
			x.faults.add(line, tooLong, "")
		} else if len(bytes.Trim(bytes.TrimSpace(raw), endOfFile)) > 0 {
			e, perr := x.parse(raw)
			if err := x.add(offset, len(raw), line, e, perr); err != nil {
				return err
			}
		}
		offset += size
		if err != nil {
			return nil
		}
	}
}

// notByLine reports objects that do not stand a line each: written over several lines, one behind the other, or with
// commas between them. Only what is whole counts: a line that is broken is for readLines to tell.
func notByLine(head []byte) bool {
	text := bytes.TrimLeft(head, " \t\r\n")
	if !bytes.HasPrefix(text, []byte("{")) {
		return false
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if json.Valid(textfile.Finite(line)) {
		return false
	}
	a := &objectScanner{in: bufio.NewReader(bytes.NewReader(text[1:]))}
	raw, _, err := a.element(nil)
	return err == nil && json.Valid(textfile.Finite(raw))
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

// objectScanner cuts a row of JSON objects into its elements without holding more than one.
// It is no json.Decoder: that would hold an entry of any size in memory, and tells neither
// the line of a fault nor the bytes of an entry.
type objectScanner struct {
	in     *bufio.Reader // a byte at a time, so it must be buffered
	offset int64         // of the next byte, from the start of the file
	line   int           // of the next byte, 1-based
}

// next keeps offset and line in step with what was read: all reading goes through here.
func (a *objectScanner) next() (byte, error) {
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
func (a *objectScanner) skip(also byte) (byte, error) {
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
// What is between them need not be JSON: only quotes and brackets are told, and the parser says what is wrong with the
// rest. Of an entry over the bound the rest is passed over, and size tells; raw is then cut.
func (a *objectScanner) element(buf []byte) (raw []byte, size int64, err error) {
	buf, size = append(buf, '{'), 1
	depth, quoted, escaped := 1, false, false
	for depth > 0 {
		b, err := a.next()
		if err != nil {
			return buf, size, err
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
	return x.readObjects(true)
}

// readObjects indexes objects with commas or white space between them, in brackets or not.
func (x *indexer) readObjects(array bool) error {
	a := &objectScanner{in: x.in, offset: x.base, line: 1}
	if array {
		if _, err := a.skip(0); err != nil { // the bracket
			return x.unread(err)
		}
	}
	var buf []byte
	for count := 1; ; count++ {
		if count%1024 == 0 && x.ctx.Err() != nil {
			return x.ctx.Err()
		}
		b, err := a.skip(',')
		switch {
		case errors.Is(err, io.EOF) && array:
			x.faults.add(a.line, "the JSON array has no end", "Is the file complete?")
			return nil
		case errors.Is(err, io.EOF), err == nil && b == ']' && array:
			return nil
		case err != nil:
			return x.unread(err)
		case b != '{':
			x.faults.add(a.line, fmt.Sprintf("an object must stand here, one a prompt; found %q", b), entryForm)
			return nil
		}
		offset, line := a.offset-1, a.line
		raw, size, err := a.element(buf[:0])
		buf = raw
		switch {
		case errors.Is(err, io.EOF):
			x.faults.add(line, "this entry has no end", "Is the file complete?")
			return nil
		case err != nil:
			return x.unread(err)
		case size > maxEntryBytes:
			x.faults.add(line, tooLong, "")
		default:
			e, perr := x.parse(raw)
			if err := x.add(offset, len(raw), line, e, perr); err != nil {
				return err
			}
		}
	}
}
