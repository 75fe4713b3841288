package dataset

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"matrix/experiments/textfile"
)

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

// index runs the file through decoding, the format's reader and the digest, and fills the set only where all went well.
// The digest is taken before decompression: it is that of the file as it lies there, so that sha256sum shows the same.
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
		x.in = all // pages are digested here, and read by their place from the file itself
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
	if _, err = io.Copy(spool, textfile.Stoppable(x.ctx, text)); err == nil {
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
	if text.Padded {
		how = append(how, "zeros behind the packed data passed over")
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

// read hands over to the format's reader. parse is set before, since CSV puts another in its place: whoever
// reads an entry later must go by the same rules as the reader that checked it.
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
	if ext := filepath.Ext(path); ext == ".csv" || ext == ".tsv" {
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
