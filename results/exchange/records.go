package exchange

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite" // also the driver "sqlite", without cgo

	"matrix/experiments/textfile"
)

// readJSONL reads an object a line, of any form that the map can name.
func readJSONL(in io.Reader, m Map) ([]*Set, error) {
	if len(m) == 0 {
		return nil, errNoMap
	}
	g := newGrouping(m)
	return g.done(eachLine(in, func(doc []byte, line int) error {
		var r fields
		if err := json.Unmarshal(doc, &r); err != nil {
			return err
		}
		return g.add(r)
	}))
}

// readCSV reads a table with a header, whose separator is told by its content. With semicolons stand decimal commas, as in
// Excel where both are usual.
func readCSV(in io.Reader, m Map) ([]*Set, error) {
	if len(m) == 0 {
		return nil, errNoMap
	}
	text, err := textfile.Decode(in) // again, for its Peek: it is UTF-8 by now
	if err != nil {
		return nil, err
	}
	head, _ := text.Peek(textfile.Peeked)
	// a header that the map knows tells the separator best
	comma, skip := textfile.Separator(head, ',', func(names []string) bool {
		return slices.ContainsFunc(sorted(m), func(column string) bool { return slices.Contains(names, m[column].Path) })
	})
	text.Discard(skip)
	g := newGrouping(m)
	if comma == ';' {
		g.parse = g.parseWithComma
	}
	rows := csv.NewReader(text)
	// rows of any length are read, so that one short row is odd and not the end
	rows.Comma, rows.FieldsPerRecord = comma, -1
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: a header is needed")
	}
	if err != nil {
		return nil, csvError(err)
	}
	names := textfile.Names(header)
	o := odd{what: "line"}
	for {
		cells, err := rows.Read()
		var parse *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return g.done(o.note(), o.refused())
		case errors.As(err, &parse):
			_, reason, _ := textfile.CSVFault(err)
			o.see(parse.Line, errors.New(reason))
			continue
		case err != nil:
			return nil, err
		}
		if strings.Join(cells, "") != "" {
			line, _ := rows.FieldPos(0)
			o.see(line, g.addRow(names, cells))
		}
	}
}

// csvError is a fault of the header, which nothing can be read without.
func csvError(err error) error {
	if line, reason, hint := textfile.CSVFault(err); line > 0 {
		return &textfile.Error{Line: line, Reason: reason, Hint: hint}
	}
	return err
}

// addRow books a row of a table. An empty field is no value: a table has no other way to leave one out.
// A row that is too long is taken where the rest of it is empty: spreadsheets leave such columns.
func (g *grouping) addRow(names, cells []string) error {
	if len(cells) < len(names) || strings.Join(cells[len(names):], "") != "" {
		return fmt.Errorf("wrong number of fields: %d, the header has %d", len(cells), len(names))
	}
	r := fields{}
	for i, name := range names {
		if cells[i] != "" {
			r[name] = cells[i]
		}
	}
	return g.add(r)
}

// parseNumber reads a number with a decimal point.
func parseNumber(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, errors.New("is no number")
	}
	return x, nil
}

// withComma is a number of Excel where commas are decimal: 0,5 and 1.234,5.
var withComma = regexp.MustCompile(`^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$`)

// parseWithComma reads 1.234,5 as well.
// "1.234" stays 1.234: with a point alone nobody can tell what is meant.
func (g *grouping) parseWithComma(text string) (float64, error) {
	if !withComma.MatchString(text) {
		return parseNumber(text)
	}
	if len(g.notes) == 0 {
		g.notes = append(g.notes, "numbers with a decimal comma were read as such (1.234,5 is 1234.5)")
	}
	return parseNumber(strings.ReplaceAll(strings.ReplaceAll(text, ".", ""), ",", "."))
}

// Bounds of what a query may yield: all of it is held in memory.
const (
	limitLength   = 0 // SQLITE_LIMIT_LENGTH, of sqlite3.h
	maxValueBytes = 64 << 20
	maxRows       = 5_000_000
)

// readSQLite runs one query on a database file, which is opened read-only.
// mode=ro: an import must not change somebody's file, nor make one that is not there. The limit is SQLite's own, so
// that a large value is refused before it is in memory.
func readSQLite(ctx context.Context, path, query string, m Map) ([]*Set, error) {
	if query == "" {
		return nil, fmt.Errorf("say which rows: --query 'SELECT … FROM …'")
	}
	if len(m) == 0 {
		return nil, errNoMap
	}
	budget, err := textfile.Budget(maxImportBytes, maxImportBytes)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(url.PathEscape(path), "%2F", "/")+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("is no SQLite database: %w", err)
	}
	defer conn.Close()
	if _, err := sqlite.Limit(conn, limitLength, maxValueBytes); err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, queryFault(ctx, err)
	}
	defer rows.Close()
	return scanRows(ctx, rows, newGrouping(m), budget)
}

// queryFault says what became of a query. That a value is over the limit is known by the driver's words alone.
// The user's ^C comes before what the driver makes of it.
func queryFault(ctx context.Context, err error) error {
	switch text := err.Error(); {
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(text, "too big"):
		return fmt.Errorf("query: a value is larger than %d MiB: leave its column out of the query", maxValueBytes>>20)
	}
	return fmt.Errorf("query: %w", err)
}

// scanRows books the rows of a query within a budget of bytes of text.
// A query may join a file of 10 MB into any number of rows.
func scanRows(ctx context.Context, rows *sql.Rows, g *grouping, budget int64) ([]*Set, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, queryFault(ctx, err)
	}
	o := odd{what: "row"}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for n := 1; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return nil, queryFault(ctx, err)
		}
		r := fields{}
		for i, name := range names {
			r[name] = values[i]
			switch v := values[i].(type) {
			case string:
				budget -= int64(len(v))
			case []byte:
				budget -= int64(len(v))
			}
		}
		if budget < 0 || n > maxRows {
			return nil, &textfile.Error{Reason: fmt.Sprintf("the query yields more than is held in memory (%d GiB of text, %d rows)", maxImportBytes>>30, maxRows),
				Hint: "Import it in parts, or leave long columns out; " + textfile.BudgetEnv + " allows more GiB."}
		}
		o.see(n, g.add(r))
	}
	if err := rows.Err(); err != nil {
		return nil, queryFault(ctx, err)
	}
	return g.done(o.note(), o.refused())
}
