package ndjson

import "time"

// Event is one thing that happened during an apply; Kind is its type.
type Event struct {
	Kind        string              `json:"-"` // launch_start, launch_phase, …: EventKinds
	At          time.Time           `json:"at"`
	Step        int                 `json:"step"` // 1-based, of Steps
	Steps       int                 `json:"steps"`
	Cell        string              `json:"cell,omitempty"`
	Name        string              `json:"name,omitempty"`
	Launch      int                 `json:"launch,omitempty"`
	Attempt     string              `json:"attempt,omitempty"`
	Phase       string              `json:"phase,omitempty"` // drain, load, warmup, measure, stop, or a part of the load that has ended
	Part        string              `json:"part,omitempty"`  // of the load, that begins or runs
	TookS       float64             `json:"took_s,omitempty"`
	ElapsedS    float64             `json:"elapsed_s,omitempty"`
	LimitS      float64             `json:"limit_s,omitempty"`
	Message     string              `json:"message,omitempty"`
	Status      string              `json:"status,omitempty"`
	LogTail     string              `json:"log_tail,omitempty"`
	Progress    *Progress           `json:"progress,omitempty"`     // of cell_progress
	Metrics     map[string]*float64 `json:"metrics,omitempty"`      // of cell_complete: the columns of run.parquet
	NullReasons map[string]string   `json:"null_reasons,omitempty"` // why a metric is null that was measured
	Summary     *ApplySummary       `json:"summary,omitempty"`      // of apply_summary
}

func (e Event) Type() string { return e.Kind }

// EventKinds are the types that an Event has.
var EventKinds = []string{"launch_start", "launch_phase", "launch_progress", "launch_ready", "cell_start", "cell_progress", "cell_complete", "cell_failed",
	"launch_stop", "interrupt", "warning", "apply_summary"}

// Progress is how far the measured phase of a launch is.
type Progress struct {
	Planned      int64    `json:"planned"`
	Done         int64    `json:"done"`
	Failed       int64    `json:"failed"`
	InFlight     int64    `json:"in_flight"`
	OutputTokens int64    `json:"output_tokens"`
	TokensPerS   float64  `json:"tokens_per_s"` // output, over the last few seconds; 0: none came
	Stalled      *string  `json:"stalled"`      // what stands still, and for how long
	ElapsedS     float64  `json:"elapsed_s"`
	CellETAS     *float64 `json:"cell_eta_s"`
	PlanETAS     *float64 `json:"plan_eta_s"`
	PlanETALowS  *float64 `json:"plan_eta_low_s,omitempty"` // 90%
	PlanETAHighS *float64 `json:"plan_eta_high_s,omitempty"`
}

// ApplySummary counts launches by how they ended.
type ApplySummary struct {
	Complete          int     `json:"complete"`
	EngineFailed      int     `json:"engine_failed"`
	Censored          int     `json:"censored"`
	EnvironmentFailed int     `json:"environment_failed"`
	Interrupted       int     `json:"interrupted"`
	NotRun            int     `json:"not_run"`
	Waiting           int     `json:"waiting,omitempty"` // for a GPU that somebody else holds
	TookS             float64 `json:"took_s"`
	Stopped           bool    `json:"stopped"` // by ^C
	Root              string  `json:"root"`
}

// Waiting is launches that this machine cannot start.
type Waiting struct {
	Experiment string `json:"experiment"`
	Hardware   string `json:"hardware"` // that they are for; "" = any
	Missing    string `json:"missing"`
	Launches   int    `json:"launches"`
}

func (Waiting) Type() string { return "waiting" }

// BisectStep is what one version showed, against those before the step.
type BisectStep struct {
	Axis     string  `json:"axis"`
	Version  string  `json:"version"`
	Metric   string  `json:"metric"`
	Launches int     `json:"launches"`
	Ratio    float64 `json:"ratio"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Verdict  string  `json:"verdict"` // worse, not worse, not shown
}

func (BisectStep) Type() string { return "bisect_step" }

// Bisected is what a search for a step found.
type Bisected struct {
	Axis      string  `json:"axis"`
	Metric    string  `json:"metric"`
	Verdict   string  `json:"verdict"`           // found, none, not_shown, stopped
	Version   *string `json:"version,omitempty"` // the first that is worse
	Before    *string `json:"before,omitempty"`  // the last that is not
	Simulated bool    `json:"simulated"`
}

func (Bisected) Type() string { return "bisected" }

// TuneRound is what a search measures next.
type TuneRound struct {
	Platform  string `json:"platform"`
	Model     string `json:"model"`
	BatchSize int    `json:"batch_size"`
	Settings  int    `json:"settings"` // that compete
	ToMeasure int    `json:"to_measure"`
}

func (TuneRound) Type() string { return "tune_round" }

// TuneBest is what a search found for a platform and model; without a setting, nothing was measured.
type TuneBest struct {
	Platform  string   `json:"platform"`
	Model     string   `json:"model"`
	Objective string   `json:"objective"` // the metric
	Stopped   string   `json:"stopped"`   // why it ended before its end; "" = it did not
	Setting   *string  `json:"setting"`
	BatchSize int      `json:"batch_size,omitempty"`
	Value     *float64 `json:"value,omitempty"`
	Address   string   `json:"address,omitempty"`
}

func (TuneBest) Type() string { return "tune_best" }
