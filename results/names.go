package results

import "matrix/results/record"

// Names of package record that others still use by way of this one.
const (
	Complete          = record.Complete
	EngineFailed      = record.EngineFailed
	Censored          = record.Censored
	EnvironmentFailed = record.EnvironmentFailed
	Interrupted       = record.Interrupted
	FinishLength      = record.FinishLength
)

type (
	Run          = record.Run
	Engine       = record.Engine
	Machine      = record.Machine
	Segment      = record.Segment
	Calibration  = record.Calibration
	Manifest     = record.Manifest
	FileSum      = record.FileSum
	Mark         = record.Mark
	ServerRecord = record.ServerRecord
	Keys         = record.Keys
	RequestRow   = record.RequestRow
	OutputRow    = record.OutputRow
	SampleRow    = record.SampleRow
	CountRow     = record.CountRow
	Metric       = record.Metric
	Summary      = record.Summary
	Ends         = record.FinishCounts
)

var (
	Metrics = record.Metrics
	Derived = record.Derived
	Derive  = record.Derive
	CellKey = record.CellKey
)
