package experiments

import (
	"github.com/hashicorp/hcl/v2"
)

// kind says what value an attribute takes.
type kind int

const (
	text     kind = iota // a string
	number               // any number
	whole                // an integer
	flag                 // true or false
	duration             // a string such as "30m"
	texts                // a list of strings
	object               // an object of known attributes (field.fields)
	free                 // an object of any attributes: engine arguments
	environ              // an object of scalars, kept as strings
	length               // a count or a distribution of counts
	capture              // true, false, a number, "all", "none", "sample"
	memory               // MiB, or a string such as "64MiB"
	thinking             // true, false or a level
	anything             // read by code of its own
	path                 // a file, relative to the folder of the source
	folder               // a repository name, or a folder when it starts with ./ ../ or /
	command              // a command, or a file when it has a slash
)

// field is one attribute that a block takes.
type field struct {
	name     string
	kind     kind
	required bool
	oneOf    []string
	min      *float64
	max      *float64
	fields   []field // of an object
}

func atLeast(n float64) *float64 { return &n }

// blockType is a block that is one value: what it takes.
type blockType struct {
	name   string
	fields []field
	sample string // for the message when its label is missing
}

func backendNames() []string {
	return []string{VLLMOffline, VLLMServe, Ollama, OpenAI, OpenAIBatch, Simulator}
}

var hardwareBlock = blockType{name: "hardware", sample: `hardware "rtx4080" { … }`, fields: []field{
	{name: "gpu", kind: text}, {name: "gpus", kind: whole, min: atLeast(0)}, {name: "vram_gib", kind: number, min: atLeast(0)},
	{name: "ram_gib", kind: number, min: atLeast(0)}, {name: "min_driver", kind: text}, {name: "slurm", kind: free},
}}

var modelBlock = blockType{name: "model", sample: `model "gemma3_4b" { … }`, fields: []field{
	{name: "vllm", kind: object, fields: []field{{name: "model", kind: folder, required: true}, {name: "revision", kind: text},
		{name: "tokenizer", kind: folder}, {name: "dtype", kind: text}, {name: "quantization", kind: text}}},
	{name: "ollama", kind: object, fields: []field{{name: "model", kind: text}, {name: "gguf", kind: path}, {name: "template", kind: text}}},
	{name: "openai", kind: object, fields: []field{{name: "model", kind: text, required: true}}},
	{name: "architecture", kind: object, fields: []field{
		{name: "parameters", kind: number, min: atLeast(0)}, {name: "weights_gib", kind: number, min: atLeast(0)},
		{name: "layers", kind: whole, min: atLeast(0)}, {name: "hidden_size", kind: whole, min: atLeast(0)},
		{name: "intermediate_size", kind: whole, min: atLeast(0)}, {name: "heads", kind: whole, min: atLeast(0)},
		{name: "kv_heads", kind: whole, min: atLeast(0)}, {name: "head_dim", kind: whole, min: atLeast(0)},
		{name: "vocab_size", kind: whole, min: atLeast(0)}, {name: "sliding_window", kind: whole, min: atLeast(0)},
		{name: "full_layers", kind: whole, min: atLeast(0)}}},
}}

var datasetBlock = blockType{name: "dataset", sample: `dataset "candidates" { … }`, fields: []field{
	{name: "path", kind: path},
	{name: "format", kind: text, oneOf: []string{"openai_batch", "jsonl", "sharegpt", "csv", "parquet"}},
	{name: "column", kind: text},
	{name: "synthetic", kind: object, fields: []field{{name: "input_tokens", kind: length, required: true},
		{name: "output_tokens", kind: length}, {name: "count", kind: whole, min: atLeast(1)}, {name: "prefix", kind: whole, min: atLeast(0)},
		{name: "seed", kind: whole}}},
	{name: "limit", kind: whole, min: atLeast(0)}, {name: "shuffle", kind: flag}, {name: "repeat", kind: flag},
	{name: "chat", kind: flag}, {name: "seed", kind: whole},
}}

var platformBlock = blockType{name: "platform", sample: `platform "vllm" { … }`, fields: []field{
	{name: "backend", kind: text, required: true, oneOf: backendNames()},
	{name: "args", kind: free}, {name: "env", kind: environ}, {name: "options", kind: free},
	{name: "python", kind: command}, {name: "binary", kind: command}, {name: "url", kind: text},
	{name: "api_key_env", kind: text}, {name: "attach", kind: flag},
}}

var decisionBlock = blockType{name: "decision", sample: `decision "best" { … }`, fields: []field{
	{name: "weights", kind: free}, {name: "require", kind: free}, {name: "goals", kind: free},
	{name: "requests", kind: anything}, {name: "price_per_hour", kind: number, min: atLeast(0)},
	{name: "electricity_per_kwh", kind: number, min: atLeast(0)}, {name: "currency", kind: text},
}}

var variableBlock = blockType{name: "variable", sample: `variable "batch_sizes" { … }`, fields: []field{
	{name: "type", kind: anything}, {name: "default", kind: anything}, {name: "description", kind: text},
}}

// Blocks of an experiment whose attributes are evaluated per cell.
var (
	loadBlock = blockType{name: "load", fields: []field{
		{name: "mode", kind: text, oneOf: []string{"batch", "closed", "open"}}, {name: "concurrency", kind: whole, min: atLeast(1)},
		{name: "rate", kind: number, min: atLeast(0)}, {name: "arrival", kind: text, oneOf: []string{"poisson", "constant", "gamma"}},
		{name: "burstiness", kind: number, min: atLeast(0)}, {name: "trace", kind: path}, {name: "duration", kind: duration}, {name: "timeout", kind: duration},
		{name: "retries", kind: whole, min: atLeast(0)}, {name: "ramp", kind: duration}}}
	generateBlock = blockType{name: "generate", fields: []field{
		{name: "max_tokens", kind: whole, min: atLeast(1)}, {name: "min_tokens", kind: whole, min: atLeast(0)},
		{name: "temperature", kind: number, min: atLeast(0)}, {name: "top_p", kind: number, min: atLeast(0), max: atLeast(1)},
		{name: "top_k", kind: whole, min: atLeast(0)}, {name: "seed", kind: whole}, {name: "stop", kind: texts},
		{name: "ignore_eos", kind: flag}, {name: "repeat_penalty", kind: number, min: atLeast(0)}, {name: "template", kind: text},
		{name: "thinking", kind: thinking}}}
	warmupBlock    = blockType{name: "warmup", fields: []field{{name: "requests", kind: whole, min: atLeast(1)}, {name: "until_stable", kind: flag}}}
	isolationBlock = blockType{name: "isolation", fields: []field{
		{name: "server", kind: text, oneOf: []string{"cell", "group"}}, {name: "caches", kind: text, oneOf: []string{"warm", "cold"}},
		{name: "prefix_cache", kind: text, oneOf: []string{"off", "natural"}}, {name: "cooldown", kind: duration},
		{name: "exclusive", kind: flag}, {name: "alone", kind: flag}, {name: "prime", kind: flag}, {name: "vram_tolerance", kind: memory}}}
	limitsBlock = blockType{name: "limits", fields: []field{
		{name: "load", kind: duration}, {name: "cell", kind: duration}, {name: "drain", kind: duration},
		{name: "max_error_rate", kind: number, min: atLeast(0), max: atLeast(1)}, {name: "max_cells", kind: whole, min: atLeast(1)}}}
	captureBlock   = blockType{name: "capture", fields: []field{{name: "outputs", kind: capture}, {name: "chunks", kind: flag}}}
	telemetryBlock = blockType{name: "telemetry", fields: []field{{name: "interval", kind: duration}, {name: "metrics", kind: flag}}}
	sloBlock       = blockType{name: "slo", fields: []field{{name: "ttft", kind: duration}, {name: "tpot", kind: duration}, {name: "e2e", kind: duration}}}
)

// Blocks of an experiment that are rules.
var (
	excludeBlock  = blockType{name: "exclude", fields: []field{{name: "when", kind: flag, required: true}, {name: "reason", kind: text}}}
	overrideBlock = blockType{name: "override", fields: []field{{name: "when", kind: flag}, {name: "args", kind: free},
		{name: "env", kind: environ}, {name: "options", kind: free}}}
	constraintBlock = blockType{name: "constraint", sample: `constraint "room" { … }`,
		fields: []field{{name: "condition", kind: flag, required: true}, {name: "message", kind: text}}}
)

// experimentFields are the attributes of the experiment itself.
var experimentFields = []field{
	{name: "description", kind: text}, {name: "tags", kind: texts}, {name: "hardware", kind: anything}, {name: "dataset", kind: anything},
	{name: "platform", kind: anything}, {name: "model", kind: anything}, {name: "batch_size", kind: anything},
	{name: "launches", kind: whole, min: atLeast(1)}, {name: "order", kind: text, oneOf: []string{"blocks", "random", "declared"}},
	{name: "seed", kind: whole}, {name: "resume", kind: flag},
}

func bodySchema(fields []field, blocks ...hcl.BlockHeaderSchema) *hcl.BodySchema {
	s := &hcl.BodySchema{Blocks: blocks}
	for _, f := range fields {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: f.name})
	}
	return s
}

func block(name string, labels ...string) hcl.BlockHeaderSchema {
	return hcl.BlockHeaderSchema{Type: name, LabelNames: labels}
}

var topLevel = bodySchema([]field{{name: "imports", kind: texts}},
	block("variable", "name"), block("locals"), block("hardware", "name"), block("model", "name"), block("dataset", "name"),
	block("platform", "name"), block("experiment", "name"), block("decision", "name"))

var experimentSchema = bodySchema(experimentFields,
	block("matrix"), block("exclude"), block("include"), block("override"), block("constraint", "name"), block("load"),
	block("generate"), block("warmup"), block("isolation"), block("limits"), block("capture"), block("telemetry"), block("slo"))
