package exchange

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Map says where our columns stand in somebody's records: column → field, with a factor where units differ.
// Its keys are among mappable: ParseMap sees to that.
type Map map[string]Field

// Field is a place in a record: names separated by dots. A number is multiplied by Factor.
type Field struct {
	Path   string  // "usage.completion_tokens"
	Factor float64 // never 0; 1 = as it is
}

// mappable are the columns that a Map may name: of requests.parquet, the labels, and the text.
var mappable = []string{
	"platform", "model", "batch_size", "launch",
	"prompt_id", "text", "status", "error", "http_status", "finish_reason",
	"input_tokens", "output_tokens", "cached_tokens", "max_tokens",
	"scheduled_s", "sent_s", "first_chunk_s", "first_token_s", "last_token_s", "done_s",
	"ttft_s", "ttft_first_chunk_s", "tpot_s", "e2e_s", "e2e_closed_s",
}

// MapHelp says what a Map may name.
// Part of `matrix import --help`.
const MapHelp = `Columns that --map can fill:
  which cell      platform, model, batch_size, launch
  what was said   prompt_id (matches answers with those of measured cells), text, finish_reason
  how it ended    status, error, http_status: without one of them no success rate is known
  tokens          input_tokens, output_tokens, cached_tokens, max_tokens
  points in time  scheduled_s, sent_s, first_chunk_s, first_token_s, last_token_s, done_s: seconds, of any clock
  durations       ttft_s, ttft_first_chunk_s, tpot_s, e2e_s (to the last token), e2e_closed_s (to the end): seconds

A field of a nested record is written with dots (usage.completion_tokens); milliseconds become seconds by /1000.`

// ParseMap reads "column=field", "column=field*0.001" or "column=field/1000", one each.
// The error names the flag as it was typed, and what may stand there. A path with "*" or "/" in it takes what follows
// for a factor.
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
		if _, twice := m[column]; twice {
			return nil, fmt.Errorf("--map %s: %s is mapped already", text, column)
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

// fields is one of somebody's records.
// Of JSONL as JSON gives it; of CSV texts; of SQLite int64, float64, string, []byte.
type fields map[string]any

// at finds a value by its path; a name with dots in it counts before the dots do.
// nil: it is not there, or null.
func (r fields) at(path string) any {
	if v, ok := r[path]; ok {
		return v
	}
	name, rest, ok := strings.Cut(path, ".")
	if !ok {
		return nil
	}
	if inner, ok := r[name].(map[string]any); ok {
		return fields(inner).at(rest)
	}
	return nil
}
