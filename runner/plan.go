package runner

import (
	"context"
	"time"

	"matrix/backends"
	"matrix/experiments"
	"matrix/experiments/dataset"
	"matrix/results"
)

// State is where a cell stands, one mark of the grid each.
type State string

// The closed list of states.
const (
	Done        State = "done"        // ✓
	New         State = "new"         // +
	Stale       State = "stale"       // ~
	Partial     State = "partial"     // ~ some launches are missing
	FailedState State = "failed"      // ! engine failed or censored: evidence, not run again
	Infeasible  State = "infeasible"  // ✗
	Excluded    State = "excluded"    // ·
	Unavailable State = "unavailable" // ? pending, but this machine lacks what it needs
)

// Reason says why a cell is pending; the list is closed and the same in text and JSON.
type Reason string

// The closed list of reasons.
const (
	ReasonNew               Reason = "new"
	ReasonIncomplete        Reason = "incomplete"
	ReasonEnvironmentFailed Reason = "environment_failed"
	ReasonInterrupted       Reason = "interrupted"
	ReasonSpec              Reason = "spec_changed"
	ReasonDataset           Reason = "dataset_changed"
	ReasonModel             Reason = "model_changed"
	ReasonBackend           Reason = "backend_changed"
	ReasonHardware          Reason = "hardware_changed"
	ReasonMissing           Reason = "result_missing"
	ReasonCorrupt           Reason = "result_corrupt"
	ReasonUnverified        Reason = "unverified"
	ReasonTainted           Reason = "tainted"
	ReasonRequested         Reason = "requested"
)

// Item is one cell in a plan.
type Item struct {
	Cell     *experiments.Cell
	Identity experiments.Identity
	State    State
	Reasons  []Reason // empty when nothing is to be done
	Detail   string   // one line: "2 of 2 launches: engine died (CUDA out of memory)", "interrupted after 37,000 of 50,000 requests"
	Changes  []experiments.Change
	Launches []int          // numbers of the launches to run, 1-based
	Done     int            // launches that are complete
	Missing  error          // what the machine lacks for it (Unavailable)
	Notes    []string       // "not downloaded, 8.6 GB"
	Estimate *time.Duration // of all its pending launches; nil = unknown
	Resume   string         // attempt that goes on, "" = none
}

// Pending reports whether apply would run it.
func (i *Item) Pending() bool { return len(i.Launches) > 0 }

// Plan is what apply would do, in the order in which it would do it.
type Plan struct {
	Experiment string
	Items      []*Item      // in source order
	Order      []LaunchStep // pending launches, in the order in which they run
	Seed       int64
	Estimate   *time.Duration // nil = unknown
	Rests      string         // what the estimate rests on: "8 past launches; ± 40%"
	Simulated  bool           // every pending cell is simulated
}

// LaunchStep is one launch of one item.
type LaunchStep struct {
	Item   *Item
	Launch int
}

// Filter narrows a plan. Each string is axis=glob.
type Filter struct {
	Only, Except []string
	Replace      []string // selectors of cells that run again: reason requested
	Rerun        []string // failed, censored, spec, dataset, model, backend, hardware, all
}

// World is what plan and apply need of the program.
type World struct {
	Backends map[string]backends.Backend // by backend name
	Store    *results.Store
	Datasets func(context.Context, *experiments.Dataset) (*dataset.Set, error) // opened once each
	Machine  results.Machine
	Version  string // of matrix
}

// Make holds an experiment's cells against the history.
func Make(ctx context.Context, w World, experiment string, cells []*experiments.Cell, f Filter) (*Plan, error) {
	return nil, nil
}
