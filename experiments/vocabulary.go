package experiments

import (
	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
	"matrix/experiments/syntax"
	"matrix/experiments/textfile"
	"matrix/experiments/wording"
)

// What the packages below hold, under the names that other rooms still use.
type (
	Cell          = cell.Cell
	EngineKind    = cell.EngineKind
	PartAttribute = cell.PartAttribute
	Axis          = cell.Axis
	Skip          = cell.Skip
	Place         = cell.Place
	Problem       = cell.Problem
	Values        = cell.Values
	Platform      = cell.Platform
	Model         = cell.Model
	Architecture  = cell.Architecture
	Dataset       = cell.Dataset
	Synthetic     = cell.Synthetic
	Length        = cell.Length
	Hardware      = cell.Hardware
	Generate      = cell.Generate
	Warmup        = cell.Warmup

	ResponseFormat = cell.ResponseFormat

	Isolation  = cell.Isolation
	Limits     = cell.Limits
	Capture    = cell.Capture
	Telemetry  = cell.Telemetry
	SLO        = cell.SLO
	Fit        = cell.Fit
	Decision   = cell.Decision
	Metric     = cell.Metric
	Facts      = cell.Facts
	Identity   = cell.Identity
	Identifier = cell.Identifier
	Component  = cell.Component
	Engine     = cell.Engine
	Lock       = cell.Lock
	Parts      = cell.Parts
	Change     = cell.Change
	Attribute  = cell.Attribute

	Config     = grid.Config
	Experiment = grid.Experiment
	Hooks      = grid.Hooks
	Judged     = grid.Judged
	Variable   = lang.Variable
	Scope      = lang.Scope
	Graph      = lang.Graph
	GraphNode  = lang.GraphNode
	GraphEdge  = lang.GraphEdge
	Affected   = diagnostic.Affected
)

const (
	OpenAI          = cell.OpenAI
	OpenAIBatch     = cell.OpenAIBatch
	Simulator       = cell.Simulator
	InstallsPackage = cell.InstallsPackage
	Ratio           = cell.Ratio
	SkipExcluded    = cell.SkipExcluded
	ConsoleFile     = lang.ConsoleFile
	OutcomeTrue     = grid.OutcomeTrue
	OutcomeFalse    = grid.OutcomeFalse
	OutcomeUnknown  = grid.OutcomeUnknown
)

var (
	NewCell         = cell.NewCell
	Register        = cell.Register
	Identify        = cell.Identify
	FormatOf        = cell.FormatOf
	FormatFields    = cell.FormatFields
	NewIdentifier   = cell.NewIdentifier
	Diff            = cell.Diff
	Components      = cell.Components
	IdentityDefault = cell.IdentityDefault
	PublicURL       = cell.PublicURL
	SecretName      = cell.SecretName
	CutBOS          = cell.CutBOS
	StartsWithBOS   = cell.StartsWithBOS
	PlainJSON       = textfile.PlainJSON

	Load       = grid.Load
	Format     = syntax.Format
	Suggest    = wording.Suggest
	DidYouMean = wording.DidYouMean
	Printable  = wording.Printable
	Shows      = wording.Shows
)
