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

	"matrix/experiments/textfile"
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
	comma   rune // what separates a table's fields where that is not what its suffix says, else 0
	parse   func(raw []byte) (Entry, error)
	spans   []span
	skipped map[leftOut]int // entries without a question, left out
	unsent  []string        // what columns of a table ask for in vain
	asked   fieldCounts
	faults  faults
	ids     map[uint64]int // hash → line, to tell those that stand more than once
	again   int            // entries whose id was used before
}

// maxPrompts bounds the index: 16 bytes each, and as much again for their ids.
const maxPrompts = 20_000_000

// add books an entry, or its fault. The error is what ends the reading.
func (x *indexer) add(offset int64, size, line int, e Entry, err error) error {
	var why leftOut
	switch {
	case errors.As(err, &why):
		if x.skipped == nil {
			x.skipped = map[leftOut]int{}
		}
		x.skipped[why]++
		return nil
	case err != nil:
		x.faults.add(line, err.Error(), hintOf(err))
		return nil
	case len(x.spans) == maxPrompts:
		return &Error{Path: x.faults.path, Reason: fmt.Sprintf("more than %d million prompts", maxPrompts/1_000_000), Hint: "Cut the file into parts."}
	}
	if first := x.firstUse(e.ID, line); first > 0 {
		if x.format == formatBatch {
			x.faults.add(line, fmt.Sprintf("custom_id %.80q is used on line %d already", e.ID, first), "A custom_id names one request.")
			return nil
		}
		x.again++
	}
	x.asked.add(&e, line)
	x.spans = append(x.spans, span{offset: offset, size: uint32(size), chars: uint32(e.promptBytes())})
	return nil
}

// firstUse remembers an ID and tells the line where it was seen before, else 0.
func (x *indexer) firstUse(id string, line int) int {
	if id == "" {
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

// notes are what a reader of results should know of how the file was read.
func (x *indexer) notes() (all []string) {
	if text := leftOutNote(x.skipped, len(x.spans)); text != "" {
		all = append(all, x.faults.path+": "+text)
	}
	if x.again > 0 {
		all = append(all, fmt.Sprintf("%s: %d of %d prompts have an id that another has, too: answers cannot be matched by it", x.faults.path, x.again, len(x.spans)))
	}
	for _, text := range x.unsent {
		all = append(all, x.faults.path+": "+text)
	}
	return all
}

// unread says why reading ended before the end.
func (x *indexer) unread(err error) error {
	var fault *textfile.Error
	if errors.As(err, &fault) {
		return &Error{Path: x.faults.path, Line: fault.Line, Reason: fault.Reason, Hint: fault.Hint, Err: err}
	}
	return fmt.Errorf("read %s: %w", x.faults.path, err)
}

// openFile reads a file once: every entry is checked, its place noted and its bytes digested on the way.
func (s *Set) openFile(ctx context.Context) error {
	f, err := textfile.Open(s.d.Path)
	if err != nil {
		return fileError(s.d.Path, err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return fileError(s.d.Path, err)
	}
	source := &indexed{file: f, path: display(s.d.Path), size: st.Size(), mtime: st.ModTime()}
	err = s.index(ctx, f, source)
	if source.file != f {
		f.Close() // its text was copied
	}
	if err != nil {
		source.file.Close()
	}
	return err
}

func (s *Set) index(ctx context.Context, f *os.File, source *indexed) error {
	h := sha256.New()
	all := bufio.NewReaderSize(io.TeeReader(f, h), textfile.Peeked)
	x := &indexer{ctx: ctx, column: s.d.Column, faults: faults{path: display(s.d.Path)}}
	text, err := x.open(all, source)
	if err == nil {
		x.format = s.d.Format
		if x.format == "" {
			x.format = detect(s.d.Path, x.in)
			err = x.plainText(s.d.Path)
		}
		if err == nil {
			err = x.read(source)
		}
	}
	if err == nil {
		err = x.faults.err()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, all) // what the format ignores is digested too
	}
	if err == nil && len(x.spans) == 0 {
		err = &Error{Path: x.faults.path, Reason: "the dataset has no prompts"}
		if text := leftOutNote(x.skipped, 0); text != "" {
			err = &Error{Path: x.faults.path, Reason: "the dataset has no prompts: " + text}
		}
	}
	if err != nil {
		return err
	}
	source.spans, source.parse = x.spans, x.parse
	s.asked, s.notes, s.form = x.asked, append(x.notes(), x.asked.notes(x.faults.path)...), x.form(text)
	s.source, s.format, s.sha256, s.encoding, s.comma = source, x.format, hex.EncodeToString(h.Sum(nil)), text.Encoding, x.comma
	return nil
}

// open decodes the file. Text that does not stand in it as it is, is copied, because entries are read by their place.
func (x *indexer) open(all *bufio.Reader, source *indexed) (*textfile.Text, error) {
	if head, _ := all.Peek(4); string(head) == "PAR1" {
		x.in = all
		return &textfile.Text{}, nil
	}
	text, err := textfile.Decode(all)
	if err != nil {
		return nil, x.unread(err)
	}
	x.in, x.base = text.Reader, int64(text.Mark)
	if text.AsIs() {
		return text, nil
	}
	spool, err := newSpool(source)
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(spool, contextReader{x.ctx, text}); err == nil {
		err = spool.handOver(source)
	}
	if err != nil {
		spool.file.Close()
		return nil, x.unread(err)
	}
	x.in, x.base = bufio.NewReaderSize(io.NewSectionReader(source.file, 0, source.size), textfile.Peeked), 0
	return text, nil
}

// form says how the file was read where that is not plain from its name.
func (x *indexer) form(text *textfile.Text) []string {
	var how []string
	if text.Packed != "" {
		how = append(how, "unpacked ("+text.Packed+")")
	}
	if text.Encoding != "" {
		how = append(how, "read as "+strings.ToUpper(text.Encoding))
	}
	if text.MacLines {
		how = append(how, "lines end with a carriage return")
	}
	if x.comma == '\t' {
		how = append(how, "fields are separated by tabs")
	} else if x.comma != 0 {
		how = append(how, fmt.Sprintf("fields are separated by %q", x.comma))
	}
	if len(how) == 0 {
		return nil
	}
	return []string{x.faults.path + ": " + strings.Join(how, ", ")}
}

func (x *indexer) read(source *indexed) error {
	x.parse = jsonParser(x.format, x.jsonColumn())
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

// plainText refuses prose, which is taken for JSON lines where nothing tells what it is, at once and not line by line.
func (x *indexer) plainText(path string) error {
	head, _ := x.in.Peek(textfile.Peeked)
	text := bytes.TrimSpace(head)
	suffix := strings.ToLower(filepath.Ext(path))
	if x.format != formatJSONL || suffix == ".jsonl" || suffix == ".ndjson" || len(text) == 0 || text[0] == '{' {
		return nil
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return &Error{Path: x.faults.path, Line: 1, Reason: fmt.Sprintf("neither JSON nor a table with a column of prompts: it begins %.40q", line),
		Hint: "Lines of prompts become a table by a first line that says prompt and a name that ends in .csv; a prompt with a comma or a quote in it stands in quotes."}
}

// jsonColumn is the field that holds the prompts of a file of JSON objects, "" = as the format says.
func (x *indexer) jsonColumn() string {
	if x.format == formatJSONL || x.format == formatShareGPT {
		return x.column
	}
	return ""
}

// detect tells the format by content where that is certain, else by the file's suffix, less that of its compression.
func detect(path string, in *bufio.Reader) string {
	head, _ := in.Peek(textfile.Peeked)
	text := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("PAR1")):
		return formatParquet
	case bytes.HasPrefix(text, []byte("[")):
		return formatShareGPT
	}
	path = strings.ToLower(path)
	for _, packed := range []string{".gz", ".gzip", ".zst", ".zstd"} {
		path = strings.TrimSuffix(path, packed)
	}
	switch filepath.Ext(path) {
	case ".parquet":
		return formatParquet
	case ".csv", ".tsv":
		return formatCSV
	}
	if !bytes.HasPrefix(text, []byte("{")) && tabular(head) {
		return formatCSV
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if notByLine(head) {
		line = text
	}
	if bytes.Contains(line, []byte(`"body"`)) && bytes.Contains(line, []byte(`"custom_id"`)) {
		return formatBatch
	}
	return formatJSONL
}
