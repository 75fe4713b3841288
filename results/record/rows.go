package record

// Keys stand in every table, so one glob works with no join.
type Keys struct {
	Experiment    string
	Cell          string // 16 hex digits of the address
	Launch        int32  // 1-based
	Attempt       string // ULID
	AttemptStatus string // complete, engine_failed, censored, environment_failed, interrupted
	Platform      string
	Model         string
	BatchSize     int64
}

// RequestRow is one request; a pointer is nil where the value never came.
// Times are seconds since the measured phase began (negative in warm-up).
type RequestRow struct {
	Seq        int64
	PromptID   string
	PromptHash [16]byte // SHA-256 of what was sent, first 16 bytes
	Phase      string   // warmup, measure
	Segment    int32    // 1-based

	Status     string
	HTTPStatus *int32
	ErrorClass string // "" = null
	Error      string // "" = null
	Attempts   int32
	Reconnects int32
	Flags      string // "" = null

	ScheduledS  *float64
	SentS       *float64
	FirstChunkS *float64
	FirstTokenS *float64
	LastTokenS  *float64
	DoneS       *float64
	// FirstAnswerS is the first token that is no reasoning.
	FirstAnswerS *float64

	InputTokens     *int64
	OutputTokens    *int64
	CachedTokens    *int64
	ReasoningTokens *int64 // of OutputTokens
	MaxTokens       int64
	TokenSource     string
	FinishReason    string // "" = null
	Chunks          int32

	TTFTS           *float64
	TTFTFirstChunkS *float64
	TTFOS           *float64
	TPOTS           *float64
	E2ES            *float64
	E2EClosedS      *float64
	ClientQueueS    *float64
	ServerQueueS    *float64
	ServerPrefillS  *float64
	ServerDecodeS   *float64

	Valid         *bool  // nil: nobody looked
	InvalidReason string // "" = null

	OutputHash [16]byte // zero = no output
	ChunkGapsS []float64
}

// OutputRow is one captured answer.
type OutputRow struct {
	Seq      int64
	PromptID string
	Segment  int32
	Text     string
}

// SampleRow is one telemetry reading, tidy.
type SampleRow struct {
	TimeS   float64 // since the measured phase began; negative before
	UnixS   float64 // wall clock
	Segment int32
	Source  string // "process", "host", "nvml:GPU-…", "vllm"
	Metric  string // with its unit: rss_bytes, cpu_s, power_w
	Value   float64
}

// CountRow tells whether one attempt counts. What counts changes after an attempt was committed (its launch is measured
// again, its cell changes, a person voids or accepts it), so it cannot stand in the attempt's own files, which never
// change; and moving folders about would break what refers to them and what other machines merge.
type CountRow struct {
	Experiment, Cell string
	Launch           int32
	Attempt          string
	Counts           bool
	WhyNot           string // "" = null
}
