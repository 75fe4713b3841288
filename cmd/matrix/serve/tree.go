package serve

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/store"
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
	Last       string             `json:"last"` // how the last attempt ended
	Simulated  bool               `json:"simulated"`
	Imported   bool               `json:"imported"`
	Metrics    map[string]float64 `json:"metrics"`
}

var cellMetrics = []string{"load_s", "batch_s", "output_throughput", "request_throughput", "success_rate", "ttft_p50_s", "e2e_p99_s"}

type treeReply struct {
	Results string   `json:"results"`
	Matrix  string   `json:"matrix"`
	Cells   []cell   `json:"cells"`
	Reports []string `json:"reports"` // experiments that have one
}

func (s *Server) tree(w http.ResponseWriter, r *http.Request) {
	set, err := summary.Survey(r.Context(), s.Store, s.Results)
	if err != nil {
		reply(w, nil, err)
		return
	}
	out := treeReply{Results: s.Results, Matrix: s.Version, Cells: []cell{}, Reports: []string{}}
	seen := map[string]bool{}
	for _, c := range set.Cells {
		x := cell{Experiment: c.Experiment, Slug: c.Slug, Name: c.Name, Platform: c.Platform, Model: c.Model, BatchSize: c.BatchSize, Launches: len(c.Launches),
			Attempts: len(c.Attempts), Simulated: c.Simulated, Imported: c.Imported, Metrics: map[string]float64{}}
		if n := len(c.Attempts); n > 0 {
			x.Last = c.Attempts[n-1].Status
		}
		for _, m := range cellMetrics {
			if e := c.Estimate(m); e.Known() {
				x.Metrics[m] = e.Median
			}
		}
		out.Cells = append(out.Cells, x)
		if !seen[c.Experiment] {
			seen[c.Experiment] = true
			if info, err := os.Lstat(s.reportPath(c.Experiment)); err == nil && info.Mode().IsRegular() {
				out.Reports = append(out.Reports, c.Experiment)
			}
		}
	}
	reply(w, out, nil)
}

// attempts are those of one cell, in the records of matrix show --json.
func (s *Server) attempts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	set, err := summary.Survey(r.Context(), s.Store, s.Results, q.Get("experiment"))
	out := []ndjson.Attempt{}
	if err == nil {
		for _, p := range set.Standings() {
			if p.Experiment == q.Get("experiment") && p.Slug == q.Get("slug") {
				out = append(out, ndjson.Attempt{Manifest: p.Manifest, Dir: p.Dir, Problem: p.Problem, Tainted: p.Tainted, Counts: p.WhyNot == "", WhyNot: p.WhyNot})
			}
		}
	}
	reply(w, out, err)
}

// attempt finds an attempt among those that the store lists: no path is made of what a request says.
func (s *Server) attempt(r *http.Request) (store.Past, error) {
	q := r.URL.Query()
	past, err := s.Store.History(r.Context(), q.Get("experiment"))
	if err != nil {
		return store.Past{}, err
	}
	for _, p := range past {
		if p.Attempt == q.Get("attempt") && p.Experiment == q.Get("experiment") {
			return p, nil
		}
	}
	return store.Past{}, fmt.Errorf("attempt %q: %w", q.Get("attempt"), fs.ErrNotExist)
}

func (s *Server) reportPath(experiment string) string {
	return filepath.Join(s.Results, experiment, "report", "report.html")
}

// reportPolicy is for a page that matrix report made: its own style and script stand in it, and it may talk to nobody.
const reportPolicy = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

// report is the page that matrix report made of an experiment that the store knows.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("experiment")
	past, err := s.Store.History(r.Context(), name)
	if err != nil || len(past) == 0 {
		http.NotFound(w, r)
		return
	}
	path := s.reportPath(past[0].Experiment)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		http.Error(w, "there is no report yet: matrix report "+name, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Security-Policy", reportPolicy)
	http.ServeFile(w, r, path)
}
