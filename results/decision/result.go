// Package decision says which platform to choose for a number of requests, how long that takes, how sure it is and what
// would change it. It reads no file but through package summary and prints nothing: a Result is plain data, every number
// in it with the metric, cell, attempts and weight that it came from. docs/decision.md has the formulas.
package decision

import (
	"slices"
	"strings"

	"matrix/results/format"
	"matrix/results/summary"
)

// Result is a whole decision.
type Result struct {
	Decision string    // label of the decision block, "" = the default weights
	Weights  []Weight  // as given
	Requests []int64   // asked about, ascending
	Currency string    // "" = not said
	Groups   []Group   // one a model, precision, workload and machine; by model
	Prices   []Price   // between groups that differ in model or precision
	LeftOut  []Finding // cells that take no part

	Simulated bool // no real engine ran in any cell: the form of an answer, and none
}

// Name is what a group's cells share.
type Name struct {
	Model     string `json:"model"`
	Precision string `json:"precision"` // "16-bit", "4-bit", … ; "" = nobody told
	Workload  string `json:"workload"`  // what sets it apart from other groups of the model, "" = nothing
}

// Group is what may be ranked against each other: one model at one precision, the same prompts and limits, the same
// machine.
type Group struct {
	Name
	Sizes     []int64         // batch sizes with any evidence, ascending
	Questions []Question      // one a number of requests asked about, ascending
	Checks    []summary.Check // over all launches of the group
	Findings  []Finding       // failed, censored, imported
	Simulated bool            // no real engine ran

	curves func() []Curve
}

// Curves are the finish times of the contenders over numbers of requests, for a chart: those that are in, best first.
func (g Group) Curves() []Curve {
	if g.curves == nil {
		return nil
	}
	return g.curves()
}

// Curve is T of one contender over numbers of requests, ascending.
type Curve struct {
	Contender string
	Points    []CurvePoint
}

// CurvePoint is one number of requests.
type CurvePoint struct {
	Requests int64
	Time
}

// Question is a number of requests: the answer, and what it rests on.
type Question struct {
	Answer
	Standings []Standing // best first; those that are out last
	Dropped   []Dropped
	Weights   []Weight // as used
	Flips     []Flip
	Change    string // what would turn the answer, in a few words: "about 12,000 requests or more"; "" = nothing that is known

	turn   *turn
	told   int    // sentences before those of what is missing
	how    string // what ends the first sentence of a lead that is not shown: how it could turn
	from   string // what the first sentence begins with, where figures were imported; "" = nothing
	either bool   // any of several may be taken alike
	far    string // the sentence that says how far beyond what was run it lies, "" = it does not
}

// Verdicts, the closed list.
const (
	Winner        = "winner"         // the first's lead is shown
	Provisional   = "provisional"    // one leads, and these launches do not show it
	Tie           = "tie"            // equal in time: the other criteria decide
	Hybrid        = "hybrid"         // the order turns within the numbers asked about, and both sides are shown
	NotComparable = "not_comparable" // a red check stands between those that lead
	Undecided     = "undecided"      // something is missing
	Nobody        = "nobody"         // none came through, or none meets what is required
)

// Answer is the record that `matrix report --json` prints for a group and a number of requests; docs/report.schema.json
// describes it.
type Answer struct {
	Type        string    `json:"type"`      // "answer"
	Simulated   bool      `json:"simulated"` // no real engine ran: it tells nothing of any
	Group       Name      `json:"group"`
	Requests    int64     `json:"requests"`
	Counts      string    `json:"counts"` // what requests is a number of: requests, or valid evaluations where a form of the answers was asked for or not all can be used
	Verdict     string    `json:"verdict"`
	Platform    *string   `json:"platform"` // chosen, or leading where nothing is decided; nil = none
	Seconds     *float64  `json:"seconds"`  // T(requests), load included
	SecondsLow  *float64  `json:"seconds_low"`
	SecondsHigh *float64  `json:"seconds_high"` // 95% of single runs end between the two; nil: see Time.Interval
	Cost        *float64  `json:"cost"`         // of the batch; nil without a price
	ValidShare  *float64  `json:"valid_share"`  // of the platform's answers, those that can be used; nil = nobody looked
	Among       []string  `json:"among"`        // all of a tie, or between whom the weights do not tell, the platform first; empty = it alone
	RunnerUp    *string   `json:"runner_up"`
	Ratio       *float64  `json:"ratio"` // T of the runner-up / T of the platform
	RatioLow    *float64  `json:"ratio_low"`
	RatioHigh   *float64  `json:"ratio_high"` // 95% interval; nil where launches do not tell it
	Score       *float64  `json:"score"`      // 0–100
	Checks      []Check   `json:"checks"`
	Missing     []Missing `json:"missing"`
	Sentences   []string  `json:"sentences"` // first minutes and money, then how sure, then what would change it
}

// Check is one line of the validity table.
type Check struct {
	Check string   `json:"check"`
	Level string   `json:"level"` // red, amber, green
	Cells []string `json:"cells"` // experiment/folder
	Text  string   `json:"text"`
}

// Asked is what the answer is for: "5,000 valid evaluations".
func (a Answer) Asked() string { return format.Count(a.Requests, strings.TrimSuffix(a.Counts, "s")) }

// Missing is evidence that would decide more.
type Missing struct {
	Text    string `json:"text"`
	Command string `json:"command"` // what to type; "" = the declaration has to be changed first, as Text says
}

// Need is evidence to be measured, before it is a command.
type Need struct {
	Text     string
	Only     []string // axis=value selectors of the cells; nil beside a Text = no command does it
	Launches int      // so many of each in all; 0 = as declared
	Declare  string   // what to change in the experiment where no command does it; "" = nothing
	Rerun    string   // ends that run again: "failed,censored"; "" = none
}

// Weight is a criterion's weight.
type Weight struct {
	Criterion string
	Given     float64 // as declared, in any unit
	Share     float64 // of all that is scored, 0–1; 0 = dropped
}

// Standing is one contender and a number of requests.
type Standing struct {
	Contender    string // platform, with the settings that tell it from others of that platform
	Platform     string
	Rank         int    // 1 = best; 0 = out
	Why          string // why it is out
	Score        *float64
	Time         *Time
	Lines        []Line // the score, factor by factor
	Requirements []Requirement
	Launches     int // complete
	Imported     bool
	Answered     int64    // of Planned, whatever the answer is worth
	Planned      int64    // requests over all attempts that tell of so many, retries of a launch included
	MemoryBytes  *float64 // weights + KV cache in use on the GPU; nil = not told
	EnergyEachJ  *float64 // GPU energy of one evaluation; nil = not told
	Usable       *float64 // share of the answers that can be used; nil = nobody looked
	Sources      []Source
}

// Time is how long a number of requests takes, and what it costs.
type Time struct {
	Seconds, Low, High float64  // T: load + measured phase; 95% of single runs
	LoadS              float64  // s, in Seconds; 0 where it is left out or nothing is loaded
	LoadKnown          bool     // false: left out
	LoadLike           bool     // of like launches: these cells recorded none
	FirstS             *float64 // T of the first start, which is cold; nil = none recorded
	FirstLoadS         *float64
	Measured           bool // that many were measured
	Assumed            bool // the interval rests on what is usual: no launch was repeated
	EnergyJ            *float64
	EnergyLoad         bool // the load is in EnergyJ
	Cost               *float64
	CostPer1000        *float64 // evaluations
	CostPerMTokens     *float64 // output tokens
}

// Interval is what 95% of single runs stay within, to be drawn; nil where it rests on an assumption, or tells nothing: it would
// claim a certainty that nobody measured.
func (t Time) Interval() (low, high *float64) {
	if t.Assumed || !format.Tells(t.Low, t.High) {
		return nil, nil
	}
	return &t.Low, &t.High
}

// Line is one factor of a score: (best/value)^weight.
type Line struct {
	Criterion string
	Metric    string
	Unit      string
	Formula   string
	Value     float64
	Best      float64
	Weight    float64 // of all that is scored, 0–1
	Factor    float64 // the score is 100 × their product
	Launches  int
	Sources   []Source
}

// Source is a cell behind a number.
type Source struct {
	Cell      string // its folder
	Name      string // platform/model/batch size …
	BatchSize int64
	Attempts  []string // ULIDs, by launch
}

// Dropped is a metric that nobody is scored on, because somebody lacks it.
type Dropped struct {
	Criterion, Metric string
	Lacking           []string // contenders
	Why               string
}

// Requirement is a threshold held against a contender.
type Requirement struct {
	Metric  string
	Bound   float64
	Goal    string   // "min": at most the bound; "max": at least
	Value   *float64 // what is held against it: for a success rate asked for, its 95% lower bound
	Status  string
	Note    string
	Default bool // nobody asked: the bar that holds where the decision names no success_rate
}

// Statuses of a requirement.
const (
	Met      = "met"
	Unmet    = "unmet"
	NotShown = "not shown" // the figure is not there, or too few requests to show it
)

// Flip is the nearest weight at which another contender comes first, the other weights as they are.
type Flip struct {
	Criterion string
	Weight    float64  // now, as given
	Lower     *float64 // at or below it LowerTo is first; nil = no weight down to 0 does it
	LowerTo   string
	Raise     *float64 // at or above it RaiseTo is first; nil = no weight however large does it
	RaiseTo   string
}

// Finding is something to know before believing a ranking.
type Finding struct {
	Kind      string // failed, censored, imported, leak, simulated, stopped, damaged
	Contender string // "" = several
	Cell      string // folder, "" = none in particular
	Text      string
}

// Price is what one group's best costs against another's: quality, time, memory. The choice is the reader's.
type Price struct {
	From, To         string // model, precision
	FromBest, ToBest string // contenders
	Requests         int64  // for which the times were taken
	Quality          *Difference
	Seconds          *float64 // T, To / From
	Weights          *float64 // bytes of weights, To / From
	Memory           *float64 // bytes in use on the GPU, To / From
	Words            string
}

// Difference is a change in a quality measure with its 95% interval.
type Difference struct {
	Measure          string // "accuracy", "judge's preference" …
	Value, Low, High float64
	N                int // prompts
}

// turn is the number of requests at which the order of the two that lead turns.
type turn struct {
	at    float64
	above bool // the second is first above it, not below
}

// leak is the kind of finding that belongs into the answer: a large batch may not come through.
const leak = "leak"

func (q *Question) standing(contender string) *Standing {
	return &q.Standings[slices.IndexFunc(q.Standings, func(s Standing) bool { return s.Contender == contender })]
}
