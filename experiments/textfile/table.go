package textfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
)

// Separator finds what separates the fields of a table by its head: what Excel's "sep=;" says, else what makes a column
// that is wanted, else what gives every row the same fields, else the usual one. skip is the bytes of the "sep=" line, and of
// the "#TYPE" line that Windows PowerShell writes: above the header both.
func Separator(head []byte, usual rune, wanted func(names []string) bool) (comma rune, skip int) {
	if line, rest, ok := bytes.Cut(head, []byte("\n")); ok && bytes.HasPrefix(line, []byte("#TYPE ")) {
		comma, skip = Separator(rest, usual, wanted)
		return comma, skip + len(line) + 1
	}
	if comma, skip := declaredSeparator(head); comma != 0 {
		return comma, skip
	}
	candidates := []rune{usual}
	for _, c := range ",;\t|" {
		if c != usual {
			candidates = append(candidates, c)
		}
	}
	for _, c := range candidates {
		if rows := sample(head, c, 1); len(rows) == 1 && wanted(Names(rows[0])) {
			return c, 0
		}
	}
	for _, c := range candidates {
		rows := sample(head, c, 20)
		if len(rows) > 0 && len(rows[0]) > 1 && (c == usual || alike(rows)) {
			return c, 0
		}
	}
	return usual, 0
}

// declaredSeparator is what a first line "sep=;" says, 0 without one. It is no row, and may stand in quotes.
func declaredSeparator(head []byte) (comma rune, skip int) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	text := strings.Trim(strings.TrimRight(string(line), "\r"), `"`)
	if len(text) != len("sep=;") || !strings.EqualFold(text[:4], "sep=") || !strings.Contains(",;\t|", text[4:]) {
		return 0, 0
	}
	return rune(text[4]), min(len(line)+1, len(head))
}

// sample reads the first rows, as far as the head has them whole. A row that cannot be read ends it: with a wrong separator the
// quotes are out of step, which is itself a sign.
func sample(head []byte, comma rune, most int) (rows [][]string) {
	r := csv.NewReader(bytes.NewReader(head))
	r.Comma, r.FieldsPerRecord = comma, -1
	for len(rows) < most {
		row, err := r.Read()
		if err != nil {
			break
		}
		if r.InputOffset() == int64(len(head)) && len(head) >= Peeked && len(rows) > 0 {
			break // it may be cut
		}
		rows = append(rows, row)
	}
	return rows
}

// alike reports that there are rows below the header and all have as many fields.
// One row alone tells nothing: any separator that does not occur would do.
func alike(rows [][]string) bool {
	for _, row := range rows[1:] {
		if len(row) != len(rows[0]) {
			return false
		}
	}
	return len(rows) > 1
}

// Names are the names of a header without the spaces around them.
// The list that it is given stays as it is.
func Names(header []string) []string {
	names := slices.Clone(header)
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// CSVFault says an error of encoding/csv in a user's words: its line, 1-based, 0 where it has none, and what to do, "" where
// there is no more to say.
func CSVFault(err error) (line int, reason, hint string) {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return 0, err.Error(), ""
	}
	const quote = `A field with a quote in it stands in quotes, and each quote in it twice: "5"" pipe".`
	switch p.Err {
	case csv.ErrBareQuote:
		return p.Line, `a quote stands inside a field that does not begin with one`, quote
	case csv.ErrQuote:
		return p.Line, `a quote has no end, or something follows it`, quote
	}
	return p.Line, p.Err.Error(), ""
}
