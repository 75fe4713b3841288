package queueing

// The APIs that are spoken.
const (
	Offline = "vllm_offline" // whole batches, by POST /batch
	Serve   = "vllm_serve"
	Ollama  = "ollama"
)

// APIs are all of them, by the names of the backends whose engine has them.
func APIs() []string { return []string{Offline, Serve, Ollama} }

// Version is what the engine gives as its version.
const Version = "simulated"

// Options are how the engine behaves, as a platform's options say it.
type Options struct {
	API                   string  `json:"api"`                       // vllm_offline, vllm_serve, ollama
	Slots                 int64   `json:"slots"`                     // sequences that run at once
	PrefillTokensPerS     float64 `json:"prefill_tokens_per_s"`      // of the one prefill pipe
	DecodeTokensPerS      float64 `json:"decode_tokens_per_s"`       // of each sequence
	DecodeTotalTokensPerS float64 `json:"decode_total_tokens_per_s"` // of all sequences together; 0 = no cap
	KVTokens              int64   `json:"kv_tokens"`                 // room for prompts and outputs; 0 = no limit
	MaxModelLen           int64   `json:"max_model_len"`             // context window
	LoadS                 float64 `json:"load_s"`                    // time to load the weights
	WeightsGiB            float64 `json:"weights_gib"`               // 0 = not told

	// Faults, for tests of whoever drives an engine.
	ExitAtLoad       int64   `json:"exit_at_load"`       // exit code; −1 = it does not exit
	HangAtLoad       bool    `json:"hang_at_load"`       // never becomes ready
	OOMLog           bool    `json:"oom_log"`            // out of memory at load
	RefuseModel      bool    `json:"refuse_model"`       // the model is not there
	DieAfterRequests int64   `json:"die_after_requests"` // exits once so many are answered; 0 = never
	DieExitCode      int64   `json:"die_exit_code"`
	DieSlowly        bool    `json:"die_slowly"`    // … as vLLM with a dead EngineCore: errors for a while, then no listener, then exit code 0
	ErrorRate        float64 `json:"error_rate"`    // share of prompts that are answered with HTTP 500
	StallRate        float64 `json:"stall_rate"`    // share of prompts whose stream stops after its first token
	InvalidRate      float64 `json:"invalid_rate"`  // share of prompts whose answer misses the form that was asked for
	RefuseFormat     bool    `json:"refuse_format"` // a request for a form is answered with HTTP 400
}

// Defaults are the options that nobody set.
func Defaults() Options {
	return Options{
		API: Serve, Slots: 8, PrefillTokensPerS: 5000, DecodeTokensPerS: 50,
		MaxModelLen: 8192, LoadS: 0.1, ExitAtLoad: -1, DieExitCode: 1,
	}
}

// Context is the longest sequence that the engine takes: a sequence that the KV room cannot hold would wait for ever.
func (o Options) Context() int64 {
	if o.KVTokens > 0 {
		return min(o.MaxModelLen, o.KVTokens)
	}
	return o.MaxModelLen
}

// TakesBatches: the engine is handed its requests by POST /batch.
func (o Options) TakesBatches() bool { return o.API == Offline }

// LoadsWhenAsked: the server listens first and loads its model when a request without a prompt asks for it; what it
// speaks is Ollama's API.
func (o Options) LoadsWhenAsked() bool { return o.API == Ollama }

// Lacks are the fields of generate that the API does not have, and whose API that is.
func (o Options) Lacks() (whose string, fields []string) {
	if o.API == Ollama {
		return "Ollama", []string{"ignore_eos", "min_tokens", "choice", "regex"}
	}
	return "", nil
}
