package textfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
)

// Text is the UTF-8 of a file. Reading it ends with an *Error at the first byte that is none.
type Text struct {
	*bufio.Reader
	Encoding string // "utf-16le", "utf-16be"; "" = UTF-8
	Packed   string // "gzip", "zstd"; "" = no
	Padded   bool   // zeros stood behind the gzip data, and were passed over
	Mark     int    // bytes of a byte order mark of UTF-8 that were passed over
	MacLines bool   // lines ended with a carriage return alone
}

// AsIs reports that the text stands in the file byte by byte, behind the mark.
func (t *Text) AsIs() bool { return t.Encoding == "" && t.Packed == "" && !t.MacLines }

// Peeked is how much of a text is looked at before it is read, in bytes: Peek of so much never fails for want of room.
const Peeked = 64 << 10

// maxWindow bounds the memory of a zstd stream, in bytes.
const maxWindow = 128 << 20

// Decode finds out what a file is and reads it as UTF-8. Its errors are *Error.
// The order matters: compression goes first, since what is packed may be anything; a binary file is named before its zeros
// are taken for UTF-16; UTF-32's mark is looked for before UTF-16's, with which it begins.
func Decode(in io.Reader) (*Text, error) {
	t := &Text{}
	raw := bufio.NewReaderSize(in, Peeked)
	raw, err := t.unpack(raw)
	if err != nil {
		return nil, err
	}
	head, err := raw.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err, t.Packed)
	}
	if what := foreign(head); what != "" {
		return nil, &Error{Reason: "it is " + what, Hint: "Export it as CSV (UTF-8), JSONL or Parquet."}
	}
	end, mark, wide := utf16Order(head)
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return nil, &Error{Reason: "it is UTF-32, which is not read", Hint: "Convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW."}
	case wide:
		t.Encoding = map[unicode.Endianness]string{unicode.LittleEndian: "utf-16le", unicode.BigEndian: "utf-16be"}[end]
		raw.Discard(mark)
		raw = bufio.NewReaderSize(unicode.UTF16(end, unicode.IgnoreBOM).NewDecoder().Reader(raw), Peeked)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		t.Mark = 3
		raw.Discard(3)
	}
	return t, t.lines(raw)
}

// unpack takes one layer of compression away. It goes by the first bytes, not by the name: what is called .csv may be packed.
func (t *Text) unpack(raw *bufio.Reader) (*bufio.Reader, error) {
	head, _ := raw.Peek(4)
	var in io.Reader
	var err error
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		t.Packed = "gzip"
		in, err = t.gunzip(raw)
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		t.Packed = "zstd"
		in, err = zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)) // one at a time: nothing to close
	default:
		return raw, nil
	}
	if err != nil {
		return nil, plain(err, t.Packed)
	}
	return bufio.NewReaderSize(readerFunc(func(p []byte) (int, error) {
		n, err := in.Read(p)
		if err != nil && !errors.Is(err, io.EOF) {
			err = plain(err, t.Packed)
		}
		return n, err
	}), Peeked), nil
}

// gunzip reads one member after another, and passes over zeros behind the last, as gzip(1) does: tape, tar and dd fill up
// with them. The library takes them for a damaged member.
func (t *Text) gunzip(raw *bufio.Reader) (io.Reader, error) {
	member, err := gzip.NewReader(raw)
	if err != nil {
		return nil, err
	}
	member.Multistream(false)
	return readerFunc(func(p []byte) (int, error) {
		for {
			n, err := member.Read(p)
			if !errors.Is(err, io.EOF) {
				return n, err
			}
			if n > 0 {
				return n, nil
			}
			for b, err := raw.ReadByte(); b != 0x1f; b, err = raw.ReadByte() {
				if err != nil {
					return 0, err
				}
				if t.Padded = b == 0; !t.Padded {
					return 0, &Error{Reason: "something that is no gzip stands behind its gzip data", Hint: "Is the file complete? gzip -t FILE says more."}
				}
			}
			if err := errors.Join(raw.UnreadByte(), member.Reset(raw)); err != nil {
				return 0, err
			}
			member.Multistream(false)
		}
	}), nil
}

// readerFunc is an io.Reader that is a function.
type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Stoppable ends a long reading with the context's error when nobody wants it any more.
// It is looked at before each read; one that hangs is not cut short.
func Stoppable(ctx context.Context, in io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return in.Read(p)
	})
}

// plain says a library's errors in a user's words.
// Errors of reading an unpacked file are the system's, and stay.
func plain(err error, packed string) error {
	var known *Error
	switch {
	case errors.As(err, &known) || packed == "":
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &Error{Reason: "its " + packed + " data end too early", Hint: "Is the file complete?"}
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return &Error{Reason: "its zstd window is larger than 128 MiB", Hint: "Unpack the file first."}
	}
	return &Error{Reason: "its " + packed + " data are damaged", Hint: "Is the file complete? " + packed + " -t FILE says where."}
}

// lines checks what is read on and ends lines as everybody does.
// One line with a carriage return at its very end is no file of that kind.
func (t *Text) lines(raw *bufio.Reader) error {
	head, err := raw.Peek(Peeked)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return plain(err, t.Packed)
	}
	if i := bytes.IndexByte(head, 0); i >= 0 {
		return &Error{Line: 1 + bytes.Count(head[:i], []byte("\n")), Reason: "it is a binary file, not text"}
	}
	var in io.Reader = raw
	if i := bytes.IndexByte(head, '\r'); i >= 0 && i < len(head)-1 && !bytes.Contains(head, []byte("\n")) {
		t.MacLines = true // as "CSV (Macintosh)" has them
		in = readerFunc(func(p []byte) (int, error) {
			n, err := raw.Read(p)
			copy(p, bytes.ReplaceAll(p[:n], []byte("\r"), []byte("\n")))
			return n, err
		})
	}
	t.Reader = bufio.NewReaderSize(&valid{in: in, line: 1}, Peeked)
	return nil
}

// utf16Order tells UTF-16 by its mark, or where nearly every second byte is zero, as in text of mostly Latin letters.
func utf16Order(head []byte) (end unicode.Endianness, mark int, wide bool) {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return unicode.LittleEndian, 2, true
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return unicode.BigEndian, 2, true
	}
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	pairs := len(head) / 2
	switch {
	case pairs > 0 && zeros[1]*10 >= pairs*4 && zeros[0] == 0:
		return unicode.LittleEndian, 0, true
	case pairs > 0 && zeros[0]*10 >= pairs*4 && zeros[1] == 0:
		return unicode.BigEndian, 0, true
	}
	return unicode.LittleEndian, 0, false
}

// foreign names what is no text by its first bytes, "" = not known.
// What begins like a packed file here was packed twice: unpack took one layer away.
func foreign(head []byte) string {
	if text := bytes.ToLower(bytes.TrimSpace(head[:min(len(head), 256)])); bytes.HasPrefix(text, []byte("<!doctype html")) || bytes.HasPrefix(text, []byte("<html")) {
		return "a web page"
	}
	for _, f := range []struct{ magic, what string }{
		{"PK\x03\x04", "an Excel workbook or another ZIP archive"}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook or another Office document"},
		{"\xfd7zXZ\x00", "compressed with xz: unpack it first"}, {"BZh", "compressed with bzip2: unpack it first"},
		{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"}, {"\x04\x22\x4d\x18", "compressed with lz4: unpack it first"},
		{"\x1f\x8b", "compressed twice: unpack it first"}, {"\x28\xb5\x2f\xfd", "compressed twice: unpack it first"},
		{"PAR1", "a compressed Parquet file: unpack it first"}, {"ARROW1\x00\x00", "an Arrow IPC (Feather) file"}, {"\xff\xff\xff\xff", "an Arrow stream, as Hugging Face datasets keep them"},
		{"SQLite format 3\x00", "a SQLite database"}, {"Obj\x01", "an Avro file"}, {"ORC", "an ORC file"},
		{"\x89HDF\r\n", "an HDF5 file"}, {"%PDF-", "a PDF"}, {"\x80\x04\x95", "a Python pickle"}, {"\x80\x05\x95", "a Python pickle"},
		{"{\\rtf", "an RTF document"},
		{"version https://git-lfs.github.com/", "a Git LFS pointer, not the file itself: git lfs pull fetches that"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) && (f.magic != "BZh" || len(head) > 3 && head[3] >= '1' && head[3] <= '9') && (f.magic != "ORC" || bytes.IndexByte(head, 0) >= 0) {
			return f.what
		}
	}
	return ""
}
