package experiments

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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

	Load      *LoadShape
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

// Place is a position in a source file, for messages.
type Place struct {
	File string // as the user named it
	Line int    // 1-based; 0: unknown
}

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

// Values holds evaluated HCL: string, bool, int64, float64, nil, []any or Values.
type Values map[string]any

// Int is a value as a whole number, given as a number or as its text; 0 where it is absent or neither.
func (v Values) Int(name string) int {
	switch x := v[name].(type) {
	case int64:
		return int(x)
	case int:
		return x
	case float64:
		return int(x)
	case string:
		n, _ := strconv.Atoi(x)
		return n
	}
	return 0
}

// Names of the backends that a platform may ask for.
const (
	VLLMOffline = "vllm_offline"
	VLLMServe   = "vllm_serve"
	Ollama      = "ollama"
	OpenAI      = "openai"
	OpenAIBatch = "openai_batch"
	Simulator   = "simulator"
)

// Platform is a serving system with its settings.
type Platform struct {
	ID        string
	Backend   string            // one of the names above
	Args      Values            // engine arguments in snake_case, passed through
	Env       map[string]string // added to the engine's environment
	Options   Values            // Ollama's options; the simulator's queueing model
	Python    string            // interpreter that has vLLM; "" = python3 on PATH
	Binary    string            // ollama executable; "" = ollama on PATH
	URL       string            // base URL of a server that is attached to
	APIKeyEnv string            // name of the environment variable that holds the API key
	Attach    bool              // use a running server at URL; nothing is launched
	Place     Place
	Places    Places `json:"-"` // of its attributes, those of overrides included: "args.max_num_seqs"
}

// Outlived reports whether the cell's server goes on after a launch, and so may have seen its prompts before: one that is
// attached to, or that a group of cells shares.
func (c *Cell) Outlived() bool {
	return c.Platform.Attached() || c.Isolation != nil && c.Isolation.Server == "group"
}

// Model is what each backend loads for one logical model.
type Model struct {
	ID           string
	VLLM         *VLLMModel
	Ollama       *OllamaModel
	OpenAI       *OpenAIModel
	Architecture *Architecture // for the memory prediction when no header can be read
	Place        Place
	Places       Places `json:"-"` // of its attributes: "vllm.dtype"
}

// VLLMModel names what vLLM loads.
type VLLMModel struct {
	Model        string // Hugging Face repository or a local folder (absolute after loading)
	Revision     string
	Tokenizer    string
	DType        string // "" = auto
	Quantization string
}

// OllamaModel names what Ollama loads: Model by name, or GGUF from a file.
type OllamaModel struct {
	Model    string
	GGUF     string // absolute path after loading
	Template string // Ollama's (Go) template for a GGUF that carries none
}

// OpenAIModel is the name that an attached server knows the model by.
type OpenAIModel struct{ Model string }

// Architecture gives the figures of config.json that the memory prediction needs, where no file does.
type Architecture struct {
	Parameters       float64 // count
	WeightsGiB       float64 // overrides Parameters
	Layers           int
	HiddenSize       int
	IntermediateSize int
	Heads            int
	KVHeads          int
	HeadDim          int
	VocabSize        int
	SlidingWindow    int // tokens; 0 = all layers attend fully
	FullLayers       int // layers with full attention; 0 with SlidingWindow = 0 means all
}

// Dataset is where prompts come from.
type Dataset struct {
	ID        string
	Path      string // absolute after loading; "" when Synthetic
	Format    string // "", "openai_batch", "jsonl", "sharegpt", "csv", "parquet"; "" = by content and suffix
	Column    string // of CSV and Parquet
	Synthetic *Synthetic
	Limit     int   // first so many prompts; 0 = all
	Shuffle   bool  // by Seed
	Repeat    bool  // a larger batch reuses prompts
	Chat      *bool // nil: messages are sent as chat, prompts as completion
	Seed      int64
	Place     Place
}

// Synthetic describes generated prompts. Lengths are in words that most tokenizers map to one token each.
type Synthetic struct {
	InputTokens  Length
	OutputTokens Length // becomes the request's max_tokens where set
	Count        int    // distinct prompts; 0 = 1,000
	Prefix       int    // tokens shared by every prompt
}

// Length is a distribution of token counts.
type Length struct {
	Distribution string // "constant", "uniform", "normal", "lognormal"
	Mean         float64
	Stddev       float64
	Min, Max     int
}

// Hardware is a constraint on the machine that runs a cell.
type Hardware struct {
	ID        string
	GPU       string // product name as NVML reports it; "" = no GPU asked for
	GPUs      int
	VRAMGiB   float64 // usable, per GPU, as CUDA reports it; 0 = unknown
	RAMGiB    float64
	MinDriver string
	Slurm     Values
	Place     Place
}

// LoadShape is the shape in which requests are offered.
type LoadShape struct {
	Mode        string        // "batch", "closed", "open"
	Concurrency int           // closed: requests in flight
	Rate        float64       // open: requests per second
	Arrival     string        // open: "poisson", "constant", "gamma"
	Burstiness  float64       // open, gamma: shape of the distribution of gaps; 1 = Poisson, below it in bursts
	Trace       string        // open: file of timestamps; absolute after loading
	TraceSHA256 string        // of the trace's bytes; the path is no part of an identity
	Duration    time.Duration // open: stop admitting after; 0 = by batch_size
	Timeout     time.Duration // per request; 0 = none
	Retries     int           // of one request
	Ramp        time.Duration // the time over which concurrency is reached
}

// Generate is what is asked of each request; every field is sent explicitly.
type Generate struct {
	MaxTokens     int
	MinTokens     int
	Temperature   float64
	TopP          float64
	TopK          int   // 0 = off
	Seed          int64 // sent only when Temperature > 0
	Stop          []string
	IgnoreEOS     bool
	RepeatPenalty float64
	Thinking      string // "false" (also ""), "true", or a level: "low", "medium", "high"; chats only
	Template      string // text/template over .System, .Prompt, .Messages: rendered by matrix, sent raw; "" = the engine's own
}

// Warmup precedes the measured phase.
type Warmup struct {
	Requests    int
	UntilStable bool
}

// Isolation says how far a launch is kept from everything else.
type Isolation struct {
	Server           string // "cell", "group"
	Caches           string // "warm", "cold"
	PrefixCache      string // "off", "natural"
	Cooldown         time.Duration
	Exclusive        bool
	Alone            bool // no other launch runs beside it
	Prime            bool // with warm caches: an unmeasured start comes first where no like start is on record
	VRAMToleranceMiB float64
}

// Limits end what would not end by itself. Zero durations mean no limit.
type Limits struct {
	Load         time.Duration
	Cell         time.Duration
	Drain        time.Duration
	MaxErrorRate float64 // 1 = never give up
	MaxCells     int
}

// Capture says which outputs are stored.
type Capture struct {
	Outputs string // "all", "sample", "none"
	Sample  int    // how many, when "sample"
	Chunks  bool   // gaps between text events
}

// Telemetry is the sampling of the machine.
type Telemetry struct {
	Interval time.Duration
	Metrics  bool // the engine's own metrics
}

// SLO is what goodput counts; zero = not bounded.
type SLO struct{ TTFT, TPOT, E2E time.Duration }

// Fit is the memory prediction. A nil number is unknown.
type Fit struct {
	WeightsGiB       *float64
	KVGiBPerSequence *float64 // one sequence at prompt p95 + max_tokens
	OverheadGiB      *float64
	NeedGiB          *float64 // weights + overhead + one longest sequence
	BudgetGiB        *float64 // what the platform may use
	MaxSequences     *float64
	KVTokens         *float64 // predicted KV capacity
	Lines            []string // the sum, line by line, for explain
	Source           string   // "config.json", "gguf", "architecture", ""
}

// Infeasible reports that the prediction exceeds the budget.
func (f Fit) Infeasible() bool {
	return f.NeedGiB != nil && f.BudgetGiB != nil && *f.NeedGiB > *f.BudgetGiB
}

// Decision says how platforms are weighed.
type Decision struct {
	ID      string
	Weights map[string]float64
	Require map[string]float64
	Goals   map[string]string
	Place   Place

	Requests          []int64  // numbers of requests that are asked about; nil = the default ones
	PricePerHour      *float64 // of the machine, in Currency; nil = not said
	ElectricityPerKWh *float64
	Currency          string
}
