package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"matrix/experiments/textfile"
)

// meter fails when one record takes more than an entry may: csv.Reader would read on to the next quote.
type meter struct {
	in   io.Reader
	used int64 // bytes since the last row; readRows sets it to 0
}

var errTooLong = errors.New(tooLong)

// Read implements io.Reader. The reader above it buffers, so the bound holds to within a buffer's length.
func (m *meter) Read(p []byte) (int, error) {
	if m.used > maxEntryBytes {
		return 0, errTooLong
	}
	n, err := m.in.Read(p)
	m.used += int64(n)
	return n, err
}

// tabular reports a table by its header, where the file's name does not say so.
func tabular(head []byte) bool {
	comma, skip := textfile.Separator(head, ',', known(""))
	r := csv.NewReader(bytes.NewReader(head[skip:]))
	r.Comma = comma
	names, err := r.Read()
	return err == nil && known("")(textfile.Names(names))
}

// readCSV indexes a table with a header. Its separator is found by content.
func (x *indexer) readCSV(path string) error {
	usual := ','
	if strings.EqualFold(filepath.Ext(path), ".tsv") {
		usual = '\t'
	}
	head, _ := x.in.Peek(textfile.Peeked)
	comma, skip := textfile.Separator(head, usual, known(x.column))
	if comma != usual {
		x.comma = comma
	}
	x.in.Discard(skip)
	x.base += int64(skip)
	m := &meter{in: x.in}
	r := newCSV(m, comma)
	r.ReuseRecord = true
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil // empty: said by the caller
	}
	lines := bytes.Count(head[:skip], []byte("\n"))
	if err != nil {
		return x.rowFault(err, 1, lines)
	}
	names = textfile.Names(names)
	t, err := newTable(names, x.column)
	if err != nil {
		x.faults.add(1+lines, err.Error(), hintOf(err))
		return nil
	}
	x.unsent = t.unsent(names)
	t.weigh(names, func(int) bool { return true })
	toEntry := jsonParser(formatJSONL, "")
	entry := func(fields []string) (Entry, error) {
		line, err := t.line(fields)
		if err != nil {
			return Entry{}, err
		}
		return toEntry(line)
	}
	// A single row is read by a reader of its own, without the header: what its columns mean is in t.
	x.parse = func(raw []byte) (Entry, error) {
		fields, err := newCSV(bytes.NewReader(raw), comma).Read()
		if err != nil {
			return Entry{}, err
		}
		return entry(fields)
	}
	return x.readRows(r, m, names, lines, entry)
}

// newCSV reads rows of any length: ragged says which lengths are faults.
func newCSV(in io.Reader, comma rune) *csv.Reader {
	r := csv.NewReader(in)
	r.Comma, r.FieldsPerRecord = comma, -1 // columns without a name may be missing
	return r
}

// endOfFile is Ctrl-Z, with which DOS ended a text, and some programs on Windows still do.
const endOfFile = "\x1a"

// readRows indexes the rows below the header. lines is what stands above the header's own line, since r began to count
// there. Offsets go by r.InputOffset, which is that of the next row even where a field holds line breaks.
func (x *indexer) readRows(r *csv.Reader, m *meter, names []string, lines int, entry func([]string) (Entry, error)) error {
	for count := 1; ; count++ {
		if count%1024 == 0 && x.ctx.Err() != nil {
			return x.ctx.Err()
		}
		m.used = 0
		start := r.InputOffset()
		fields, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errTooLong):
			line, _ := r.FieldPos(0)
			x.faults.add(line+1+lines, tooLong+" (is a quote left open?)", "")
			return nil
		case err != nil:
			if err := x.rowFault(err, count+1, lines); err != nil {
				return err
			}
			if x.faults.count > 1000 { // an unbalanced quote puts every later row out of step
				return nil
			}
			continue
		}
		if strings.Trim(strings.Join(fields, ""), endOfFile) == "" {
			continue // Excel writes the separators of rows that were once filled
		}
		line, _ := r.FieldPos(0)
		if count == 1 && strings.Trim(strings.Join(fields, ""), "-=+:| ") == "" {
			x.faults.add(line+lines, "a line is drawn under the header: it is a table for people (Markdown, or what a database client prints), not CSV", "Export it as CSV.")
			return nil
		}
		if reason, hint := ragged(fields, names); reason != "" {
			x.faults.add(line+lines, reason, hint)
			continue
		}
		e, perr := entry(fields)
		if err := x.add(x.base+start, int(r.InputOffset()-start), line+lines, e, perr); err != nil {
			return err
		}
	}
}

// ragged says where a row has other fields than the header. Empty ones beyond it, and ones missing of columns without a
// name, are of no account.
func ragged(fields, names []string) (reason, hint string) {
	extra, missing := fields[min(len(names), len(fields)):], names[min(len(names), len(fields)):]
	if strings.Join(extra, "") == "" && strings.Join(missing, "") == "" {
		return "", ""
	}
	reason = fmt.Sprintf("wrong number of fields: %d, the header has %d", len(fields), len(names))
	hint = "A field with the separator or a line break in it stands in quotes."
	if strings.ContainsAny(strings.Join(fields, ""), "“”„") {
		hint += " Curly quotes (“ ”) are none: write \"."
	}
	return reason, hint
}

// rowFault books a fault of the table's form; what is no such fault is returned.
func (x *indexer) rowFault(err error, line, above int) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return x.unread(err)
	}
	if at, reason, hint := textfile.CSVFault(err); at > 0 {
		x.faults.add(at+above, reason, hint)
	} else {
		x.faults.add(line+above, reason, hint)
	}
	return nil
}
