package runner

import (
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/launch"
	"matrix/runner/plan"
)

// What moved into the rooms; it goes once nobody names it here.
type (
	Board         = apply.Board
	BusyError     = apply.BusyError
	Event         = events.Event
	EventKind     = events.Kind
	Filter        = plan.Filter
	Item          = plan.Item
	LaunchStep    = plan.Step
	Options       = apply.Options
	Plan          = plan.Plan
	Progress      = events.Progress
	Reason        = plan.Reason
	RunningLaunch = launch.Running
	Saved         = plan.Saved
	Sharing       = plan.Sharing
	State         = plan.State
	Summary       = events.Summary
	Wanted        = plan.LaunchRef
	World         = plan.World
)

const (
	ApplyDone               = events.ApplyDone
	AutoJobs                = apply.AutoJobs
	CellComplete            = events.CellComplete
	CellFailed              = events.CellFailed
	CellProgress            = events.CellProgress
	CellStart               = events.CellStart
	Done                    = plan.Done
	Excluded                = plan.Excluded
	FailedState             = plan.FailedState
	FromBandwidth           = plan.FromBandwidth
	FromHistory             = plan.FromHistory
	Infeasible              = plan.Infeasible
	Interrupt               = events.Interrupt
	LaunchPhase             = events.LaunchPhase
	LaunchProgress          = events.LaunchProgress
	LaunchReady             = events.LaunchReady
	LaunchStart             = events.LaunchStart
	LaunchStop              = events.LaunchStop
	New                     = plan.New
	Partial                 = plan.Partial
	ReasonEnvironmentFailed = plan.ReasonEnvironmentFailed
	ReasonIncomplete        = plan.ReasonIncomplete
	Stale                   = plan.Stale
	Unavailable             = plan.Unavailable
	Warning                 = events.Warning
)

var (
	Apply     = apply.Apply
	Example   = launch.Example
	Make      = plan.Make
	NewSaved  = plan.NewSaved
	ReadBoard = apply.ReadBoard
	ReadSaved = plan.ReadSaved
)
