// Package schema says what may stand in each block, and checks values against it.
package schema

import (
	"reflect"
	"slices"
	"time"

	"matrix/experiments/cell"

	"github.com/hashicorp/hcl/v2"
)

// Kind says what value an attribute takes. It decides what Field.Check converts a value to, what Field.Absent stands for where
// nothing is written, and from which folder a relative name in it starts (Resolve).
type Kind int

const (
	Text     Kind = iota // a string
	Number               // any number
	Whole                // an integer
	Flag                 // true or false
	Duration             // a string such as "30m"
	Texts                // a list of strings
	Object               // an object of known attributes (Field.Fields)
	Free                 // an object of any attributes: engine arguments
	Environ              // an object of scalars, kept as strings
	Length               // a count or a distribution of counts
	Capture              // true, false, a number, "all", "none", "sample"
	Memory               // MiB, or a string such as "64MiB"
	Thinking             // true, false or a level
	Document             // JSON: an object or a list, or its text
	Anything             // read by code of its own
	Path                 // a file, relative to the folder of the source
	Folder               // a repository name, or a folder when it starts with ./ ../ or /
	Command              // a command, or a file when it has a slash
)

// Field is one attribute that a block takes. hcldec's specifications were not taken: they convert and refuse in one step, with
// the library's words, and know neither secrets nor paths nor values that a cell must evaluate later.
type Field struct {
	Name     string // as a user writes it
	Kind     Kind
	Required bool
	OneOf    []string // the words that a text may be; nil = any text
	Min      *float64 // of a number, itself allowed; nil = none
	Max      *float64 // likewise
	Fields   []Field  // of an object
}

// Block is a block that is one value: what it takes.
type Block struct {
	Name   string
	Fields []Field
}

// BackendNames are what a platform may ask for. It is made anew each time: engines register themselves before main, and a test
// may add one.
func BackendNames() []string {
	var names []string
	for _, k := range cell.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// PartFields are the attributes by which a model says what the engines load whose kind describes it. One that several engines
// share (their kinds point to the same Part) stands there once.
func PartFields() (all []Field) {
	for _, p := range cell.ModelParts() {
		f := Field{Name: p.Name, Kind: Object}
		for _, a := range p.Attributes {
			kind := Text
			switch {
			case a.Path:
				kind = Path
			case a.Folder:
				kind = Folder
			}
			f.Fields = append(f.Fields, Field{Name: a.Name, Kind: kind, Required: a.Required})
		}
		all = append(all, f)
	}
	return all
}

// ValueBlocks are those that are one value, to which others refer. They are made anew each time: the engines say what theirs take.
func ValueBlocks() []Block {
	model, engine := append(PartFields(), architecture), append(programFields(), packages...)
	return []Block{hardwareBlock, {Name: "model", Fields: model}, datasetBlock, platformBlock(), {Name: "engine", Fields: engine}, weightsBlock}
}

// hardwareBlock takes what the tags of cell.Hardware say, and what a job is to ask Slurm for, which only Slurm can check.
var hardwareBlock = Block{Name: "hardware", Fields: append(settings("hardware", &cell.Hardware{}).Fields, Field{Name: "slurm", Kind: Free})}

var architecture = Field{Name: "architecture", Kind: Object, Fields: settings("architecture", &cell.Architecture{}).Fields}

// datasetBlock is hand-written, unlike those of a cell's parts: its chat has three states, and synthetic is an object of its own.
var datasetBlock = Block{Name: "dataset", Fields: []Field{
	{Name: "path", Kind: Path},
	{Name: "format", Kind: Text, OneOf: []string{"openai_batch", "jsonl", "sharegpt", "csv", "parquet"}},
	{Name: "column", Kind: Text},
	{Name: "synthetic", Kind: Object, Fields: []Field{{Name: "input_tokens", Kind: Length, Required: true},
		{Name: "output_tokens", Kind: Length}, {Name: "count", Kind: Whole, Min: new(1.0)}, {Name: "prefix", Kind: Whole, Min: new(0.0)},
		{Name: "seed", Kind: Whole}}},
	{Name: "limit", Kind: Whole, Min: new(0.0)}, {Name: "shuffle", Kind: Flag}, {Name: "repeat", Kind: Flag},
	{Name: "chat", Kind: Flag}, {Name: "seed", Kind: Whole},
}}

// platformBlock holds nothing that only one engine understands: its args and options pass through as they are written, and the
// engine's own check says what it does not know.
func platformBlock() Block {
	return Block{Name: "platform", Fields: []Field{
		{Name: "backend", Kind: Text, Required: true, OneOf: BackendNames()},
		{Name: "args", Kind: Free}, {Name: "env", Kind: Environ}, {Name: "options", Kind: Free},
		{Name: "engine", Kind: Anything}, {Name: "python", Kind: Command}, {Name: "binary", Kind: Command}, {Name: "url", Kind: Text},
		{Name: "api_key_env", Kind: Text}, {Name: "attach", Kind: Flag},
	}}
}

// packages are what is installed, for an engine and for weights.
var packages = []Field{{Name: "package", Kind: Anything}, {Name: "overrides", Kind: Texts}, {Name: "python", Kind: Text}}

// weightsBlock is what is installed for models: files that come in a package.
var weightsBlock = Block{Name: "weights", Fields: append(slices.Clip(packages), Field{Name: "script", Kind: Text})}

// programFields are the versions of programs that an engine block may ask for, in place of packages.
func programFields() (all []Field) {
	for _, name := range cell.Programs() {
		all = append(all, Field{Name: name, Kind: Text})
	}
	return all
}

// DecisionBlock leaves the names of metrics and criteria open: package lang knows which there are, and says so with a suggestion.
var DecisionBlock = Block{Name: "decision", Fields: []Field{
	{Name: "weights", Kind: Free}, {Name: "require", Kind: Free}, {Name: "goals", Kind: Free},
	{Name: "requests", Kind: Anything}, {Name: "price_per_hour", Kind: Number, Min: new(0.0)},
	{Name: "electricity_per_kwh", Kind: Number, Min: new(0.0)}, {Name: "currency", Kind: Text},
}}

// VariableBlock has a type and a default that are no values but expressions, which is why they may be anything here.
var VariableBlock = Block{Name: "variable", Fields: []Field{
	{Name: "type", Kind: Anything}, {Name: "default", Kind: Anything}, {Name: "description", Kind: Text},
}}

// CellBlocks are the blocks of an experiment whose attributes are evaluated per cell: what they take is said by the tags of
// a cell's parts.
var CellBlocks = []Block{
	settings("load", &cell.Load{}), settings("generate", &cell.Generate{}), settings("warmup", &cell.Warmup{}), settings("isolation", &cell.Isolation{}),
	settings("limits", &cell.Limits{}), settings("capture", &cell.Capture{}), settings("telemetry", &cell.Telemetry{}), settings("slo", &cell.SLO{}),
}

// settings is a block of what the tags of a cell's part name; one without a name follows from others.
func settings(name string, part any) Block {
	b := Block{Name: name}
	for _, s := range cell.Settings(part) {
		if s.Name != "" {
			b.Fields = append(b.Fields, Field{Name: s.Name, Kind: kindOf(s), OneOf: s.OneOf, Min: s.Min, Max: s.Max})
		}
	}
	return b
}

// kindOf is what may be written for a setting: what its tag says, else what follows from the type of its field.
func kindOf(s cell.Setting) Kind {
	switch s.Kind {
	case "path":
		return Path
	case "memory":
		return Memory
	case "capture":
		return Capture
	case "thinking":
		return Thinking
	case "document":
		return Document
	}
	switch {
	case s.Type == reflect.TypeFor[time.Duration]():
		return Duration
	case s.Type.Kind() == reflect.Slice:
		return Texts
	case s.Type.Kind() == reflect.Bool:
		return Flag
	case s.Type.Kind() == reflect.Float64:
		return Number
	case s.Type.Kind() == reflect.String:
		return Text
	}
	return Whole
}

// Blocks of an experiment that are rules.
var (
	ExcludeBlock  = Block{Name: "exclude", Fields: []Field{{Name: "when", Kind: Flag, Required: true}, {Name: "reason", Kind: Text}}}
	OverrideBlock = Block{Name: "override", Fields: []Field{{Name: "when", Kind: Flag}, {Name: "args", Kind: Free},
		{Name: "env", Kind: Environ}, {Name: "options", Kind: Free}}}
	ConstraintBlock = Block{Name: "constraint",
		Fields: []Field{{Name: "condition", Kind: Flag, Required: true}, {Name: "message", Kind: Text}}}
)

// MaxLaunches is more fresh starts of a cell than anyone waits for; a slip must not fill the memory with them.
const MaxLaunches = 10_000

// ExperimentFields are the attributes of the experiment itself.
var ExperimentFields = []Field{
	{Name: "description", Kind: Text}, {Name: "tags", Kind: Texts}, {Name: "hardware", Kind: Anything}, {Name: "dataset", Kind: Anything},
	{Name: "platform", Kind: Anything}, {Name: "model", Kind: Anything}, {Name: "batch_size", Kind: Anything},
	{Name: "launches", Kind: Whole, Min: new(1.0), Max: new(float64(MaxLaunches))}, {Name: "order", Kind: Text, OneOf: []string{"blocks", "random", "declared"}},
	{Name: "seed", Kind: Whole}, {Name: "resume", Kind: Flag},
}

// Body is the schema of a body with these attributes and blocks, as hcl has it. Nothing in it is required: what is missing is
// said by who reads the block, in one sentence with what the attribute takes.
func Body(fields []Field, blocks ...hcl.BlockHeaderSchema) *hcl.BodySchema {
	s := &hcl.BodySchema{Blocks: blocks}
	for _, f := range fields {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: f.Name})
	}
	return s
}

// Header is a block's name and its labels.
func Header(name string, labels ...string) hcl.BlockHeaderSchema {
	return hcl.BlockHeaderSchema{Type: name, LabelNames: labels}
}

// TopLevel is what may stand in a file.
var TopLevel = Body([]Field{{Name: "imports", Kind: Texts}},
	Header("variable", "name"), Header("locals"), Header("hardware", "name"), Header("model", "name"), Header("dataset", "name"),
	Header("platform", "name"), Header("engine", "name"), Header("weights", "name"), Header("experiment", "name"), Header("decision", "name"))

// Experiment is what may stand in an experiment. Its axes are in matrix, whose names are the user's: no word here is taken from
// them.
var Experiment = Body(ExperimentFields,
	Header("matrix"), Header("exclude"), Header("include"), Header("override"), Header("constraint", "name"), Header("load"),
	Header("generate"), Header("warmup"), Header("isolation"), Header("limits"), Header("capture"), Header("telemetry"), Header("slo"))
