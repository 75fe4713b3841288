package ndjson

import "time"

import "matrix/results/decision"

// Report is a report that was made. The answers come before it: docs/report.schema.json.
type Report struct {
	Experiments []string `json:"experiments"`
	Files       []string `json:"files"`
	Title       string   `json:"title"`
	Simulated   bool     `json:"simulated"`
	Answer      []string `json:"answer"` // in words
}

func (Report) Type() string { return "report" }

// Score is one factor of a score, as matrix report --explain has it; docs/report.schema.json describes it.
type Score struct {
	Group     decision.Name `json:"group"`
	Requests  int64         `json:"requests"`
	Platform  string        `json:"platform"`
	Rank      int           `json:"rank"`
	Score     *float64      `json:"score"` // 0–100
	Criterion string        `json:"criterion"`
	Metric    string        `json:"metric"`
	Unit      string        `json:"unit"`
	Formula   string        `json:"formula"`
	Value     float64       `json:"value"`
	Best      float64       `json:"best"`
	Weight    float64       `json:"weight"` // 0–1
	Factor    float64       `json:"factor"` // (best / value)^weight
	Launches  int           `json:"launches"`
	Cells     []string      `json:"cells"` // folders
	Attempts  []string      `json:"attempts"`
}

func (Score) Type() string { return "score" }

// Estimate is a median over launches with its interval.
type Estimate struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Method string  `json:"method"`
	Level  float64 `json:"level"` // confidence; 0: none (one launch, a range)
}

// Difference is what is unlike between two cells.
type Difference struct {
	Aspect string `json:"Aspect"`
	A      string `json:"A"`
	B      string `json:"B"`
}

// Comparison is one metric of one pair of cells.
type Comparison struct {
	Pair      string       `json:"pair"`
	Metric    string       `json:"metric"`
	Unit      string       `json:"unit"`
	CellA     string       `json:"cell_a"`
	CellB     string       `json:"cell_b"`
	A         *Estimate    `json:"a"`
	B         *Estimate    `json:"b"`
	Ratio     *Estimate    `json:"ratio"` // B over A
	P         *float64     `json:"p"`
	Unlike    []Difference `json:"unlike"`
	Notes     []string     `json:"notes"`
	Simulated bool         `json:"simulated"`
}

func (Comparison) Type() string { return "comparison" }

// Geomean is the geometric mean of a metric's ratios.
type Geomean struct {
	Metric    string  `json:"metric"`
	Ratio     float64 `json:"ratio"`
	Pairs     int     `json:"pairs"`
	Simulated bool    `json:"simulated"`
}

func (Geomean) Type() string { return "geomean" }

// Gate is what one pair shows of how far a metric may move.
type Gate struct {
	Pair    string    `json:"pair"`
	Metric  string    `json:"metric"`
	Change  float64   `json:"change"`  // −0.05: it may fall by 5%
	Ratio   *Estimate `json:"ratio"`   // B over A
	Verdict string    `json:"verdict"` // holds, broken, not shown
}

func (Gate) Type() string { return "gate" }

// Era is a cell's launches of one identity: what was measured between two changes.
type Era struct {
	Experiment string       `json:"experiment"`
	Cell       string       `json:"cell"`
	Identity   string       `json:"identity"`
	Metric     string       `json:"metric"`
	Unit       string       `json:"unit"`
	From       time.Time    `json:"from"` // beginning of its first launch
	To         time.Time    `json:"to"`   // end of its last
	Engine     string       `json:"engine"`
	Version    string       `json:"engine_version"`
	Driver     string       `json:"gpu_driver"`
	Value      *Estimate    `json:"value"`
	Ratio      *Estimate    `json:"ratio"`   // over the era before
	Changed    []Difference `json:"changed"` // since the era before
	Disturbed  string       `json:"disturbed,omitempty"`
	Simulated  bool         `json:"simulated"`
}

func (Era) Type() string { return "era" }

// Unpaired is a cell without a partner.
type Unpaired struct {
	Side string `json:"side"` // a, b
	Cell string `json:"cell"`
}

func (Unpaired) Type() string { return "unpaired" }

// Judgement is how a model judged the answers of two cells.
type Judgement struct {
	A          string   `json:"a"`
	B          string   `json:"b"`
	Model      string   `json:"model"`
	Prompts    int      `json:"prompts"`
	WinsA      int      `json:"wins_a"`
	WinsB      int      `json:"wins_b"`
	Ties       int      `json:"ties"`
	Turned     int      `json:"turned"` // ties in which the verdict turned with the order
	Unclear    int      `json:"unclear"`
	Alike      int      `json:"alike"` // ties that were not asked about
	File       string   `json:"file"`
	PreferredB *float64 `json:"preferred_b,omitempty"` // share of the decided ones
	Low95      *float64 `json:"low95,omitempty"`
	High95     *float64 `json:"high95,omitempty"`
}

func (Judgement) Type() string { return "judgement" }

// Recipe is the script that starts a cell's engine without matrix.
type Recipe struct {
	Experiment string `json:"experiment"`
	Cell       string `json:"cell"`
	Name       string `json:"name"`
	Script     string `json:"script"`
}

func (Recipe) Type() string { return "recipe" }
