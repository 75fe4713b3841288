package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"matrix/backends"
	"matrix/experiments"
	"matrix/experiments/dataset"
	"matrix/results"
	"matrix/results/validity"
	"matrix/runner"
	"matrix/runner/telemetry"
)

// session is one set of files, loaded and expanded, with what plan and apply need around it.
type session struct {
	app    *app
	paths  []string
	config *experiments.Config
	cells  map[string][]*experiments.Cell // by experiment
	sets   *datasets
	world  runner.World
	filter runner.Filter
}

// loadOptions are the user's variables and what this program measures, which a decision may name.
func (a *app) loadOptions() experiments.LoadOptions {
	o := a.vars
	o.Metrics = results.Named()
	return o
}

// load reads the files, says every mistake, and expands the experiments. On a mistake nothing else happens.
func (a *app) load(ctx context.Context, paths []string) (*session, error) {
	config, diags := experiments.Load(paths, a.loadOptions())
	if diags.HasErrors() {
		return nil, a.mistakes(config, diags)
	}
	s := &session{app: a, paths: paths, config: config, cells: map[string][]*experiments.Cell{}, sets: newDatasets()}
	engines := a.engines()
	for _, e := range config.Experiments {
		x := e.Expand(experiments.Hooks{Check: check(engines), Fit: s.fit(ctx, engines)})
		for c := range x.Cells() {
			s.cells[e.Name] = append(s.cells[e.Name], c)
		}
		diags = append(diags, x.Diagnostics()...)
	}
	if len(config.Experiments) == 0 {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "No experiment",
			Detail: fmt.Sprintf("Nothing in %v declares an experiment block, so there is nothing to plan.", paths)})
	}
	if err := a.mistakes(config, diags); err != nil {
		s.sets.close()
		return nil, err
	}
	return s, nil
}

// mistakes prints diagnostics, warnings too; it returns an exit code when there is an error among them.
func (a *app) mistakes(config *experiments.Config, diags hcl.Diagnostics) error {
	if len(diags) == 0 {
		return nil
	}
	var files map[string][]byte
	if config != nil {
		files = config.Files
	}
	if a.json {
		for _, d := range diags {
			a.emit("diagnostic", map[string]any{"diagnostic": experiments.DiagnosticJSON(d)})
		}
	} else {
		experiments.WriteDiagnostics(a.stderr, files, diags, a.style.color, a.width)
	}
	if diags.HasErrors() {
		return exitCode(codeError)
	}
	return nil
}

// open adds what the world says: the store, the machine, the engines.
func (s *session) open(ctx context.Context) error {
	store, err := s.app.store()
	if err != nil {
		return err
	}
	// What cannot be read of the machine is said by the apply, once.
	machine, _ := telemetry.Machine(ctx)
	s.world = runner.World{Backends: s.app.engines(), Store: store, Datasets: s.sets.open, Machine: machine, Version: version()}
	return nil
}

func (s *session) close() { s.sets.close() }

// check asks what is wrong with what a cell asks, and its engine what it cannot do.
func check(engines map[string]backends.Backend) func(*experiments.Cell) []experiments.Problem {
	return func(c *experiments.Cell) []experiments.Problem {
		problems := validity.Problems(c)
		if ask := engines[c.Platform.Backend].Check; ask != nil {
			problems = append(problems, ask(c)...)
		}
		return problems
	}
}

// charsPerToken turns bytes of English prompt into tokens for the memory prediction, on the safe (many tokens) side.
const charsPerToken = 3.5

// fit predicts a cell's memory with its engine's formula.
func (s *session) fit(ctx context.Context, engines map[string]backends.Backend) func(*experiments.Cell) experiments.Fit {
	return func(c *experiments.Cell) experiments.Fit {
		predict := engines[c.Platform.Backend].Fit
		if predict == nil {
			return experiments.Fit{}
		}
		tokens := 0
		// A dataset that cannot be opened is said with its place when the plan opens it.
		if set, err := s.sets.open(ctx, c.Dataset); err == nil {
			tokens = int(float64(set.PromptP95Chars()) / charsPerToken)
		}
		return predict(c, tokens)
	}
}

// datasets opens each dataset once.
type datasets struct {
	mu   sync.Mutex
	sets map[string]*dataset.Set
	errs map[string]error
}

func newDatasets() *datasets {
	return &datasets{sets: map[string]*dataset.Set{}, errs: map[string]error{}}
}

func (d *datasets) open(ctx context.Context, what *experiments.Dataset) (*dataset.Set, error) {
	key := fmt.Sprintf("%+v", *what)
	if what.Synthetic != nil {
		key += fmt.Sprintf("%+v", *what.Synthetic)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.errs[key]; err != nil {
		return nil, err
	}
	if set := d.sets[key]; set != nil {
		return set, nil
	}
	set, err := dataset.Open(ctx, what)
	if err != nil {
		d.errs[key] = err
		return nil, err
	}
	d.sets[key] = set
	return set, nil
}

func (d *datasets) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, set := range d.sets {
		_ = set.Close() // read-only
	}
}

// plans makes the plan of every experiment in the files.
func (s *session) plans(ctx context.Context) ([]*runner.Plan, error) {
	defer s.app.watchHashing()()
	var plans []*runner.Plan
	for _, e := range s.config.Experiments {
		p, err := runner.Make(ctx, s.world, e.Name, s.cells[e.Name], s.filter)
		if err != nil {
			return nil, explainFault(err)
		}
		s.nameVariables(p)
		plans = append(plans, p)
	}
	return plans, nil
}

// explainFault adds the dataset's own advice to its error, to each of several.
func explainFault(err error) error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range several.Unwrap() {
			all = append(all, explainFault(one))
		}
		return errors.Join(all...)
	}
	var fault *dataset.Error
	if errors.As(err, &fault) && fault.Hint != "" {
		return hinted{err: err, hint: fault.Hint}
	}
	var foreign *results.ForeignError
	if errors.As(err, &foreign) {
		return hinted{err: err, hint: "Give the experiment another name, or --results another folder."}
	}
	if errors.Is(err, os.ErrPermission) {
		return notWritable(err)
	}
	return err
}

// notWritable adds what to do about a results folder that takes nothing.
func notWritable(err error) error {
	return hinted{err: err, hint: "Give --results a folder that you can write to."}
}
