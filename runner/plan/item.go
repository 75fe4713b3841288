package plan

import (
	"context"
	"fmt"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/record"
	"matrix/results/store"
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
	Cell     *cell.Cell
	Identity cell.Identity
	State    State
	Reasons  []Reason // empty when nothing is to be done
	Detail   string   // one line: "2 of 2 launches: engine died (CUDA out of memory)", "interrupted after 37,000 of 50,000 requests"
	Changes  []cell.Change
	Launches []int          // numbers of the launches to run, 1-based
	Done     int            // launches that are complete
	Missing  error          // what the machine lacks for it (Unavailable)
	WaitsFor string         // label of the hardware that the machine is not: another one's cell; "" = none
	Notes    []string       // "not downloaded, 8.6 GB"
	Data     []string       // how its dataset was read, and what was left out: "8 of 18 conversations left out"
	Estimate *time.Duration // of all its pending launches; nil = unknown
	// EstimateFrom says what the estimate is made of: FromHistory, FromBandwidth; "" without one.
	EstimateFrom string
	// ValidPerHour are the answers that can be used in an hour of measuring, by past launches of the same settings; nil = none
	// of them tells.
	ValidPerHour *float64
	Resume       string // attempt that goes on, "" = none
	Server       string // equal for cells that share one; "" = its own
}

// Pending reports whether apply would run it.
func (i *Item) Pending() bool { return len(i.Launches) > 0 }

// Plan is what apply would do, in the order in which it would do it.
type Plan struct {
	Experiment string
	Items      []*Item // in source order
	Order      []Step  // pending launches, in the order in which they run
	Seed       int64
	Estimate   *time.Duration // nil = unknown
	// EstimateLow and EstimateHigh hold it with 90%; nil where it is unknown.
	EstimateLow, EstimateHigh *time.Duration
	Rests                     string   // what the estimate rests on: "from 8 past launches"
	Primings                  []*Item  // items whose engine is started once unmeasured, before their first launch or that of a like one
	Sharing                   *Sharing // what sharing servers would save; nil = nothing worth it
	Simulated                 bool     // every pending cell is simulated
	Filter                    Filter   // what it was narrowed by
	Unlike                    []string // platforms that are not asked alike, and what the report will say to that

	cells addresses // nil: not known, and what was measured is anybody's
}

// LaunchStep is one launch of one item.
type Step struct {
	Item   *Item
	Launch int
}

// World is what plan and apply need of the program.
type World struct {
	Backends map[string]backends.Backend // by backend name
	Store    *store.Store
	Datasets func(context.Context, *cell.Dataset) (*dataset.Set, error) // opened once each
	Machine  record.Machine
	Version  string // of matrix
}

// Sharing is what isolation.server = "group" would save.
type Sharing struct {
	Cells, Servers int // so many cells could share so many servers, started anew for each launch
	Saves          time.Duration
}

// String says what sharing servers would save.
func (s Sharing) String() string {
	servers := "1 server"
	if s.Servers > 1 {
		servers = fmt.Sprintf("%d servers", s.Servers)
	}
	return fmt.Sprintf("%d of these cells could share %s and save about %s", s.Cells, servers, s.Saves.Round(time.Minute))
}
