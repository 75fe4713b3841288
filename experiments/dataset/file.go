package dataset

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxEntryBytes bounds one prompt: more is a file of another kind, and must not be read into memory whole.
const maxEntryBytes = 16 << 20

// The formats, as experiments.Dataset.Format names them.
const (
	formatBatch    = "openai_batch"
	formatJSONL    = "jsonl"
	formatShareGPT = "sharegpt"
	formatCSV      = "csv"
	formatParquet  = "parquet"
)

// span is one entry in the file: 16 bytes, whatever the prompt's length.
type span struct {
	offset int64
	size   uint32 // bytes in the file
	chars  uint32 // bytes of prompt text
}

// indexed is a file with an offset index.
type indexed struct {
	file  *os.File
	path  string
	size  int64
	mtime time.Time
	spans []span
	parse func(raw []byte) (Entry, error)
}

func (x *indexed) len() int        { return len(x.spans) }
func (x *indexed) chars(i int) int { return int(x.spans[i].chars) }
func (x *indexed) close() error    { return x.file.Close() }

// entry reads one prompt. A file that was edited since it was indexed would give other prompts than its digest
// says, so that is an error.
func (x *indexed) entry(i int) (Entry, error) {
	st, err := x.file.Stat()
	if err != nil {
		return Entry{}, fmt.Errorf("read %s: %w", x.path, err)
	}
	if st.Size() != x.size || !st.ModTime().Equal(x.mtime) {
		return Entry{}, &Error{Path: x.path, Reason: "the file was changed while it was in use", Hint: "Plan again."}
	}
	raw := make([]byte, x.spans[i].size)
	if _, err := x.file.ReadAt(raw, x.spans[i].offset); err != nil {
		return Entry{}, fmt.Errorf("read %s at byte %d: %w", x.path, x.spans[i].offset, err)
	}
	e, err := x.parse(raw)
	if err != nil {
		return Entry{}, fmt.Errorf("read %s at byte %d: %w", x.path, x.spans[i].offset, err)
	}
	if e.ID == "" {
		e.ID = strconv.Itoa(i + 1)
	}
	return e, nil
}

// indexer is what a reader of one format needs and fills.
type indexer struct {
	ctx     context.Context
	in      *bufio.Reader
	base    int64 // offset of in's first byte: 3 after a byte order mark
	column  string
	format  string
	parse   func(raw []byte) (Entry, error)
	spans   []span
	skipped int // entries without a question, left out
	faults  faults
	ids     map[uint64]int // hash → line, where IDs must be unique
}

// add books an entry, or its fault.
func (x *indexer) add(offset int64, size, line int, e Entry, err error) {
	switch {
	case errors.Is(err, errNoQuestion):
		x.skipped++
		return
	case err != nil:
		x.faults.add(line, err.Error(), hintOf(err))
		return
	}
	if first := x.firstUse(e.ID, line); first > 0 {
		x.faults.add(line, fmt.Sprintf("custom_id %.80q is used on line %d already", e.ID, first), "A custom_id names one request.")
		return
	}
	x.spans = append(x.spans, span{offset: offset, size: uint32(size), chars: uint32(len(e.text()))})
}

// firstUse remembers an ID of a batch file and tells the line where it was seen before, else 0.
func (x *indexer) firstUse(id string, line int) int {
	if x.format != formatBatch || id == "" {
		return 0
	}
	if x.ids == nil {
		x.ids = map[uint64]int{}
	}
	h := fnv.New64a()
	io.WriteString(h, id)
	if first, seen := x.ids[h.Sum64()]; seen {
		return first
	}
	x.ids[h.Sum64()] = line
	return 0
}

// openFile reads a file once: every entry is checked, its place noted and its bytes digested on the way.
func (s *Set) openFile(ctx context.Context) error {
	path := s.d.Path
	st, err := os.Stat(path)
	if err != nil {
		return fileError(path, err)
	}
	if !st.Mode().IsRegular() {
		return &Error{Path: display(path), Reason: "not a regular file"}
	}
	f, err := os.Open(path)
	if err != nil {
		return fileError(path, err)
	}
	source := &indexed{file: f, path: display(path), size: st.Size(), mtime: st.ModTime()}
	err = s.index(ctx, f, source)
	if source.file != f {
		f.Close() // its rows were copied
	}
	if err != nil {
		source.file.Close()
	}
	return err
}

func (s *Set) index(ctx context.Context, f *os.File, source *indexed) error {
	h := sha256.New()
	all := bufio.NewReaderSize(io.TeeReader(f, h), 1<<16)
	x := &indexer{ctx: ctx, in: all, column: s.d.Column, faults: faults{path: display(s.d.Path)}}
	head, _ := all.Peek(512)
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		x.base = 3
		all.Discard(3)
		head = head[3:]
	}
	x.format = s.d.Format
	if x.format == "" {
		x.format = detect(s.d.Path, head)
	}
	err := x.read(source)
	if err == nil {
		err = x.faults.err()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, all) // what the format ignores is digested too
	}
	if err == nil && len(x.spans) == 0 {
		err = &Error{Path: display(s.d.Path), Reason: "the dataset has no prompts"}
	}
	if err != nil {
		return err
	}
	if x.skipped > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%s: %d conversations that hold no question were left out", source.path, x.skipped))
	}
	source.spans, source.parse = x.spans, x.parse
	s.source, s.format, s.sha256 = source, x.format, hex.EncodeToString(h.Sum(nil))
	return nil
}

func (x *indexer) read(source *indexed) error {
	x.parse = jsonParser(x.format)
	switch x.format {
	case formatBatch, formatJSONL:
		return x.readLines()
	case formatShareGPT:
		return x.readArray()
	case formatCSV:
		return x.readCSV(source.path)
	case formatParquet:
		return x.readParquet(source)
	}
	return &Error{Path: x.faults.path, Reason: fmt.Sprintf("unknown dataset format %q", x.format),
		Hint: "Formats are openai_batch, jsonl, sharegpt, csv and parquet."}
}

// detect tells the format by content where that is certain, else by the file's suffix.
func detect(path string, head []byte) string {
	text := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("PAR1")):
		return formatParquet
	case bytes.HasPrefix(text, []byte("[")):
		return formatShareGPT
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".parquet":
		return formatParquet
	case ".csv", ".tsv":
		return formatCSV
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.Contains(line, []byte(`"body"`)) && bytes.Contains(line, []byte(`"custom_id"`)) {
		return formatBatch
	}
	return formatJSONL
}
