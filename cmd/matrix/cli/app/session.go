package app

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"matrix/backends"
	"matrix/backends/install"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/experiments/diagnostic"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
	"matrix/results/table"
	"matrix/results/validity"
	"matrix/runner/plan"
	"matrix/runner/telemetry"
)

// Plan opens the world and makes every experiment's plan.
func (s *Session) Plan(ctx context.Context) ([]*plan.Plan, error) {
	if err := s.Open(ctx); err != nil {
		return nil, err
	}
	return s.Plans(ctx)
}

// Session is one set of files, loaded and expanded, with what plan and apply need around it.
// Close it. Not for concurrent use.
type Session struct {
	App    *App
	Paths  []string // as typed
	Config *grid.Config
	Cells  map[string][]*cell.Cell // by experiment
	World  plan.World              // after Plan
	Filter plan.Filter             // of the plans that follow
	sets   *datasets
}

// LoadOptions are the user's variables and what this program measures, which a decision may name.
func (a *App) LoadOptions() lang.Options {
	o := a.Vars
	o.Metrics, o.Engines = table.Named(), install.Cache()
	return o
}

// Load reads the files, says every mistake, and expands the experiments. On a mistake nothing else happens.
// The error is an exit code: every mistake has been said. The session is the caller's to close where there is none.
func (a *App) Load(ctx context.Context, paths []string) (*Session, error) {
	config, diags := grid.Load(paths, a.LoadOptions())
	if diags.HasErrors() {
		return nil, a.Mistakes(config.Files, diags)
	}
	s := &Session{App: a, Paths: paths, Config: config, Cells: map[string][]*cell.Cell{}, sets: &datasets{opened: map[string]func() (*dataset.Set, error){}}}
	for _, e := range config.Experiments {
		x := e.Expand(s.Hooks(ctx))
		for c := range x.Cells() {
			s.Cells[e.Name] = append(s.Cells[e.Name], c)
		}
		diags = append(diags, x.Diagnostics()...)
	}
	if len(config.Experiments) == 0 {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "No experiment",
			Detail: fmt.Sprintf("Nothing in %v declares an experiment block, so there is nothing to plan.", paths)})
	}
	if err := a.Mistakes(config.Files, diags); err != nil {
		s.sets.close()
		return nil, err
	}
	return s, nil
}

// LoadPlanned is Load and Plan at once. The session is the caller's to close where there is no error.
func (a *App) LoadPlanned(ctx context.Context, paths []string, filter plan.Filter) (*Session, []*plan.Plan, error) {
	s, err := a.Load(ctx, paths)
	if err != nil {
		return nil, nil, err
	}
	s.Filter = filter
	plans, err := s.Plan(ctx)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, plans, nil
}

// Mistakes prints diagnostics, warnings too; it returns an exit code when there is an error among them.
// files are those of the configuration: of one that is not among them no line is shown.
func (a *App) Mistakes(files map[string][]byte, diags hcl.Diagnostics) error {
	if len(diags) == 0 {
		return nil
	}
	if a.JSON {
		for _, d := range diags {
			a.Record(ndjson.Diagnostic{Diagnostic: diagnostic.JSON(d)})
		}
	} else {
		diagnostic.Write(a.Err, files, diags, a.Style.Color, a.Columns)
	}
	if diags.HasErrors() {
		return ExitCode(CodeError)
	}
	return nil
}

// Open adds what the world says: the store, the machine, the engines.
// Nothing is written and nothing started.
func (s *Session) Open(ctx context.Context) error {
	store, err := s.App.Store()
	if err != nil {
		return err
	}
	machine, err := telemetry.Machine(ctx)
	if err != nil {
		return err
	}
	s.World = plan.World{Backends: s.App.Engines, Store: store, Datasets: s.sets.open, Machine: machine, Version: Version()}
	return nil
}

// Each goes through all cells in the order of the files, with the experiment of each.
// Filter does not narrow it.
func (s *Session) Each() iter.Seq2[string, *cell.Cell] {
	return func(yield func(string, *cell.Cell) bool) {
		for _, e := range s.Config.Experiments {
			for _, c := range s.Cells[e.Name] {
				if !yield(e.Name, c) {
					return
				}
			}
		}
	}
}

// Close closes the datasets.
func (s *Session) Close() { s.sets.close() }

// Dataset opens a dataset once.
// The set is the session's, which closes it.
func (s *Session) Dataset(ctx context.Context, d *cell.Dataset) (*dataset.Set, error) {
	return s.sets.open(ctx, d)
}

// check asks what is wrong with what a cell asks, and its engine what it cannot do.
func (a *App) check(c *cell.Cell) []cell.Problem {
	problems := validity.Problems(c)
	if ask := a.Engines[c.Platform.Backend].Check; ask != nil {
		problems = append(problems, ask(c)...)
	}
	return problems
}

// Hooks let the language ask the engines of a cell.
func (s *Session) Hooks(ctx context.Context) grid.Hooks {
	return grid.Hooks{Check: s.App.check, Fit: func(c *cell.Cell) cell.Fit {
		predict := s.App.Engines[c.Platform.Backend].Fit
		if predict == nil {
			return cell.Fit{}
		}
		tokens := 0
		// A dataset that cannot be opened is said with its place when the plan opens it.
		if set, err := s.sets.open(ctx, c.Dataset); err == nil {
			tokens = backends.PromptTokens(set.PromptP95Chars())
		}
		return predict(c, tokens)
	}}
}

// Source is the HCL that declared an experiment, kept beside its results.
// nil where the session has no such experiment.
func (s *Session) Source(experiment string) []byte {
	for _, e := range s.Config.Experiments {
		if e.Name == experiment {
			return s.withoutQueries(s.Config.Files[e.Place.File])
		}
	}
	return nil
}

// withoutQueries takes the queries of platforms' addresses out of a source, since a key may be in them and the source lies
// beside the results.
func (s *Session) withoutQueries(source []byte) []byte {
	for _, c := range s.Each() {
		if _, query, asked := strings.Cut(c.Platform.URL, "?"); asked && query != "" {
			source = bytes.ReplaceAll(source, []byte("?"+query), []byte("?(left out)"))
		}
	}
	return source
}

// Check holds a filter against the cells of all experiments: what one of them has may be lacking in another.
func (s *Session) Check(f plan.Filter) error {
	var all []*cell.Cell
	for _, c := range s.Each() {
		all = append(all, c)
	}
	return f.Check(all)
}

// Plans makes the plan of every experiment in the files.
// Each call looks at the results anew.
func (s *Session) Plans(ctx context.Context) ([]*plan.Plan, error) {
	defer s.App.watchHashing()()
	if err := s.Check(s.Filter); err != nil {
		return nil, err
	}
	var plans []*plan.Plan
	for _, e := range s.Config.Experiments {
		p, err := plan.Make(ctx, s.World, e.Name, s.Cells[e.Name], s.Filter)
		if err != nil {
			return nil, Forbidden(err)
		}
		s.nameVariables(p)
		plans = append(plans, p)
	}
	// An experiment of which nothing was chosen is not spoken of, but where nothing was chosen at all.
	chosen := slices.DeleteFunc(slices.Clone(plans), func(p *plan.Plan) bool { return len(p.Items) == 0 })
	if len(chosen) > 0 {
		return chosen, nil
	}
	return plans, nil
}
