// Package record is the vocabulary of results: what an attempt, its manifest and its rows hold, the closed lists of
// statuses, load modes and metrics, and the names of columns. It reads and writes no file; every room that speaks of
// results imports it, and it imports none of them.
package record

import (
	"encoding/json"
	"time"

	"matrix/experiments/cell"
)

// Statuses of an attempt.
const (
	Complete          = "complete"
	EngineFailed      = "engine_failed"
	Censored          = "censored"
	EnvironmentFailed = "environment_failed"
	Interrupted       = "interrupted"
)

// AttemptStatuses is the closed list.
var AttemptStatuses = []string{Complete, EngineFailed, Censored, EnvironmentFailed, Interrupted}

// Manifest is manifest.json: what an attempt is, without reading its Parquet.
type Manifest struct {
	Schema     int                `json:"schema"`
	Experiment string             `json:"experiment"`
	Address    string             `json:"address"`
	Slug       string             `json:"slug"`
	Name       string             `json:"name"` // coordinates
	Launch     int                `json:"launch"`
	Attempt    string             `json:"attempt"`
	Status     string             `json:"status"`
	Reason     string             `json:"reason"` // one line: why it ended so
	LogTail    string             `json:"log_tail,omitempty"`
	Platform   string             `json:"platform"`
	Model      string             `json:"model"`
	BatchSize  int                `json:"batch_size"`
	Axes       map[string]string  `json:"axes"`
	Identity   cell.Identity      `json:"identity"`
	Began      time.Time          `json:"began"`
	Ended      time.Time          `json:"ended"`
	Host       string             `json:"host"`
	Matrix     string             `json:"matrix"` // our version
	Simulated  bool               `json:"simulated"`
	Source     string             `json:"source"` // SHA-256 of the HCL under sources/
	Segments   int                `json:"segments"`
	Planned    int64              `json:"planned"`
	OK         int64              `json:"ok"`
	Neighbours int64              `json:"neighbours,omitempty"` // other launches on this machine meanwhile
	Server     string             `json:"server,omitempty"`     // "group": it shared its server with other cells
	Summary    map[string]float64 `json:"summary"`              // load_s, duration_s, output_throughput …: for plan estimates and show
	Files      map[string]FileSum `json:"files"`
	Self       string             `json:"self"` // SHA-256 of this document with self = ""
}

// Imported reports that another tool measured it: no engine has a backend of that name. The identity tells, so that no Parquet is opened.
func (m *Manifest) Imported() bool {
	return string(m.Identity.Components.Get("backend").Value) == `{"platform":"imported"}`
}

// DeclaredLoad is how requests were declared to arrive.
type DeclaredLoad struct {
	Mode string   // "" = not known
	Rate *float64 // of an open load, requests/s; nil = none, or a trace in its place
}

// DeclaredLoad is that of the attempt; nothing of an import, which declares none.
func (m *Manifest) DeclaredLoad() DeclaredLoad {
	var spec struct{ Load DeclaredLoad }
	if json.Unmarshal(m.Identity.Components.Get("spec").Value, &spec) != nil {
		return DeclaredLoad{}
	}
	return spec.Load
}

// FileSum is a file's size and SHA-256.
type FileSum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ManifestSchema is the version of the manifests that are written here.
const ManifestSchema = 1

// Keys are those of the attempt's rows.
func (m *Manifest) Keys() Keys {
	return Keys{Experiment: m.Experiment, Cell: CellKey(m.Address), Launch: int32(m.Launch), Attempt: m.Attempt,
		AttemptStatus: m.Status, Platform: m.Platform, Model: m.Model, BatchSize: int64(m.BatchSize)}
}

// CellKey is the column cell of every table: the 16 hex digits of an address that rows and folder names carry.
func CellKey(address string) string { return address[:min(16, len(address))] }
