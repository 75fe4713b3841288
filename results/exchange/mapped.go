package exchange

import (
	"cmp"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite", without cgo
)

// Map says where our columns stand in somebody's records: column → field, with a factor where units differ.
type Map map[string]Field

// Field is a place in a record: names separated by dots. A number is multiplied by Factor.
type Field struct {
	Path   string
	Factor float64
}

// Columns that a Map may name: of requests.parquet, the labels, and the text.
var mappable = []string{
	"platform", "model", "batch_size", "launch",
	"prompt_id", "text", "status", "error", "http_status", "finish_reason",
	"input_tokens", "output_tokens", "cached_tokens", "max_tokens",
	"scheduled_s", "sent_s", "first_chunk_s", "first_token_s", "last_token_s", "done_s",
	"ttft_s", "ttft_first_chunk_s", "tpot_s", "e2e_s", "e2e_closed_s",
}

// ParseMap reads "column=field", "column=field*0.001" or "column=field/1000", one each.
func ParseMap(texts []string) (Map, error) {
	m := Map{}
	for _, text := range texts {
		column, path, ok := strings.Cut(text, "=")
		if !ok || path == "" {
			return nil, fmt.Errorf("--map %s: write column=field, as in ttft_s=ttft_ms/1000", text)
		}
		if !slices.Contains(mappable, column) {
			return nil, fmt.Errorf("--map %s: %q is no column that can be mapped: %s", text, column, strings.Join(mappable, ", "))
		}
		f := Field{Path: path, Factor: 1}
		if i := strings.LastIndexAny(path, "*/"); i > 0 {
			x, err := strconv.ParseFloat(path[i+1:], 64)
			if err != nil || x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
				return nil, fmt.Errorf("--map %s: %q is no factor", text, path[i+1:])
			}
			f = Field{Path: path[:i], Factor: x}
			if path[i] == '/' {
				f.Factor = 1 / x
			}
		}
		m[column] = f
	}
	return m, nil
}

// record is one of somebody's records.
type record map[string]any

// at finds a value by its path; a name with dots in it counts before the dots do.
func (r record) at(path string) any {
	if v, ok := r[path]; ok {
		return v
	}
	name, rest, ok := strings.Cut(path, ".")
	if !ok {
		return nil
	}
	if inner, ok := r[name].(map[string]any); ok {
		return record(inner).at(rest)
	}
	return nil
}

func readJSONL(in io.Reader, m Map) ([]*Set, error) {
	g := newGrouping(m)
	err := eachLine(in, func(doc []byte, line int) error {
		var r record
		if err := json.Unmarshal(doc, &r); err != nil {
			return err
		}
		return g.add(r)
	})
	return g.done(err)
}

func readCSV(in io.Reader, m Map) ([]*Set, error) {
	g := newGrouping(m)
	rows := csv.NewReader(in)
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: a header is needed: %w", err)
	}
	for err == nil {
		var cells []string
		if cells, err = rows.Read(); err != nil {
			break
		}
		r := record{}
		for i, name := range head {
			if cells[i] != "" {
				r[name] = cells[i]
			}
		}
		if e := g.add(r); e != nil {
			line, _ := rows.FieldPos(0)
			err = fmt.Errorf("line %d: %w", line, e)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return g.done(err)
}

// readSQLite runs one query on a database file, which is opened read-only.
func readSQLite(path, query string, m Map) ([]*Set, error) {
	if query == "" {
		return nil, fmt.Errorf("say which rows: --query 'SELECT … FROM …'")
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	g := newGrouping(m)
	for n := 1; rows.Next(); n++ {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("row %d: %w", n, err)
		}
		r := record{}
		for i, name := range names {
			r[name] = values[i]
		}
		if err := g.add(r); err != nil {
			return nil, fmt.Errorf("row %d: %w", n, err)
		}
	}
	return g.done(rows.Err())
}

// grouping makes sets of records by the labels that they carry.
type grouping struct {
	m    Map
	sets map[Labels]*Set
	used map[string]bool // columns that some record had
}

func newGrouping(m Map) *grouping { return &grouping{m, map[Labels]*Set{}, map[string]bool{}} }

func (g *grouping) add(r record) error {
	if len(g.m) == 0 {
		return fmt.Errorf("--map is needed: it says which field is which column, as in --map output_tokens=usage.completion_tokens")
	}
	row := mapped{g: g, r: r}
	labels := Labels{Platform: labelOf(row.text("platform")), Model: labelOf(row.text("model")), BatchSize: row.whole("batch_size"), Launch: row.whole("launch")}
	s := g.sets[labels]
	if s == nil {
		s = &Set{Labels: labels, Given: map[string]float64{}}
		g.sets[labels] = s
	}
	s.Requests = append(s.Requests, row.request(int64(len(s.Requests))))
	return row.err
}

// done returns the sets in a fixed order. A mapped field that no record has is a mistake of the map.
func (g *grouping) done(err error) ([]*Set, error) {
	if err != nil {
		return nil, err
	}
	for _, column := range slices.Sorted(maps.Keys(g.m)) {
		if !g.used[column] {
			return nil, fmt.Errorf("--map %s=%s: no record has a field %q", column, g.m[column].Path, g.m[column].Path)
		}
	}
	return slices.SortedFunc(maps.Values(g.sets), func(a, b *Set) int {
		return cmp.Or(cmp.Compare(a.Labels.Platform, b.Labels.Platform), cmp.Compare(a.Labels.Model, b.Labels.Model),
			cmp.Compare(a.Labels.BatchSize, b.Labels.BatchSize), cmp.Compare(a.Labels.Launch, b.Labels.Launch))
	}), nil
}
