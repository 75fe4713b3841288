package runner_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/backends/simulator"
	"matrix/experiments"
	"matrix/experiments/dataset"
	"matrix/results"
	"matrix/runner"
)

const quick = `
dataset "words" {
  synthetic = { count = 40, input_tokens = 20, output_tokens = 8 }
  repeat    = true
}

model "tiny" {
  vllm   = { model = "tiny" }
  ollama = { model = "tiny" }
}

platform "offline" {
  backend = "simulator"
  options = { api = "vllm_offline", slots = 8, decode_tokens_per_s = 400, load_s = 0.05 }
}

platform "serve" {
  backend = "simulator"
  options = { api = "vllm_serve", slots = 8, decode_tokens_per_s = 400, load_s = 0.05 FAULT }
}

platform "ollama" {
  backend = "simulator"
  options = { api = "ollama", slots = 4, decode_tokens_per_s = 400, load_s = 0.05 }
}

experiment "quick" {
  dataset = dataset.words
  matrix {
    platform   = [platform.offline, platform.serve, platform.ollama]
    model      = [model.tiny]
    batch_size = [5, 30]
  }
  generate { max_tokens = 8 }
  warmup { requests = 4 }
  load { timeout = "20s" }
  launches = LAUNCHES
}
`

// session is an experiment in a folder with its results beside it.
type session struct {
	t     *testing.T
	dir   string
	world runner.World
}

func newSession(t *testing.T) *session {
	t.Helper()
	s := &session{t: t, dir: t.TempDir()}
	world, err := openWorld(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.world = world
	return s
}

func openWorld(dir string) (runner.World, error) {
	store, err := results.Open(filepath.Join(dir, "results"))
	return runner.World{Backends: map[string]backends.Backend{experiments.Simulator: simulator.New()}, Store: store,
		Machine: results.Machine{CPU: "test", Cores: 2}, Version: "test",
		Datasets: func(ctx context.Context, d *experiments.Dataset) (*dataset.Set, error) { return dataset.Open(ctx, d) }}, err
}

// write puts the experiment into the folder with some words replaced.
func (s *session) write(replace ...string) {
	s.t.Helper()
	text := strings.NewReplacer(append(replace, "FAULT", "", "LAUNCHES", "1")...).Replace(quick)
	if err := os.WriteFile(filepath.Join(s.dir, "quick.hcl"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// plan writes the experiment and holds it against the store.
func (s *session) plan(filter runner.Filter, replace ...string) *runner.Plan {
	s.t.Helper()
	s.write(replace...)
	return s.make(filter)
}

func (s *session) make(filter runner.Filter) *runner.Plan {
	s.t.Helper()
	p, _, err := loadPlan(s.t.Context(), s.dir, filter)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// loadPlan plans the folder's experiment as it stands there.
func loadPlan(ctx context.Context, dir string, filter runner.Filter) (*runner.Plan, runner.World, error) {
	world, err := openWorld(dir)
	if err != nil {
		return nil, world, err
	}
	config, diags := experiments.Load([]string{filepath.Join(dir, "quick.hcl")}, experiments.LoadOptions{})
	if diags.HasErrors() {
		return nil, world, diags
	}
	var cells []*experiments.Cell
	x := config.Experiments[0].Expand(experiments.Hooks{Check: simulator.Check})
	for c := range x.Cells() {
		cells = append(cells, c)
	}
	if x.Diagnostics().HasErrors() {
		return nil, world, x.Diagnostics()
	}
	p, err := runner.Make(ctx, world, "quick", cells, filter)
	return p, world, err
}

func (s *session) apply(ctx context.Context, p *runner.Plan) runner.Summary {
	s.t.Helper()
	sum, err := runner.Apply(ctx, s.world, p, runner.Options{WithoutNVML: true, Source: []byte(quick)})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range sum.Attempts {
		if pids := process.OfAttempt(m.Attempt); len(pids) > 0 {
			s.t.Errorf("processes %v of attempt %s are left", pids, m.Attempt)
		}
	}
	return sum
}

func states(p *runner.Plan) string {
	var all []string
	for _, item := range p.Items {
		text := item.Cell.Name() + " " + string(item.State)
		for _, r := range item.Reasons {
			text += " " + string(r)
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

func only(p *runner.Plan, state runner.State) bool {
	for _, item := range p.Items {
		if item.State != state {
			return false
		}
	}
	return true
}

func TestSimulatedExperiment(t *testing.T) {
	s := newSession(t)
	p := s.plan(runner.Filter{})
	if len(p.Items) != 6 || !only(p, runner.New) || !p.Simulated || p.Estimate != nil {
		t.Fatalf("first plan:\n%s", states(p))
	}
	if sum := s.apply(t.Context(), p); sum.Complete != 6 {
		t.Fatalf("%d complete, want 6", sum.Complete)
	}
	past, err := s.world.Store.History(t.Context(), "quick")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range past {
		if x.Problem != "" || x.OK != int64(x.BatchSize) || !x.Simulated || x.Summary["load_s"] <= 0 || x.Summary["output_throughput"] <= 0 {
			t.Errorf("%s: %s %d ok, %+v", x.Name, x.Problem, x.OK, x.Summary)
		}
	}
	if p := s.plan(runner.Filter{}); !only(p, runner.Done) || len(p.Order) != 0 {
		t.Errorf("after apply:\n%s", states(p))
	}
	if p := s.plan(runner.Filter{}, "LAUNCHES", "2"); !only(p, runner.Partial) || len(p.Order) != 6 || p.Estimate == nil || p.Order[0].Launch != 2 {
		t.Errorf("topped up:\n%s", states(p))
	}
	changed := s.plan(runner.Filter{Only: []string{"platform=ollama", "batch_size=30"}}, "slots = 4", "slots = 6")
	if item := changed.Items[0]; item.State != runner.Stale || len(item.Changes) != 1 || item.Changes[0].Path != "options.slots" ||
		item.Changes[0].Before != "4" || item.Changes[0].After != "6" || item.Reasons[0] != runner.ReasonSpec {
		t.Errorf("changed: %s %+v", states(changed), changed.Items[0].Changes)
	}
}

func TestSimulatedEngineDies(t *testing.T) {
	s := newSession(t)
	f := runner.Filter{Only: []string{"platform=serve,ollama", "batch_size=30"}}
	sum := s.apply(t.Context(), s.plan(f, "FAULT", ", die_after_requests = 10, die_exit_code = 3"))
	if sum.Failed != 1 || sum.Complete != 1 {
		t.Fatalf("%d failed, %d complete", sum.Failed, sum.Complete)
	}
	p := s.plan(f, "FAULT", ", die_after_requests = 10, die_exit_code = 3")
	if p.Items[0].State != runner.FailedState || p.Items[1].State != runner.Done || len(p.Order) != 0 || !strings.Contains(p.Items[0].Detail, "engine died") {
		t.Errorf("planned:\n%s\n%s", states(p), p.Items[0].Detail)
	}
	f.Rerun = []string{"failed"}
	if p := s.plan(f, "FAULT", ", die_after_requests = 10, die_exit_code = 3"); len(p.Order) != 1 || p.Items[0].Reasons[0] != runner.ReasonRequested {
		t.Errorf("rerun:\n%s", states(p))
	}
}

// A second apply meanwhile is locked out; the first is interrupted, leaves no engine, and goes on later.
func TestSimulatedInterruption(t *testing.T) {
	s := newSession(t)
	f := runner.Filter{Only: []string{"platform=ollama", "batch_size=30"}}
	slow := []string{"decode_tokens_per_s = 400", "decode_tokens_per_s = 40"} // 0.2 s a request, four at once
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attempt := ""
	observe := func(e runner.Event) {
		if e.Kind != runner.CellProgress || e.Progress.Done < 5 || ctx.Err() != nil {
			return
		}
		attempt = e.Attempt
		if _, err := runner.Apply(t.Context(), s.world, s.plan(f, slow...), runner.Options{WithoutNVML: true}); err == nil || !strings.Contains(err.Error(), "in use by") {
			t.Errorf("a second apply: %v, want it locked out", err)
		}
		cancel()
	}
	began := time.Now()
	sum, err := runner.Apply(ctx, s.world, s.plan(f, slow...), runner.Options{WithoutNVML: true, Observe: observe})
	if err != nil || sum.Interrupted != 1 {
		t.Fatalf("%d interrupted, %d complete, %d failed, %v after %s", sum.Interrupted, sum.Complete, sum.Failed, err, time.Since(began))
	}
	if pids := process.OfAttempt(attempt); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
	p := s.plan(f, slow...)
	if item := p.Items[0]; item.Resume != attempt || !strings.HasPrefix(item.Detail, "interrupted after") {
		t.Fatalf("planned:\n%s\n%q", states(p), item.Detail)
	}
	sum = s.apply(t.Context(), p)
	if sum.Complete != 1 || sum.Attempts[0].Attempt != attempt || sum.Attempts[0].OK != 30 || sum.Attempts[0].Segments != 2 {
		t.Errorf("%d complete, %+v", sum.Complete, sum.Attempts)
	}
}

// Cells of each simulated engine share a server, launch by launch; nothing of it is left behind.
func TestSimulatedGroup(t *testing.T) {
	s := newSession(t)
	p := s.plan(runner.Filter{}, "launches = LAUNCHES", "isolation { server = \"group\" }")
	if notes := strings.Join(p.Items[0].Notes, "; "); notes != "shares one server with 1 other cell: no load time of its own" {
		t.Errorf("the plan says %q", notes)
	}
	if sum := s.apply(t.Context(), p); sum.Complete != 6 {
		t.Fatalf("%d complete, want 6", sum.Complete)
	}
	past, err := s.world.Store.History(t.Context(), "quick")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range past {
		if _, load := x.Summary["load_s"]; load || x.Server != "group" || x.OK != int64(x.BatchSize) {
			t.Errorf("%s: %d ok, server %q, %v", x.Name, x.OK, x.Server, x.Summary)
		}
	}
	logs, err := filepath.Glob(filepath.Join(s.dir, "results", "quick", "launches", "*", "server.log"))
	if err != nil || len(logs) != 3 {
		t.Errorf("logs %v, %v, want one of each engine", logs, err)
	}
	for _, log := range logs {
		if pids := process.OfAttempt(filepath.Base(filepath.Dir(log))); len(pids) > 0 {
			t.Errorf("processes %v are left", pids)
		}
	}
	if p := s.make(runner.Filter{}); !only(p, runner.Done) {
		t.Errorf("after apply:\n%s", states(p))
	}
}

// Three simulated engines side by side, each with its port, log and rows.
func TestSimulatedSideBySide(t *testing.T) {
	s := newSession(t)
	running, most := 0, 0
	observe := func(e runner.Event) {
		switch e.Kind {
		case runner.LaunchStart:
			running++
			most = max(most, running)
		case runner.LaunchStop:
			running--
		}
	}
	sum, err := runner.Apply(t.Context(), s.world, s.plan(runner.Filter{}), runner.Options{WithoutNVML: true, Observe: observe, Jobs: 3, Source: []byte(quick)})
	if err != nil || sum.Complete != 6 || most != 3 {
		t.Fatalf("%d complete, %d at once, %v", sum.Complete, most, err)
	}
	for _, m := range sum.Attempts {
		if m.OK != int64(m.BatchSize) || m.Neighbours < 1 || m.Neighbours > 2 {
			t.Errorf("%s: %d ok beside %d", m.Name, m.OK, m.Neighbours)
		}
	}
}
