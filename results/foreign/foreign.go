// Package foreign writes attempts in the forms that other tools read: llm-d's Benchmark Report, the JSON of `vllm bench serve`, Go's
// benchmark lines, MLflow's file store. What a form has no place for is said; nothing is made up to fill one.
package foreign

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"matrix/results/exchange"
	"matrix/results/table"
)

// Formats that Write knows.
const (
	LLMD    = exchange.LLMD
	Bench   = exchange.Bench
	GoBench = "go-bench"
	MLflow  = "mlflow"
)

// Formats lists them for messages and completion.
// A new slice at each call.
func Formats() []string { return []string{LLMD, Bench, GoBench, MLflow} }

// lost is what a format has no place for.
var lost = map[string]string{
	LLMD: "It has no place for the load by phase, bounds of success, percentiles that count failures, goodput, energy and valid answers: they stand under results.observability.matrix, by matrix's names.",
	Bench: "It has no place for the load, telemetry, the machine, prompts' ids and valid answers. Its ttfts are from the send to the first chunk, as that benchmark counts them; where chunks were not kept (capture.chunks), the " +
		"time after the first token is one gap.",
	GoBench: "It has a line an attempt with times, rates and success: no percentile beyond p99, no machine but its name, no requests.",
	MLflow:  "It has no place for what is null: a metric that nobody told is not there. Requests, samples and answers stay in the results. New versions of MLflow read a file store with MLFLOW_ALLOW_FILE_STORE=true, or take it over: mlflow migrate-filestore.",
}

// Lost says what a format has no place for.
// "" for a format that is not known.
func Lost(format string) string { return lost[format] }

// Write writes each attempt into a folder that may be there, and returns the files.
// Files that are there by the same names are replaced. An error names the attempt; what was written before it stays.
func Write(dir, format string, attempts []exchange.Attempt) ([]string, error) {
	// nil: a format that has one file, or one tree, for all attempts
	one, known := map[string]func(string, *run) ([]string, error){LLMD: writeLLMD, Bench: writeBench, GoBench: nil, MLflow: nil}[format]
	if !known {
		return nil, fmt.Errorf("format %q is not known: %s", format, strings.Join(Formats(), ", "))
	}
	var runs []*run
	for _, a := range attempts {
		r, err := read(a)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("write %s: %w", dir, err)
	}
	switch format {
	case GoBench:
		return writeGoBench(dir, runs)
	case MLflow:
		return writeMLflow(dir, runs)
	}
	var files []string
	for _, r := range runs {
		written, err := one(dir, r)
		if err != nil {
			return nil, fmt.Errorf("export attempt %s: %w", r.text("attempt"), err)
		}
		files = append(files, written...)
	}
	return files, nil
}

// run is a row of run.parquet.
type run struct {
	exchange.Attempt
	row map[string]any // nil value = null
}

// read reads the row by the columns of this version of matrix. It is a map, not a record.RunRow: most formats pass numbers on by
// the names of their columns.
func read(a exchange.Attempt) (*run, error) {
	r := &run{Attempt: a}
	err := table.Batches(a.Dir, "run", func(b arrow.RecordBatch) error {
		if b.NumRows() > 0 {
			r.row = exchange.Row(b, 0)
		}
		return nil
	})
	if err == nil && r.row == nil {
		err = fmt.Errorf("run.parquet of %s has no row", a.Dir)
	}
	return r, err
}

// text is a column of text, "" where it is null.
func (r *run) text(column string) string {
	s, _ := r.row[column].(string)
	return s
}

// is reports a column that is true; null is not.
func (r *run) is(column string) bool {
	b, _ := r.row[column].(bool)
	return b
}

// number is nil where nobody told.
// An infinite one (a percentile that failures reach) comes out of Arrow as the text "+Inf": no number, and left out of
// forms that have no word for it.
func (r *run) number(column string) *float64 {
	var v float64
	switch x := r.row[column].(type) {
	case float64:
		v = x
	case int64:
		v = float64(x)
	case int32:
		v = float64(x)
	default:
		return nil
	}
	return &v
}

// count is number for formats that know no null: 0 where nobody told.
func (r *run) count(column string) int64 {
	if v := r.number(column); v != nil {
		return int64(*v)
	}
	return 0
}

// failed are the requests that did not end well, whatever became of them.
// Cancelled and never sent ones too.
func (r *run) failed() int64 { return r.count("requests_planned") - r.count("requests_ok") }

// at is a column of seconds since 1970 as a time; zero = not told.
func (r *run) at(column string) time.Time {
	v := r.number(column)
	if v == nil || *v <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(*v * 1000)).UTC()
}

// axes are the labels of the cell's axes, as JSON gave them.
// A map of Parquet comes out as a list of pairs; an object is read, too.
func (r *run) axes() map[string]string {
	out := map[string]string{}
	doc, err := json.Marshal(r.row["axes"])
	var pairs []struct{ Key, Value string }
	if err == nil && json.Unmarshal(doc, &pairs) == nil {
		for _, p := range pairs {
			out[p.Key] = p.Value
		}
	} else if err == nil {
		_ = json.Unmarshal(doc, &out) // neither: a label less
	}
	return out
}

// file is the name of an attempt's file.
// The ULID in it makes it unique, whatever becomes of the other letters.
func (r *run) file() string {
	name := r.text("experiment") + "-" + r.text("name") + "-" + r.text("attempt")
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '-'
	}, name)
}

// keywords tell what a reader must not overlook.
// Each form puts them where its readers look first: a simulated run must never pass for a measurement.
func (r *run) keywords() []string {
	words := []string{"matrix"}
	for _, column := range []string{"simulated", "imported"} {
		if r.is(column) {
			words = append(words, column)
		}
	}
	if r.WhyNot != "" {
		words = append(words, "does not count: "+r.WhyNot)
	}
	return words
}

// save writes a document as indented JSON.
// For people to read, and for diff.
func save(path string, doc any) ([]string, error) {
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, err
	}
	return []string{path}, os.WriteFile(path, append(text, '\n'), 0o644)
}

// numbers are the run's numeric columns by name, sorted.
func (r *run) numbers() (names []string) {
	for name := range r.row {
		if r.number(name) != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// within is a path below a folder.
func within(dir string, parts ...string) string {
	return filepath.Join(append([]string{dir}, parts...)...)
}
