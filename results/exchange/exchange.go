// Package exchange brings results of other tools into the store, where nothing that they did not record is made up, and
// takes results out of it as one file.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"matrix/experiments/textfile"
)

// Formats that Read knows.
const (
	VLLMBench   = "vllm-bench"   // the JSON of `vllm bench serve --save-result`, best with --save-detailed
	LLMD        = "llm-d"        // llm-d's Benchmark Report 0.2, YAML or JSON: totals
	GuideLLM    = "guidellm"     // the JSON report of `guidellm benchmark`
	OpenAIBatch = "openai-batch" // the output file of a batch job, a JSON document a line
	JSONL       = "jsonl"        // any JSON document a line, by a Map
	CSV         = "csv"          // any table with a header, by a Map
	SQLite      = "sqlite"       // a query on a database file, by a Map
)

// Bench is the format of the benchmark that most people have results of, which matrix writes, too. Who writes it names no
// engine: only what reads another tool's file does.
const Bench = VLLMBench

// Formats lists them for messages and completion.
// A new slice at each call, in the order of a help text.
func Formats() []string { return []string{VLLMBench, GuideLLM, LLMD, OpenAIBatch, JSONL, CSV, SQLite} }

// Options of Read.
type Options struct {
	Format      string // one of Formats
	Labels      Labels // what the user said; it wins over the file
	Map         Map    // for JSONL, CSV and SQLite
	Query       string // for SQLite
	WeightBytes int64  // of the model, where known: held against the label; 0 = unknown
}

// Read parses files that belong together: the sets of each. A batch job's error file goes into the set of its output
// file, and has none of its own. Then the sets are arranged as cells and launches. An error names the file and the place
// in it.
// Compressed files and any encoding of Unicode are read, see textfile. What cannot be, but is no reason to refuse the
// file, is among each set's Warnings. All of it is held in memory.
func Read(ctx context.Context, paths []string, o Options) ([][]*Set, error) {
	files := make([][]*Set, len(paths))
	var all []*Set
	for i, path := range paths {
		sets, err := read(ctx, path, o)
		if err == nil {
			err = o.Labels.check()
		}
		if err != nil {
			return nil, place(path, err)
		}
		// its error file, which is given behind it
		if o.Format == OpenAIBatch && i > 0 && joined(files[:i], sets) {
			continue
		}
		files[i] = sets
	}
	for i, sets := range files {
		for _, s := range sets {
			if err := s.finish(o); err != nil {
				return nil, place(paths[i], err)
			}
			all = append(all, s)
		}
	}
	arrange(all)
	return files, nil
}

// joined adds a batch's answers to those of the file before it, where both are of one batch: no custom_id stands in both.
// A batch that was run again has the same ones.
// The nearest file before it that is of another batch ends the search: order is all that tells.
func joined(before [][]*Set, sets []*Set) bool {
	for i := len(before) - 1; i >= 0; i-- {
		if len(before[i]) == 0 {
			continue
		}
		to, ids := before[i][0], map[string]bool{}
		for _, r := range to.Requests {
			ids[r.PromptID] = true
		}
		for _, r := range sets[0].Requests {
			if r.PromptID == "" || ids[r.PromptID] {
				return false
			}
		}
		for _, r := range sets[0].Requests {
			r.Seq = int64(len(to.Requests))
			to.Requests = append(to.Requests, r)
		}
		if to.Labels.Model == "" {
			to.Labels.Model = sets[0].Labels.Model
		}
		for _, w := range sets[0].Warnings {
			to.warn("%s", w)
		}
		return true
	}
	return false
}

// place puts the path before an error, and what to do behind it. The place within the file is in the error already.
func place(path string, err error) error {
	if hint := textfile.Hint(err); hint != "" {
		return fmt.Errorf("%s: %w. %s", path, err, hint)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// read reads one file in its format, whatever its encoding and compression. A path that leads to no file loses the operating
// system's words for what was tried: they name the path again.
func read(ctx context.Context, path string, o Options) ([]*Set, error) {
	if !slices.Contains(Formats(), o.Format) {
		return nil, fmt.Errorf("format %q is not known: %s", o.Format, strings.Join(Formats(), ", "))
	}
	f, err := textfile.Open(path)
	if err != nil {
		// its text repeats the path, which stands in front already
		var missing *os.PathError
		if errors.As(err, &missing) {
			return nil, missing.Err
		}
		return nil, err
	}
	defer f.Close() // read-only
	// the driver opens the file itself: this was only to see that it can be read
	if o.Format == SQLite {
		return readSQLite(ctx, path, o.Query, o.Map)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// what compresses well may unpack to any size
	budget, err := textfile.Budget(st.Size(), maxImportBytes)
	if err != nil {
		return nil, err
	}
	text, err := textfile.Decode(f)
	if err != nil {
		return nil, err
	}
	return readText(textfile.Stoppable(ctx, textfile.Limited(text, budget, textfile.BudgetEnv)), o)
}

// readText reads the formats that are text.
// The format is known by now.
func readText(in io.Reader, o Options) ([]*Set, error) {
	switch o.Format {
	case VLLMBench:
		return readVLLMBench(in)
	case GuideLLM:
		return readGuideLLM(in)
	case LLMD:
		return readLLMD(in)
	case OpenAIBatch:
		return readOpenAIBatch(in)
	case JSONL:
		return readJSONL(in, o.Map)
	}
	return readCSV(in, o.Map)
}

// finish completes the labels and says what does not agree. The order matters: what cannot be is null before anything is derived
// of it, and stamps are moved to zero last, when all are there.
func (s *Set) finish(o Options) error {
	if o.Labels.Platform != "" {
		s.Labels.Platform = o.Labels.Platform
	}
	if o.Labels.Model != "" {
		s.Labels.Model = o.Labels.Model
	}
	if o.Labels.Launch > 0 {
		s.Labels.Launch = o.Labels.Launch
	}
	s.numbered = s.Labels.Launch > 0
	s.Labels.Launch = max(s.Labels.Launch, 1)
	s.sane()
	// Totals count those that have no row.
	asked := max(len(s.Requests), int(s.Given["requests_planned"]), int(s.Given["requests_ok"]+s.Given["requests_failed"]+s.Given["requests_canceled"]))
	if s.Labels.BatchSize == 0 {
		s.Labels.BatchSize = asked
	}
	if o.Labels.BatchSize > 0 {
		s.Labels.BatchSize = o.Labels.BatchSize
	}
	switch {
	case s.Labels.Platform == "":
		return fmt.Errorf("the file does not say on which platform: name it with --platform")
	case s.Labels.Model == "":
		return fmt.Errorf("the file does not say which model: name it with --model")
	case s.Labels.BatchSize == 0:
		return fmt.Errorf("there are no requests in it, and no total of them")
	case s.Labels.BatchSize < asked:
		return fmt.Errorf("labelled a batch of %d, but it has %d requests: leave --batch-size out, or give %d", s.Labels.BatchSize, asked, asked)
	}
	if err := s.Labels.check(); err != nil {
		return err
	}
	s.Given["requests_planned"] = float64(s.Labels.BatchSize)
	s.Warnings = append(s.Warnings, disagreements(s, o.WeightBytes)...)
	// Numbers are given anew: those of the file may have gaps, or begin at 1.
	slices.SortStableFunc(s.Requests, func(a, b Request) int { return int(a.Seq - b.Seq) })
	for i := range s.Requests {
		s.Requests[i].Seq = int64(i)
	}
	s.derive()
	s.rebase()
	s.reasons()
	return nil
}
