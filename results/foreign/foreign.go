// Package foreign writes attempts in the forms that other tools read: llm-d's Benchmark Report, the JSON of `vllm bench serve`, Go's
// benchmark lines, MLflow's file store. What a form has no place for is said; nothing is made up to fill one.
package foreign

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"matrix/results/exchange"
	"matrix/results/record"
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
	Bench: "It has no place for the load, telemetry, the machine, prompts' ids and valid answers. Its ttfts are from the send to the first chunk, as that benchmark counts them; where chunks were not kept (capture.chunks), its itls " +
		"are empty, and latencies tell the time.",
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
		row, err := table.ReadRun(a.Dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, &run{a, row})
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
			return nil, fmt.Errorf("export attempt %s: %w", r.Manifest.Attempt, err)
		}
		files = append(files, written...)
	}
	return files, nil
}

// run is a row of run.parquet.
type run struct {
	exchange.Attempt
	*record.RunRow
}

// number is nil where nobody told.
// An infinite one (a percentile that failures reach) is left out, too: forms have no word for it.
func (r *run) number(column string) *float64 {
	v := table.Number(r.RunRow, column)
	if v != nil && (math.IsInf(*v, 0) || math.IsNaN(*v)) {
		return nil
	}
	return v
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

// file is the name of an attempt's file.
// The ULID in it makes it unique, whatever becomes of the other letters.
func (r *run) file() string {
	name := r.Manifest.Experiment + "-" + r.Manifest.Name + "-" + r.Manifest.Attempt
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
	words := []string{exchange.WordMatrix}
	if r.Run.Simulated {
		words = append(words, exchange.WordSimulated)
	}
	if r.Run.Imported {
		words = append(words, "imported")
	}
	if r.WhyNot != "" {
		words = append(words, exchange.WordNot+r.WhyNot)
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

// numbers are the numeric columns of run.parquet that have a value, by name; two of them are keys.
func (r *run) numbers() map[string]float64 {
	out := map[string]float64{"launch": float64(r.Manifest.Launch), "batch_size": float64(r.Manifest.BatchSize)}
	for _, m := range table.Named() {
		if v := r.number(m.Name); v != nil {
			out[m.Name] = *v
		}
	}
	return out
}
