// Package decision says which platform to choose: it ranks the contenders of a model by weighted criteria, tells how
// sure that is and what would change it. It reads no file and prints nothing: a Result is plain data, every number in
// it with the metric, cell, attempts, scale and weight that it came from. docs/decision.md has the formulas.
package decision

// Result is a whole decision.
type Result struct {
	Decision string    `json:"decision"` // label of the decision block, "" = the default weights
	Weights  []Weight  `json:"weights"`  // as given
	Groups   []Group   `json:"groups"`   // one a model, precision, workload and machine; by model
	Prices   []Price   `json:"prices"`   // between groups that differ in model or precision
	LeftOut  []Finding `json:"left_out"` // cells that take no part
	Method   string    `json:"method"`   // how the intervals were found, in words
}

// Group is what may be ranked against each other: one model at one precision, the same prompts and limits, the same
// machine.
type Group struct {
	Model       string       `json:"model"`
	Precision   string       `json:"precision"` // "16-bit", "4-bit", … ; "" = nobody told
	Workload    string       `json:"workload"`  // the axes that set it apart from other groups of the model, "" = none
	Sizes       []int64      `json:"sizes"`     // batch sizes with any evidence, ascending
	Overall     Ranking      `json:"overall"`
	BySize      []Ranking    `json:"by_size"` // as Sizes
	Answer      Answer       `json:"answer"`
	Projections []Projection `json:"projections"`
	Missing     []Missing    `json:"missing"`
	Findings    []Finding    `json:"findings"` // unlike, censored, imported, segmented, leaks
}

// Ranking is the order of a group's contenders, for one batch size or overall.
type Ranking struct {
	BatchSize   int64      `json:"batch_size"` // requests; 0 = overall
	Weights     []Weight   `json:"weights"`    // as used: what nobody could be scored on is left out
	Standings   []Standing `json:"standings"`  // best first; those without a rank last
	Dropped     []Dropped  `json:"dropped"`
	Lead        *Lead      `json:"lead"`        // of the first over the second; nil with fewer than two
	Sensitivity []Flip     `json:"sensitivity"` // how far each weight must move to change who is first
}

// Weight is a criterion's weight.
type Weight struct {
	Criterion string  `json:"criterion"`
	Given     float64 `json:"given"` // as declared, in any unit
	Share     float64 `json:"share"` // of all that is scored, 0–1; 0 = dropped
}

// Standing is one contender in a ranking.
type Standing struct {
	Contender    string        `json:"contender"` // platform, with the settings that tell it from others of that platform
	Platform     string        `json:"platform"`
	Rank         int           `json:"rank"` // 1 = best; 0 = not ranked
	Why          string        `json:"why"`  // why it is not ranked
	Score        *float64      `json:"score"`
	Low          *float64      `json:"low"` // of the score's 95% interval; nil where a launch stands alone
	High         *float64      `json:"high"`
	First        *float64      `json:"first"` // share of the resamples in which it comes first; nil as above
	Criteria     []Criterion   `json:"criteria"`
	Requirements []Requirement `json:"requirements"`
	Launches     int           `json:"launches"` // the fewest behind a rate in the score
	Imported     bool          `json:"imported"`
}

// Criterion is a contender's score in one criterion.
type Criterion struct {
	Name    string   `json:"name"`
	Share   float64  `json:"share"` // weight as used, 0–1
	Score   *float64 `json:"score"` // 0–1; nil = dropped for all
	Metrics []Metric `json:"metrics"`
}

// Metric is one measured figure and what became of it.
type Metric struct {
	Name         string   `json:"name"`
	Unit         string   `json:"unit"`
	Formula      string   `json:"formula"`
	Value        *float64 `json:"value"` // nil: not to be had, or several batch sizes (see Parts)
	Low          *float64 `json:"low"`   // smallest and largest over the launches
	High         *float64 `json:"high"`
	N            int      `json:"n"` // launches
	Best         *float64 `json:"best"`
	Scale        string   `json:"scale"`        // how Value became Score
	Score        *float64 `json:"score"`        // 0–1
	Share        float64  `json:"share"`        // within the criterion, 0–1; 0 = dropped
	Contribution float64  `json:"contribution"` // to the contender's score: Score × Share × the criterion's share
	Note         string   `json:"note"`
	Parts        []Metric `json:"parts"` // overall: the same metric at each batch size, whose mean this is
	Sources      []Source `json:"sources"`
}

// Source is a cell behind a number.
type Source struct {
	Cell      string   `json:"cell"` // its folder
	Name      string   `json:"name"` // platform/model/batch size …
	BatchSize int64    `json:"batch_size"`
	Attempts  []string `json:"attempts"` // ULIDs, by launch
}

// Dropped is a metric that nobody is scored on, because somebody lacks it.
type Dropped struct {
	Criterion string   `json:"criterion"`
	Metric    string   `json:"metric"`
	Lacking   []string `json:"lacking"` // contenders
	Why       string   `json:"why"`
}

// Requirement is a threshold of the decision block held against a contender.
type Requirement struct {
	Metric string   `json:"metric"`
	Bound  float64  `json:"bound"`
	Goal   string   `json:"goal"`  // "min": at most the bound; "max": at least
	Value  *float64 `json:"value"` // what is held against it: for a success rate its 95% lower bound
	Status string   `json:"status"`
	Note   string   `json:"note"`
}

// Statuses of a requirement.
const (
	Met      = "met"
	Unmet    = "unmet"
	NotShown = "not shown" // the figure is not there, or too few requests to show it
)

// Lead is the distance between the first two.
type Lead struct {
	First        string   `json:"first"`
	Second       string   `json:"second"`
	Score        float64  `json:"score"`         // difference of the scores
	Rate         *float64 `json:"rate"`          // ratio of their evaluations per hour
	Sure         *float64 `json:"sure"`          // share of resamples in which the first stays ahead; nil with a lone launch
	LaunchSpread *float64 `json:"launch_spread"` // largest / smallest rate − 1 between identical launches; nil = never measured
	SpreadCell   string   `json:"spread_cell"`   // where
	Level        bool     `json:"level"`         // within what launches differ by: not told apart
	Words        string   `json:"words"`
}

// Flip is the nearest weight at which another contender comes first, the other weights as they are.
type Flip struct {
	Criterion string   `json:"criterion"`
	Weight    float64  `json:"weight"` // now, as given
	Lower     *float64 `json:"lower"`  // at or below it LowerTo is first; nil = no weight down to 0 does it
	LowerTo   string   `json:"lower_to"`
	Raise     *float64 `json:"raise"` // at or above it RaiseTo is first; nil = no weight however large does it
	RaiseTo   string   `json:"raise_to"`
}

// Kinds of an answer.
const (
	Winner    = "winner"    // one contender for every batch size
	Hybrid    = "hybrid"    // another one from some batch size on
	Undecided = "undecided" // cells are missing, or launches
	Level     = "level"     // measured enough, and no difference
	Nobody    = "nobody"    // none meets what is required
)

// Answer is what a group's rankings come down to.
type Answer struct {
	Kind      string    `json:"kind"`
	Contender string    `json:"contender"` // of a winner; the overall first of a hybrid
	Ranges    []Range   `json:"ranges"`    // of a hybrid
	Sentences []string  `json:"sentences"` // the answer and how sure it is
	Missing   []Missing `json:"missing"`   // undecided: what to run
}

// Range is a stretch of batch sizes with one winner.
type Range struct {
	Contender string   `json:"contender"`
	From      int64    `json:"from"` // smallest and largest batch size measured
	To        int64    `json:"to"`
	BreakEven *float64 `json:"break_even"` // requests at which the next range's contender takes over: interpolated, not measured
}

// Missing is evidence that would decide more.
type Missing struct {
	Contender string   `json:"contender"`
	What      string   `json:"what"`    // in words
	Only      []string `json:"only"`    // axis=value selectors of the cells
	Command   string   `json:"command"` // what to type
	Decides   bool     `json:"decides"` // without it there is no answer
}

// Finding is something to know before believing a ranking.
type Finding struct {
	Kind      string `json:"kind"`      // unlike, censored, failed, imported, segmented, simulated, leak, latency, uneven
	Contender string `json:"contender"` // "" = several
	Cell      string `json:"cell"`      // folder, "" = none in particular
	Text      string `json:"text"`
}

// Projection is how long a batch would take that nobody ran.
type Projection struct {
	Contender string   `json:"contender"`
	Requests  int64    `json:"requests"`
	Seconds   float64  `json:"seconds"`   // load_s + requests / rate
	LoadS     *float64 `json:"load_s"`    // s; nil = not known, then Seconds has none
	Rate      float64  `json:"rate"`      // requests/s
	FromSize  int64    `json:"from_size"` // the largest batch that was measured
	Low       *float64 `json:"low"`       // s, over the launches
	High      *float64 `json:"high"`
	Source    Source   `json:"source"`
}

// Price is what one group's best costs against another's: quality, time, memory. The choice is the reader's.
type Price struct {
	From       string      `json:"from"` // model, precision
	To         string      `json:"to"`
	FromBest   string      `json:"from_best"` // contender
	ToBest     string      `json:"to_best"`
	BatchSize  int64       `json:"batch_size"` // at which the ratios were taken
	Quality    *Difference `json:"quality"`    // To − From; nil = not measured
	Throughput *float64    `json:"throughput"` // evaluations per hour, To / From
	Weights    *float64    `json:"weights"`    // bytes of weights, To / From
	Memory     *float64    `json:"memory"`     // bytes in use on the GPU, To / From
	Words      string      `json:"words"`
}

// Difference is a change in a quality measure with its 95% interval.
type Difference struct {
	Measure string  `json:"measure"` // "accuracy", "judge's preference" …
	Value   float64 `json:"value"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	N       int     `json:"n"` // prompts
}
