package serve

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"time"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/record"
	"matrix/results/summary"
)

// cell is a row of the first table: medians over the launches that count, null where there are none.
type cell struct {
	Experiment string             `json:"experiment"`
	Slug       string             `json:"slug"`
	Name       string             `json:"name"`
	Platform   string             `json:"platform"`
	Model      string             `json:"model"`
	BatchSize  int64              `json:"batch_size"`
	Launches   int                `json:"launches"` // that count
	Attempts   int                `json:"attempts"`
	Attempt    string             `json:"attempt"` // the last that counts; "" = none
	Last       string             `json:"last"`    // how the last attempt ended
	Mode       string             `json:"mode"`    // of its load; "" = not known
	Simulated  bool               `json:"simulated"`
	Imported   bool               `json:"imported"`
	Metrics    map[string]float64 `json:"metrics"`
}

// cellMetrics are those of the first table, by their names in run.parquet.
var cellMetrics = []string{"load_s", "batch_s", "output_throughput", "request_throughput", "success_rate", record.MetricValidPerHour, "ttft_p50_s", "tpot_p50_s", "e2e_p99_s"}

// treeReply is what the first page shows. Lists are never null: a script goes over them.
type treeReply struct {
	Results     string           `json:"results"`
	Matrix      string           `json:"matrix"`
	At          time.Time        `json:"at"` // of the reading
	Cells       []cell           `json:"cells"`
	Experiments []string         `json:"experiments"`
	Problems    []ndjson.Problem `json:"problems"` // attempts that are not as they were written, folders that cannot be read
}

// unreadable is the problem of what cannot be looked into, beside those of a store.
const unreadable = "unreadable"

func (s *Server) tree(w http.ResponseWriter, r *http.Request) {
	var out treeReply
	err := one(r.Context(), &s.surveying, func() (err error) { _, out, err = s.survey(r.Context()); return err })
	reply(w, out, err)
}

// survey reads the tree. A folder that cannot be read is a finding, not the end.
func (s *Server) survey(ctx context.Context) (*summary.Set, treeReply, error) {
	out := treeReply{Results: s.Results, Matrix: s.Version, At: time.Now(), Cells: []cell{}, Experiments: []string{}, Problems: []ndjson.Problem{}}
	if info, err := os.Stat(s.Store.Root()); err != nil || !info.IsDir() {
		return nil, out, fmt.Errorf("%s: %w: it comes with the first apply; if it was moved, start matrix serve on it anew", s.Results, fs.ErrNotExist)
	}
	store := s.Store.Apart("", nil) // with its own notices: the tree's are said once
	store.Notice = func(text string) {
		out.Problems = append(out.Problems, ndjson.Problem{Problem: unreadable, Detail: text})
	}
	set, err := summary.Survey(ctx, store, s.Results)
	if err != nil {
		return nil, out, err
	}
	for _, p := range set.Problems {
		out.Problems = append(out.Problems, ndjson.Problem{Experiment: p.Experiment, Slug: p.Slug, Attempt: p.Attempt, Dir: p.Dir, Problem: p.Problem, Detail: p.Detail})
		out.note(p.Experiment)
	}
	for _, c := range set.Cells {
		out.Cells = append(out.Cells, cellOf(c))
		out.note(c.Experiment)
	}
	slices.Sort(out.Experiments)
	return set, out, nil
}

// note lists an experiment once, also one that has damaged attempts alone.
func (t *treeReply) note(experiment string) {
	if !slices.Contains(t.Experiments, experiment) {
		t.Experiments = append(t.Experiments, experiment)
	}
}

// cellOf has medians over launches; a metric that nobody told is absent.
func cellOf(c *summary.Cell) cell {
	x := cell{Experiment: c.Experiment, Slug: c.Slug, Name: c.Name, Platform: c.Platform, Model: c.Model, BatchSize: c.BatchSize, Launches: len(c.Launches),
		Attempts: len(c.Attempts), Simulated: c.Simulated, Imported: c.Imported, Metrics: map[string]float64{}}
	if n := len(c.Attempts); n > 0 {
		x.Last = c.Attempts[n-1].Status
	}
	if n := len(c.Launches); n > 0 {
		x.Attempt = c.Launches[n-1].Attempt
	}
	if a := c.First(); a != nil {
		x.Mode = a.DeclaredLoad().Mode // its rows are not read here
	}
	for _, m := range cellMetrics {
		if e := c.Estimate(m); e.Known() {
			x.Metrics[m] = e.Median
		}
	}
	return x
}

// attempts are those of one cell, in the records of matrix show --json.
func (s *Server) attempts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var set *summary.Set
	err := one(r.Context(), &s.surveying, func() (err error) {
		set, err = summary.Survey(r.Context(), s.Store, s.Results, q.Get("experiment"))
		return err
	})
	var out []ndjson.Attempt
	if err == nil {
		out = attemptsOf(set, q.Get("experiment"), q.Get("slug"))
	}
	if len(out) == 0 {
		err = fmt.Errorf("cell %q of experiment %q: %w", q.Get("slug"), q.Get("experiment"), fs.ErrNotExist)
	}
	reply(w, out, err)
}

// attemptsOf are those of one folder, oldest first, also those that do not count.
func attemptsOf(set *summary.Set, experiment, slug string) []ndjson.Attempt {
	out := []ndjson.Attempt{}
	for _, p := range set.Standings() {
		if p.Experiment == experiment && p.Slug == slug {
			out = append(out, ndjson.Attempt{Manifest: p.Manifest, Dir: p.Dir, Problem: p.Problem, Tainted: p.Tainted, Counts: p.WhyNot == "", WhyNot: p.WhyNot})
		}
	}
	return out
}
