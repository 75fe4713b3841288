package apply_test

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
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
	"matrix/results/record"
	"matrix/results/store"

	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/plan"
)

const Quick = `
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

// Session is an experiment in a folder with its results beside it.
type Session struct {
	T     *testing.T
	Dir   string
	World plan.World
}

func NewSession(t *testing.T) *Session {
	t.Helper()
	s := &Session{T: t, Dir: t.TempDir()}
	world, err := OpenWorld(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	s.World = world
	return s
}

func OpenWorld(dir string) (plan.World, error) {
	store, err := store.Open(filepath.Join(dir, "results"))
	return plan.World{Backends: map[string]backends.Backend{cell.Simulator: simulator.New()}, Store: store,
		Machine: record.Machine{CPU: "test", Cores: 2}, Version: "test",
		Datasets: func(ctx context.Context, d *cell.Dataset) (*dataset.Set, error) { return dataset.Open(ctx, d) }}, err
}

// Write puts the experiment into the folder with some words replaced.
func (s *Session) Write(replace ...string) {
	s.T.Helper()
	text := strings.NewReplacer(append(replace, "FAULT", "", "LAUNCHES", "1")...).Replace(Quick)
	if err := os.WriteFile(filepath.Join(s.Dir, "quick.hcl"), []byte(text), 0o600); err != nil {
		s.T.Fatal(err)
	}
}

// Plan writes the experiment and holds it against the store.
func (s *Session) Plan(filter plan.Filter, replace ...string) *plan.Plan {
	s.T.Helper()
	s.Write(replace...)
	return s.Make(filter)
}

func (s *Session) Make(filter plan.Filter) *plan.Plan {
	s.T.Helper()
	p, _, err := LoadPlan(s.T.Context(), s.Dir, filter)
	if err != nil {
		s.T.Fatal(err)
	}
	return p
}

// LoadPlan plans the folder's experiment as it stands there.
func LoadPlan(ctx context.Context, dir string, filter plan.Filter) (*plan.Plan, plan.World, error) {
	world, err := OpenWorld(dir)
	if err != nil {
		return nil, world, err
	}
	config, diags := grid.Load([]string{filepath.Join(dir, "quick.hcl")}, lang.Options{})
	if diags.HasErrors() {
		return nil, world, diags
	}
	var cells []*cell.Cell
	x := config.Experiments[0].Expand(grid.Hooks{Check: simulator.Check})
	for c := range x.Cells() {
		cells = append(cells, c)
	}
	if x.Diagnostics().HasErrors() {
		return nil, world, x.Diagnostics()
	}
	p, err := plan.Make(ctx, world, "quick", cells, filter)
	return p, world, err
}

func (s *Session) Apply(ctx context.Context, p *plan.Plan) events.Summary {
	s.T.Helper()
	sum, err := apply.Apply(ctx, s.World, p, apply.Options{WithoutNVML: true, Source: []byte(Quick)})
	if err != nil {
		s.T.Fatal(err)
	}
	for _, m := range sum.Attempts {
		if pids := process.OfAttempt(m.Attempt); len(pids) > 0 {
			s.T.Errorf("processes %v of attempt %s are left", pids, m.Attempt)
		}
	}
	return sum
}

func States(p *plan.Plan) string {
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

func Only(p *plan.Plan, state plan.State) bool {
	for _, item := range p.Items {
		if item.State != state {
			return false
		}
	}
	return true
}

func TestSimulatedExperiment(t *testing.T) {
	s := NewSession(t)
	p := s.Plan(plan.Filter{})
	if len(p.Items) != 6 || !Only(p, plan.New) || !p.Simulated || p.Estimate != nil {
		t.Fatalf("first plan:\n%s", States(p))
	}
	if sum := s.Apply(t.Context(), p); sum.Complete != 6 {
		t.Fatalf("%d complete, want 6", sum.Complete)
	}
	past, err := s.World.Store.History(t.Context(), "quick")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range past {
		if x.Problem != "" || x.OK != int64(x.BatchSize) || !x.Simulated || x.Summary["load_s"] <= 0 || x.Summary["output_throughput"] <= 0 {
			t.Errorf("%s: %s %d ok, %+v", x.Name, x.Problem, x.OK, x.Summary)
		}
	}
	if p := s.Plan(plan.Filter{}); !Only(p, plan.Done) || len(p.Order) != 0 {
		t.Errorf("after apply:\n%s", States(p))
	}
	if p := s.Plan(plan.Filter{}, "LAUNCHES", "2"); !Only(p, plan.Partial) || len(p.Order) != 6 || p.Estimate == nil || p.Order[0].Launch != 2 {
		t.Errorf("topped up:\n%s", States(p))
	}
	changed := s.Plan(plan.Filter{Only: []string{"platform=ollama", "batch_size=30"}}, "slots = 4", "slots = 6")
	if item := changed.Items[0]; item.State != plan.Stale || len(item.Changes) != 1 || item.Changes[0].Path != "options.slots" ||
		item.Changes[0].Before != "4" || item.Changes[0].After != "6" || item.Reasons[0] != plan.ReasonSpec {
		t.Errorf("changed: %s %+v", States(changed), changed.Items[0].Changes)
	}
}

func TestSimulatedEngineDies(t *testing.T) {
	s := NewSession(t)
	f := plan.Filter{Only: []string{"platform=serve,ollama", "batch_size=30"}}
	sum := s.Apply(t.Context(), s.Plan(f, "FAULT", ", die_after_requests = 10, die_exit_code = 3"))
	if sum.Failed != 1 || sum.Complete != 1 {
		t.Fatalf("%d failed, %d complete", sum.Failed, sum.Complete)
	}
	p := s.Plan(f, "FAULT", ", die_after_requests = 10, die_exit_code = 3")
	if p.Items[0].State != plan.FailedState || p.Items[1].State != plan.Done || len(p.Order) != 0 || !strings.Contains(p.Items[0].Detail, "engine died") {
		t.Errorf("planned:\n%s\n%s", States(p), p.Items[0].Detail)
	}
	f.Rerun = []string{"failed"}
	if p := s.Plan(f, "FAULT", ", die_after_requests = 10, die_exit_code = 3"); len(p.Order) != 1 || p.Items[0].Reasons[0] != plan.ReasonRequested {
		t.Errorf("rerun:\n%s", States(p))
	}
}

// A second apply meanwhile is locked out; the first is interrupted, leaves no engine, and goes on later.
func TestSimulatedInterruption(t *testing.T) {
	s := NewSession(t)
	f := plan.Filter{Only: []string{"platform=ollama", "batch_size=30"}}
	slow := []string{"decode_tokens_per_s = 400", "decode_tokens_per_s = 40"} // 0.2 s a request, four at once
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attempt := ""
	observe := func(e events.Event) {
		if e.Kind != events.CellProgress || e.Progress.Done < 5 || ctx.Err() != nil {
			return
		}
		attempt = e.Attempt
		if _, err := apply.Apply(t.Context(), s.World, s.Plan(f, slow...), apply.Options{WithoutNVML: true}); err == nil || !strings.Contains(err.Error(), "in use by") {
			t.Errorf("a second apply: %v, want it locked out", err)
		}
		cancel()
	}
	began := time.Now()
	sum, err := apply.Apply(ctx, s.World, s.Plan(f, slow...), apply.Options{WithoutNVML: true, Observe: observe})
	if err != nil || sum.Interrupted != 1 {
		t.Fatalf("%d interrupted, %d complete, %d failed, %v after %s", sum.Interrupted, sum.Complete, sum.Failed, err, time.Since(began))
	}
	if pids := process.OfAttempt(attempt); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
	p := s.Plan(f, slow...)
	if item := p.Items[0]; item.Resume != attempt || !strings.HasPrefix(item.Detail, "interrupted after") {
		t.Fatalf("planned:\n%s\n%q", States(p), item.Detail)
	}
	sum = s.Apply(t.Context(), p)
	if sum.Complete != 1 || sum.Attempts[0].Attempt != attempt || sum.Attempts[0].OK != 30 || sum.Attempts[0].Segments != 2 {
		t.Errorf("%d complete, %+v", sum.Complete, sum.Attempts)
	}
}

// Cells of each simulated engine share a server, launch by launch; nothing of it is left behind.
func TestSimulatedGroup(t *testing.T) {
	s := NewSession(t)
	p := s.Plan(plan.Filter{}, "launches = LAUNCHES", "isolation { server = \"group\" }")
	if notes := strings.Join(p.Items[0].Notes, "; "); notes != "shares one server with 1 other cell: no load time of its own" {
		t.Errorf("the plan says %q", notes)
	}
	if sum := s.Apply(t.Context(), p); sum.Complete != 6 {
		t.Fatalf("%d complete, want 6", sum.Complete)
	}
	past, err := s.World.Store.History(t.Context(), "quick")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range past {
		if _, load := x.Summary["load_s"]; load || x.Server != "group" || x.OK != int64(x.BatchSize) {
			t.Errorf("%s: %d ok, server %q, %v", x.Name, x.OK, x.Server, x.Summary)
		}
	}
	logs, err := filepath.Glob(filepath.Join(s.Dir, "results", "quick", "launches", "*", "server.log"))
	if err != nil || len(logs) != 3 {
		t.Errorf("logs %v, %v, want one of each engine", logs, err)
	}
	for _, log := range logs {
		if pids := process.OfAttempt(filepath.Base(filepath.Dir(log))); len(pids) > 0 {
			t.Errorf("processes %v are left", pids)
		}
	}
	if p := s.Make(plan.Filter{}); !Only(p, plan.Done) {
		t.Errorf("after apply:\n%s", States(p))
	}
}

// Three simulated engines side by side, each with its port, log and rows.
func TestSimulatedSideBySide(t *testing.T) {
	s := NewSession(t)
	running, most := 0, 0
	observe := func(e events.Event) {
		switch e.Kind {
		case events.LaunchStart:
			running++
			most = max(most, running)
		case events.LaunchStop:
			running--
		}
	}
	sum, err := apply.Apply(t.Context(), s.World, s.Plan(plan.Filter{}), apply.Options{WithoutNVML: true, Observe: observe, Jobs: 3, Source: []byte(Quick)})
	if err != nil || sum.Complete != 6 || most != 3 {
		t.Fatalf("%d complete, %d at once, %v", sum.Complete, most, err)
	}
	for _, m := range sum.Attempts {
		if m.OK != int64(m.BatchSize) || m.Neighbours < 1 || m.Neighbours > 2 {
			t.Errorf("%s: %d ok beside %d", m.Name, m.OK, m.Neighbours)
		}
	}
}
