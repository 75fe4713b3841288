package ndjson

import (
	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// Skip says why a cell will not run at all.
type Skip struct {
	Kind   string `json:"kind"` // excluded, infeasible
	Reason string `json:"reason"`
	Place  string `json:"place"` // file:line
}

// PlannedCell is one cell of a plan, pending or not.
type PlannedCell struct {
	Experiment   string            `json:"experiment"`
	Cell         string            `json:"cell"` // 16 digits of the address
	Slug         string            `json:"slug"` // its folder below the experiment's
	Name         string            `json:"name"`
	Axes         map[string]string `json:"axes"`
	State        string            `json:"state"` // done, new, stale, partial, failed, infeasible, excluded, unavailable
	Reasons      []string          `json:"reasons"`
	Detail       string            `json:"detail,omitempty"`
	Launches     []int             `json:"launches"` // numbers of those that are pending
	Done         int               `json:"done"`     // launches that count
	Changes      []cell.Change     `json:"changes"`
	Resume       string            `json:"resume,omitempty"` // the attempt that goes on
	Skip         *Skip             `json:"skip,omitempty"`
	Missing      string            `json:"missing,omitempty"`    // what this machine lacks for it
	WaitsFor     string            `json:"waits_for,omitempty"`  // hardware that this machine is not
	EstimateS    *float64          `json:"estimate_s,omitempty"` // of all its pending launches
	EstimateFrom string            `json:"estimate_from,omitempty"`
	ValidPerHour *float64          `json:"valid_evaluations_per_hour,omitempty"` // by past launches of the same settings
}

func (PlannedCell) Type() string { return "planned_cell" }

// Sharing is what cells could share.
type Sharing struct {
	Cells   int     `json:"cells"`
	Servers int     `json:"servers"`
	SavesS  float64 `json:"saves_s"`
}

// PlanSummary follows the cells of an experiment.
type PlanSummary struct {
	Experiment    string   `json:"experiment"`
	Cells         int      `json:"cells"`
	Launches      int      `json:"launches"` // pending
	Seed          int64    `json:"seed"`
	EstimateS     *float64 `json:"estimate_s"`
	EstimateLowS  *float64 `json:"estimate_low_s,omitempty"` // 90%
	EstimateHighS *float64 `json:"estimate_high_s,omitempty"`
	RestsOn       string   `json:"rests_on"`           // what the estimate goes by
	Primings      int      `json:"primings,omitempty"` // unmeasured starts that come first
	Sharing       *Sharing `json:"sharing,omitempty"`
	Notes         []string `json:"notes"` // of how datasets were read, and which platforms are not asked alike
}

func (PlanSummary) Type() string { return "plan_summary" }

// Fit is the memory prediction; null where nothing is predicted.
type Fit struct {
	WeightsGiB       *float64 `json:"weights_gib"`
	KVGiBPerSequence *float64 `json:"kv_gib_per_sequence"`
	OverheadGiB      *float64 `json:"overhead_gib"`
	NeedGiB          *float64 `json:"need_gib"`
	BudgetGiB        *float64 `json:"budget_gib"`
	MaxSequences     *float64 `json:"max_sequences"`
	KVTokens         *float64 `json:"kv_tokens"`
	Lines            []string `json:"lines"` // the sum, line by line
	Source           string   `json:"source"`
}

// Explanation is all that decides whether a cell runs.
type Explanation struct {
	Experiment string           `json:"experiment"`
	Cell       string           `json:"cell"`
	Address    string           `json:"address"`
	Slug       string           `json:"slug"`
	Name       string           `json:"name"`
	Place      string           `json:"place"`
	State      string           `json:"state"`
	Reasons    []string         `json:"reasons"`
	Detail     string           `json:"detail"`
	Launches   []int            `json:"launches"`
	Done       int              `json:"done"`
	EstimateS  *float64         `json:"estimate_s,omitempty"`
	Missing    string           `json:"missing,omitempty"`
	Against    []Skip           `json:"against"` // each thing that keeps it from running
	Changes    []cell.Change    `json:"changes"`
	Rules      []grid.Judged    `json:"rules"`
	Notes      []string         `json:"notes"`
	Fit        Fit              `json:"fit"`
	Identity   string           `json:"identity"` // "" for a cell that will not run
	Attributes []cell.Attribute `json:"attributes"`
}

func (Explanation) Type() string { return "explanation" }

// Graph is what the files declare and what refers to what.
type Graph struct {
	Nodes []lang.GraphNode `json:"nodes"`
	Edges []lang.GraphEdge `json:"edges"`
}

func (Graph) Type() string { return "graph" }

// Value is what an expression comes to.
type Value struct {
	Expression string `json:"expression"`
	Value      any    `json:"value"`
}

func (Value) Type() string { return "value" }

// Validated says that files and datasets hold no mistake.
type Validated struct {
	Experiments int      `json:"experiments"`
	Cells       int      `json:"cells"`
	Notes       []string `json:"notes"`
}

func (Validated) Type() string { return "validated" }
