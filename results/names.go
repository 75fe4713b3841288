package results

import (
	"matrix/results/disk"
	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

// Names of packages record, table, metrics and store that others still use by way of this one.
const (
	Complete          = record.Complete
	EngineFailed      = record.EngineFailed
	Censored          = record.Censored
	EnvironmentFailed = record.EnvironmentFailed
	Interrupted       = record.Interrupted
	FinishLength      = record.FinishLength

	ResultMissing = store.ResultMissing
	ResultCorrupt = store.ResultCorrupt
	Unverified    = store.Unverified
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

	Store        = store.Store
	Attempt      = store.Attempt
	Past         = store.PastAttempt
	Merged       = store.MergeReport
	ServerLaunch = store.ServerLaunch
	ErrLocked    = store.ErrLocked
	ErrConflict  = store.ErrConflict
	ForeignError = store.ForeignError
)

var (
	Metrics = record.Metrics
	Derived = record.Derived
	Derive  = record.Derive
	CellKey = record.CellKey

	Open    = store.Open
	Lacking = disk.Wanting
	Servers = store.Servers

	Tables             = table.Tables
	Schema             = table.Schema
	Named              = table.Named
	Batches            = table.Batches
	ReadRequests       = table.ReadRequests
	ReadOutputs        = table.ReadOutputs
	ReadSamples        = table.ReadSamples
	ReadRequestColumns = table.ReadRequestColumns
	ScanRequests       = table.ScanRequests
	VerifyRun          = table.VerifyRun
	ErrCorrupt         = table.ErrCorrupt

	Meet         = metrics.Meet
	ReadEnds     = metrics.ReadEnds
	SuccessBound = metrics.SuccessBound
)
