package record

import (
	"matrix/experiments/cell"
)

// Run is what the runner knows of an attempt beside its rows. The store adds the metrics that follow
// from the rows and samples (Summary) when it writes run.parquet.
type Run struct {
	Axes          map[string]string
	Identity      cell.Identity
	Engine        Engine
	Machine       Machine
	Phases        map[string]float64 // s; a phase the engine does not tell is absent
	LoadS         *float64           // process start → first token of the first request
	BeganUnixS    float64            // wall clock of the measured phase's beginning
	Segments      []Segment
	Planned       int64 // requests planned in the measured phase
	PageCache     string
	CompileCache  string
	Fit           cell.Fit
	SLO           *cell.SLO
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

// Calibration is what matrix's own client costs on a machine, as `matrix calibrate` measured it against a mock server.
type Calibration struct {
	Host               string  `json:"host"`
	Cores              int     `json:"cores"`
	UnixS              float64 `json:"unix_s"`                    // when it was measured
	EventsPerSCore     float64 `json:"events_per_s_core"`         // events that came together, at one second of CPU
	CPUPerRequestS     float64 `json:"cpu_per_request_s"`         // an answer of one event
	CPUPerEventS       float64 `json:"cpu_per_event_s"`           // a further event that comes by itself
	TimestampErrorP99S float64 `json:"timestamp_error_p99_s"`     // an event's time of receipt − the server's time of writing
	SendLatenessP99S   float64 `json:"send_lateness_p99_s"`       // at 1,000 requests a second: time of sending − time scheduled
	MockLateP99S       float64 `json:"mock_late_p99_s,omitempty"` // how late the mock itself was; part of no other figure
}

// CPUCores is how many cores the client needs for so many requests and events a second.
func (c Calibration) CPUCores(requestsPerS, eventsPerS float64) float64 {
	return requestsPerS*c.CPUPerRequestS + max(0, eventsPerS-requestsPerS)*c.CPUPerEventS
}
