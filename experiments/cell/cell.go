package cell

import (
	"fmt"
	"strings"
)

// Cell is one complete combination of an experiment's axes: every value that a
// launch needs, defaults included. Nothing downstream adds a default. The
// pointers are interned (many cells share one value) and must not be written to.
type Cell struct {
	Experiment string  // label of the experiment block
	Axes       []*Axis // in source order; platform, model and batch_size are always among them
	Address    string  // 64 hex digits: SHA-256 over experiment and axis coordinates; survives an engine upgrade
	Slug       string  // readable directory name: platform-model-batch… + "-" + first 16 hex digits of Address

	Platform  *Platform // with the matching overrides merged in
	Model     *Model
	Dataset   *Dataset
	Hardware  *Hardware // nil: any machine
	BatchSize int       // requests in the measured phase

	Load      *Load
	Generate  *Generate
	Warmup    *Warmup
	Isolation *Isolation
	Limits    *Limits
	Capture   *Capture
	Telemetry *Telemetry
	SLO       *SLO // nil: no goodput
	Launches  int  // fresh engine starts asked for (policy)
	Resume    bool // a cell stopped midway goes on in a new segment
	Order     string
	Seed      int64 // of the launch order

	Fit   *Fit  // nil: no prediction was asked for; see Predicted
	Skip  *Skip // nil: the cell may run
	Place Place // where the experiment (or the include) stands in the source

	Description string   // of the experiment, for people
	Tags        []string // of the experiment
	Places      Places   `json:"-"` // of the experiment's attributes, "load.concurrency"; shared by its cells
}

// Places is where attributes stand in the source, by their path: "args.max_num_seqs".
type Places map[string]Place

// at finds the place of an attribute, or of the nearest attribute that holds it.
func (p Places) at(path string) (Place, bool) {
	for path != "" {
		if place, ok := p[path]; ok {
			return place, true
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return Place{}, false
}

// PlaceOf is where an attribute of the cell stands: "generate.top_p", "platform.args.max_num_seqs" (or "args.…"),
// "model.vllm.dtype". An attribute that is not written has the place of what it belongs to.
func (c *Cell) PlaceOf(path string) Place {
	head, rest, _ := strings.Cut(path, ".")
	if head == "model" && c.Model != nil {
		return c.Model.Places.or(rest, c.Model.Place)
	}
	if head == "platform" && c.Platform != nil {
		return c.Platform.Places.or(rest, c.Platform.Place)
	}
	if place, ok := c.Places.at(path); ok {
		return place
	}
	if c.Platform != nil {
		return c.Platform.Places.or(path, c.Place)
	}
	return c.Place
}

// or is at with a place for what is not written.
func (p Places) or(path string, otherwise Place) Place {
	if place, ok := p.at(path); ok {
		return place
	}
	return otherwise
}

// Axis is one coordinate of a cell.
type Axis struct {
	Name  string // "platform", "batch_size", or any other name
	Label string // for people and slugs: the id of a block, else the value in short form
	JSON  string // canonical JSON of the coordinate (a block is its id)
}

// ID is the short form of the address that the command line prints: 8 hex digits.
func (c *Cell) ID() string { return c.Address[:8] }

// Name is the coordinates in order, "vllm_offline/gemma3_4b/1000".
func (c *Cell) Name() string {
	name := ""
	for i, a := range c.Axes {
		if i > 0 {
			name += "/"
		}
		name += a.Label
	}
	return name
}

// Predicted is the memory prediction of the cell, an empty one where there is none.
func (c *Cell) Predicted() Fit {
	if c.Fit == nil {
		return Fit{}
	}
	return *c.Fit
}

// Skip says why a cell will not run whatever the history is.
type Skip struct {
	Kind   string // "excluded" (the user's exclude), "infeasible" (a constraint, the fit, or a backend's Check)
	Reason string // one line for people
	Place  Place  // the exclude, constraint or value that decided
	More   []Skip // what else stands against it: the other constraints that are false, a problem, the memory
}

// Kinds of a Skip.
const (
	SkipExcluded   = "excluded"
	SkipInfeasible = "infeasible"
)

// Place is a position in a source file, for messages.
type Place struct {
	File string // as the user named it
	Line int    // 1-based; 0: unknown
}

// String is "FILE:LINE", or the file alone.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Problem is something that a backend cannot do for a cell, found without starting it.
type Problem struct {
	Summary string // "Ollama has no ignore_eos"
	Detail  string // what to do about it
	Path    string // the attribute at fault, "generate.ignore_eos", "platform.args.swap_space", "" when none
	Warning bool   // true: the cell may run all the same
}
