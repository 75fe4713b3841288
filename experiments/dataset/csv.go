package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// columns are the positions of what is used of a table; -1 = not there.
type columns struct{ prompt, id, reference, maxTokens int }

// findColumns picks the prompt column: as declared, else "prompt", else the only one.
func findColumns(names []string, declared string) (columns, error) {
	c := columns{
		prompt: slices.Index(names, declared), id: firstIndex(names, "custom_id", "id"),
		reference: firstIndex(names, "reference", "expected"), maxTokens: slices.Index(names, "max_tokens"),
	}
	if declared != "" {
		if c.prompt < 0 {
			return c, hinted{fmt.Sprintf("no column %q", declared), "Columns are " + strings.Join(names, ", ") + "."}
		}
		return c, nil
	}
	c.prompt = slices.Index(names, "prompt")
	if c.prompt < 0 && len(names) == 1 {
		c.prompt = 0
	}
	if c.prompt < 0 {
		return c, hinted{`no column "prompt"`, "Name the column in the dataset (column = …); there are " + strings.Join(names, ", ") + "."}
	}
	return c, nil
}

func firstIndex(names []string, wanted ...string) int {
	for _, w := range wanted {
		if i := slices.Index(names, w); i >= 0 {
			return i
		}
	}
	return -1
}

// row makes an entry of one record.
func (c columns) row(fields []string) (Entry, error) {
	get := func(i int) string {
		if i < 0 || i >= len(fields) {
			return ""
		}
		return fields[i]
	}
	e := Entry{ID: get(c.id), Prompt: get(c.prompt), Reference: get(c.reference)}
	if !utf8.ValidString(e.Prompt) {
		return Entry{}, hinted{"not valid UTF-8", "Convert the file, e.g. with iconv -t UTF-8."}
	}
	if strings.TrimSpace(e.Prompt) == "" {
		return Entry{}, errors.New("the prompt is empty")
	}
	if text := get(c.maxTokens); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return Entry{}, fmt.Errorf("max_tokens is %.40q; it must be a whole number, 1 at least", text)
		}
		e.MaxTokens = n
	}
	return e, nil
}

// meter fails when one record takes more than an entry may: csv.Reader would read on to the next quote.
type meter struct {
	in   io.Reader
	used int64
}

var errTooLong = errors.New(tooLong)

func (m *meter) Read(p []byte) (int, error) {
	if m.used > maxEntryBytes {
		return 0, errTooLong
	}
	n, err := m.in.Read(p)
	m.used += int64(n)
	return n, err
}

// readCSV indexes a table with a header.
func (x *indexer) readCSV(path string) error {
	m := &meter{in: x.in}
	comma := ','
	if strings.EqualFold(filepath.Ext(path), ".tsv") {
		comma = '\t'
	}
	r := csv.NewReader(m)
	r.Comma, r.ReuseRecord = comma, true
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil // empty: said by the caller
	}
	if err != nil {
		x.faults.add(csvFault(err, 1))
		return nil
	}
	cols, err := findColumns(slices.Clone(names), x.column)
	if err != nil {
		x.faults.add(1, err.Error(), hintOf(err))
		return nil
	}
	x.parse = func(raw []byte) (Entry, error) {
		r := csv.NewReader(bytes.NewReader(raw))
		r.Comma = comma
		fields, err := r.Read()
		if err != nil {
			return Entry{}, err
		}
		return cols.row(fields)
	}
	return x.readRows(r, m, cols)
}

func (x *indexer) readRows(r *csv.Reader, m *meter, cols columns) error {
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
			x.faults.add(line+1, tooLong+" (is a quote left open?)", "")
			return nil
		case err != nil:
			x.faults.add(csvFault(err, count+1))
			if x.faults.count > 1000 { // an unbalanced quote puts every later row out of step
				return nil
			}
			continue
		}
		line, _ := r.FieldPos(0)
		e, perr := cols.row(fields)
		x.add(x.base+start, int(r.InputOffset()-start), line, e, perr)
	}
}

func csvFault(err error, line int) (int, string, string) {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return p.Line, p.Err.Error(), ""
	}
	return line, err.Error(), ""
}
