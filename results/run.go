package results

import (
	"encoding/json"
	"time"

	"matrix/experiments"
)

// Statuses of an attempt.
const (
	Complete          = "complete"
	EngineFailed      = "engine_failed"
	Censored          = "censored"
	EnvironmentFailed = "environment_failed"
	Interrupted       = "interrupted"
)

// Run is what the runner knows of an attempt beside its rows. The store adds the metrics that follow
// from the rows and samples (Summary) when it writes run.parquet.
type Run struct {
	Axes          map[string]string
	Identity      experiments.Identity
	Engine        Engine
	Machine       Machine
	Phases        map[string]float64 // s; a phase the engine does not tell is absent
	LoadS         *float64           // process start → first token of the first request
	BeganUnixS    float64            // wall clock of the measured phase's beginning
	Segments      []Segment
	Planned       int64 // requests planned in the measured phase
	PageCache     string
	CompileCache  string
	Fit           experiments.Fit
	SLO           *experiments.SLO
	Mode          string // batch, closed, open
	Concurrency   int64  // 0 = null
	Neighbours    int64
	GPUs          []string // UUIDs that the launch could use; nil = none, or not ours to say
	Server        string   // "cell": a server of its own, "group": shared with other cells
	ServerLaunch  string   // group: ULID of the server's launch, a folder under launches/
	HostSwap      *int64   // bytes of the host's swap in use at the start
	HostLoad1     *float64 // the host's load average over one minute at the start
	OrderSeed     int64
	OrderIndex    int64
	ClientCPUS    *float64 // matrix's own CPU seconds in the measured phase
	ClientLimited *bool
	// Of what the client saw on its connections; nil where it does not tell (an engine that takes whole batches).
	BurstInS        *float64 // a batch on a server: from the first dispatch until the last request had a connection
	InFlightMax     *int64
	UnansweredMax   *int64 // in flight without a byte of an answer
	Reconnects      *int64
	ListenOverflows *int64       // connections that this machine's kernel dropped at full backlogs meanwhile; nil: not known
	Calibration     *Calibration // by which ClientLimited was judged; nil: never calibrated
	Simulated       bool
	Imported        bool
	Given           map[string]float64 // imported only: metric column → what the other tool said; of totals it counts before the rows
	Untold          map[string]string  // imported only: metric column → why nobody knows it, whatever the rows say
	SettingsCount   *int64             // settings that differ from the engine's defaults
	EngineMetrics   map[string]float64 // /metrics after − before, by name
	Warnings        []string
}

// Engine is the launched system as the row tells it.
type Engine struct {
	Name, Version            string
	Argv                     []string
	Env                      map[string]string
	Revision                 string
	WeightBytes              *int64
	DType, Quantization      string
	Tokenizer, Template      string
	KVTokens, MaxModelLen    *int64
	Layers, LayersGPU        *int64
	SizeBytes, SizeVRAMBytes *int64
	FootprintPackages        *int64
	FootprintBytes           *int64
}

// Machine is where it ran.
type Machine struct {
	Host, CPU, Kernel, OS string
	Cores                 int64
	RAMBytes              int64
	GPUName, GPUUUID      string // "" = none seen
	GPUs                  int64
	GPUMemoryBytes        *int64
	Driver, CUDA          string
	PowerLimitW           *float64
	Governor              string
}

// Segment is one stretch of an attempt: its own launch of the engine.
type Segment struct {
	Segment   int32              `json:"segment"`
	NonceSalt int64              `json:"nonce_salt,omitempty"` // of the prompts' nonces; 0 = those of the dataset alone
	DurationS float64            `json:"duration_s"`           // first dispatch → last completion
	LoadS     *float64           `json:"load_s"`
	Phases    map[string]float64 `json:"phases"`
	Reason    string             `json:"reason"` // why it ended: "done", "interrupted", "engine_died" …
}

// Manifest is manifest.json: what an attempt is, without reading its Parquet.
type Manifest struct {
	Schema     int                  `json:"schema"`
	Experiment string               `json:"experiment"`
	Address    string               `json:"address"`
	Slug       string               `json:"slug"`
	Name       string               `json:"name"` // coordinates
	Launch     int                  `json:"launch"`
	Attempt    string               `json:"attempt"`
	Status     string               `json:"status"`
	Reason     string               `json:"reason"` // one line: why it ended so
	LogTail    string               `json:"log_tail,omitempty"`
	Platform   string               `json:"platform"`
	Model      string               `json:"model"`
	BatchSize  int                  `json:"batch_size"`
	Axes       map[string]string    `json:"axes"`
	Identity   experiments.Identity `json:"identity"`
	Began      time.Time            `json:"began"`
	Ended      time.Time            `json:"ended"`
	Host       string               `json:"host"`
	Matrix     string               `json:"matrix"` // our version
	Simulated  bool                 `json:"simulated"`
	Source     string               `json:"source"` // SHA-256 of the HCL under sources/
	Segments   int                  `json:"segments"`
	Planned    int64                `json:"planned"`
	OK         int64                `json:"ok"`
	Neighbours int64                `json:"neighbours,omitempty"` // other launches on this machine meanwhile
	Server     string               `json:"server,omitempty"`     // "group": it shared its server with other cells
	Summary    map[string]float64   `json:"summary"`              // load_s, duration_s, output_throughput …: for plan estimates and show
	Files      map[string]FileSum   `json:"files"`
	Self       string               `json:"self"` // SHA-256 of this document with self = ""
}

// FileSum is a file's size and SHA-256.
type FileSum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Mark is a user's word on an attempt or a cell: taint or accept.
type Mark struct {
	Kind     string          `json:"kind"`               // taint, accept
	Attempt  string          `json:"attempt,omitempty"`  // "" = the whole cell
	Attempts []string        `json:"attempts,omitempty"` // that the cell had, when it is of the whole cell; nil = an older matrix's, which goes by the clock
	Reason   string          `json:"reason"`
	Identity json.RawMessage `json:"identity,omitempty"` // accept: the identity that is blessed
	At       time.Time       `json:"at"`
	Who      string          `json:"who"`
}
