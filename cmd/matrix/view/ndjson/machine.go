package ndjson

import "matrix/results/record"

// Check is one thing that a machine has or lacks.
type Check struct {
	Subject string `json:"subject"`
	State   string `json:"state"` // ok, warn, missing
	Found   string `json:"found"`
	Advice  string `json:"advice,omitempty"`
}

// Finding is one line of matrix doctor.
type Finding struct {
	Finding Check `json:"finding"`
}

func (Finding) Type() string { return "finding" }

// Calibration is what matrix's own client costs on this machine.
type Calibration struct {
	Calibration record.Calibration `json:"calibration"`
	Path        string             `json:"path"`
}

func (Calibration) Type() string { return "calibration" }

// Download is a model that is lacking.
type Download struct {
	Name  string `json:"name"`
	Bytes *int64 `json:"bytes"`
	Into  string `json:"into"`
}

func (Download) Type() string { return "download" }

// Fetching is a download that begins.
type Fetching struct {
	Name string `json:"name"`
}

func (Fetching) Type() string { return "fetching" }

// FetchProgress is how far a download is; a total of 0 is not known.
type FetchProgress struct {
	Name       string `json:"name"`
	DoneBytes  int64  `json:"done_bytes"`
	TotalBytes int64  `json:"total_bytes"`
}

func (FetchProgress) Type() string { return "progress" }

// Fetched is a download that is done; without a name, nothing was lacking.
type Fetched struct {
	Name      string `json:"name,omitempty"`
	Downloads *int   `json:"downloads,omitempty"`
}

func (Fetched) Type() string { return "fetched" }

// Unused is an installed engine that no experiment names.
type Unused struct {
	Engine string `json:"engine"` // what was asked for
	Bytes  int64  `json:"bytes"`
	Folder string `json:"folder"`
}

func (Unused) Type() string { return "unused_engine" }

// Collected is what gc removed.
type Collected struct {
	Engines int   `json:"engines"`
	Bytes   int64 `json:"bytes"`
}

func (Collected) Type() string { return "collected" }

// DryRun is a fetch that only looked.
type DryRun struct {
	Downloads int `json:"downloads"`
}

func (DryRun) Type() string { return "dry_run" }
