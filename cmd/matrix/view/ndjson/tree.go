package ndjson

import (
	"time"

	"matrix/experiments/cell"
	"matrix/results/record"
)

// Status is whether an apply runs on the results.
type Status struct {
	Running  bool   `json:"running"`
	Holder   string `json:"holder"`
	Launches int    `json:"launches"` // that run: a launch record each
	Attempts int    `json:"attempts"` // begun and not finished: an attempt record each
}

func (Status) Type() string { return "status" }

// Launch is one launch that runs now.
type Launch struct {
	Attempt    string    `json:"attempt"`
	Experiment string    `json:"experiment"`
	Cell       string    `json:"cell"`
	Name       string    `json:"name"`
	Launch     int       `json:"launch"`
	Step       int       `json:"step"`
	Steps      int       `json:"steps"`
	Simulated  bool      `json:"simulated"` // by matrix's own simulator
	Phase      string    `json:"phase"`
	Part       string    `json:"part"`
	PhaseBegan time.Time `json:"phase_began"`
	LimitS     *float64  `json:"limit_s"`
	LogLine    string    `json:"log_line"` // the engine's last
	Seen       time.Time `json:"seen"`     // when its apply wrote this
	Progress   *Progress `json:"progress,omitempty"`
	// Until progress tells: this launch and all that follow.
	PlanETAS     *float64 `json:"plan_eta_s,omitempty"`
	PlanETALowS  *float64 `json:"plan_eta_low_s,omitempty"`
	PlanETAHighS *float64 `json:"plan_eta_high_s,omitempty"`
}

func (Launch) Type() string { return "launch" }

// Unfinished is an attempt that was begun and is not committed.
type Unfinished struct {
	Attempt    string    `json:"attempt"`
	Experiment string    `json:"experiment"`
	Cell       string    `json:"cell"`
	Name       string    `json:"name"`
	Launch     int       `json:"launch"`
	Segment    int       `json:"segment"`
	Done       int64     `json:"done"` // requests on disk
	Planned    int       `json:"planned"`
	Began      time.Time `json:"began"`
}

func (Unfinished) Type() string { return "attempt" }

// Attempt is a committed attempt at a cell, as matrix show has it.
type Attempt struct {
	Manifest record.Manifest `json:"manifest"` // manifest.json
	Dir      string          `json:"dir"`
	Problem  string          `json:"problem"` // "" or result_corrupt, result_missing, unverified
	Tainted  string          `json:"tainted"` // the reason; "" = it is not
	Counts   bool            `json:"counts"`
	WhyNot   string          `json:"why_not"`
}

func (Attempt) Type() string { return "attempt" }

// Tainted is a cell or attempt whose results were voided.
type Tainted struct {
	Experiment string `json:"experiment"`
	Slug       string `json:"slug"`
	Name       string `json:"name"`
	Attempt    string `json:"attempt"` // "" = all of the cell
	Attempts   int    `json:"attempts"`
	Reason     string `json:"reason"`
	Who        string `json:"who"`
}

func (Tainted) Type() string { return "tainted" }

// Accepted is a cell whose results count although something changed since.
type Accepted struct {
	Experiment string        `json:"experiment"`
	Cell       string        `json:"cell"`
	Name       string        `json:"name"`
	Identity   string        `json:"identity"`
	Changes    []cell.Change `json:"changes"`
	Reason     string        `json:"reason"`
	Who        string        `json:"who"`
	State      string        `json:"state"` // now
	Reasons    []string      `json:"reasons"`
}

func (Accepted) Type() string { return "accepted" }

// Problem is an attempt that is not as it was written.
type Problem struct {
	Experiment string `json:"experiment"`
	Slug       string `json:"slug"`
	Attempt    string `json:"attempt"`
	Dir        string `json:"dir"`
	Problem    string `json:"problem"`
	Detail     string `json:"detail"`
	Advice     string `json:"advice"`
}

func (Problem) Type() string { return "problem" }

// VerifySummary is what was read against its checksums.
type VerifySummary struct {
	Attempts int   `json:"attempts"`
	Files    int   `json:"files"`
	Bytes    int64 `json:"bytes"`
	Problems int   `json:"problems"`
}

func (VerifySummary) Type() string { return "verify_summary" }

// MergedAttempt is an attempt that was taken over.
type MergedAttempt struct {
	Experiment string `json:"experiment"`
	Slug       string `json:"slug"`
	Name       string `json:"name"`
	Launch     int    `json:"launch"`
	Attempt    string `json:"attempt"`
	Status     string `json:"status"`
	Host       string `json:"host"`
}

func (MergedAttempt) Type() string { return "merged_attempt" }

// MergeSummary is what was taken over from one folder.
type MergeSummary struct {
	From     string   `json:"from"`
	Taken    int      `json:"taken"`
	Already  int      `json:"already"`
	Damaged  int      `json:"damaged"`
	Marks    int      `json:"marks"`
	Sources  int      `json:"sources"`
	Launches int      `json:"launches"` // folders of shared servers
	Notes    []string `json:"notes"`
}

func (MergeSummary) Type() string { return "merge_summary" }

// Imported is a set of requests that another tool measured.
type Imported struct {
	File       string   `json:"file"`
	Cell       string   `json:"cell"` // its name
	Address    string   `json:"address"`
	Experiment string   `json:"experiment"`
	Launch     int      `json:"launch"`
	Requests   int      `json:"requests"` // 0: totals only
	Warnings   []string `json:"warnings"`
}

func (Imported) Type() string { return "imported" }

// Exported is a table that was written.
type Exported struct {
	File     string `json:"file"`
	Table    string `json:"table"`
	Attempts int    `json:"attempts"`
	Rows     int64  `json:"rows"`
}

func (Exported) Type() string { return "exported" }
