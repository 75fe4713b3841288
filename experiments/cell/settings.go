package cell

import "time"

// The settings of a cell. An attribute is said once, by the tags of its field; the language, its defaults and checks, the
// identity, and the way back from a stored identity are read from there (see Attribute):
//
//	hcl       the name that a user writes; "" = it follows from others and cannot be written
//	kind      what may be written, where the field's type does not say it: path, memory, capture, thinking,
//	          document (JSON)
//	oneof     the words that a text may be
//	min, max  bounds of a number
//	default   what holds where it is not written; the zero value otherwise. Defaults that depend on other parts of the
//	          cell are in package grid. They may change between versions of matrix
//	frozen    the identity default: what an identity means by leaving the attribute out. It never changes: when the
//	          default does, the identity shows it. A new attribute has one that leaves old identities as they are
//	          A field that is a struct is no attribute, but has some
//	identity  its name in an identity; the user's name where absent (durations end in _s, memory in _mib), "-" = not in it

// Load is the shape in which requests are offered.
type Load struct {
	Mode        string        `hcl:"mode" oneof:"batch closed open"`
	Concurrency int           `hcl:"concurrency" default:"32" min:"1" frozen:"0"`                        // closed: requests in flight; 32 fills what one GPU holds without queueing for minutes
	Rate        float64       `hcl:"rate" min:"0" frozen:"0"`                                            // open: requests per second
	Arrival     string        `hcl:"arrival" default:"poisson" oneof:"poisson constant gamma" frozen:""` // open
	Burstiness  float64       `hcl:"burstiness" min:"0" frozen:"0"`                                      // open, gamma: shape of the distribution of gaps; 1 = Poisson, below it in bursts
	Trace       string        `hcl:"trace" kind:"path" identity:"-"`                                     // open: file of timestamps; absolute after loading
	TraceSHA256 string        `identity:"trace_sha256" frozen:""`                                        // of the trace's bytes; the path is no part of an identity
	Duration    time.Duration `hcl:"duration" frozen:"0s"`                                               // open: stop admitting after; 0 = by batch_size
	Timeout     time.Duration `hcl:"timeout" frozen:"0s"`                                                // per request; 0 = none
	Retries     int           `hcl:"retries" min:"0" frozen:"0"`                                         // of one request
	Ramp        time.Duration `hcl:"ramp" frozen:"0s"`                                                   // the time over which concurrency is reached
}

// Generate is what is asked of each request; every field is sent explicitly.
type Generate struct {
	MaxTokens     int      `hcl:"max_tokens" default:"256" min:"1"`
	MinTokens     int      `hcl:"min_tokens" min:"0" frozen:"0"`
	Temperature   float64  `hcl:"temperature" min:"0" frozen:"0"`
	TopP          float64  `hcl:"top_p" default:"1" min:"0" max:"1" frozen:"1"`
	TopK          int      `hcl:"top_k" min:"0" frozen:"0"` // 0 = off
	Seed          int64    `hcl:"seed" frozen:"0"`          // sent only when Temperature > 0
	Stop          []string `hcl:"stop" frozen:""`
	IgnoreEOS     bool     `hcl:"ignore_eos" frozen:"false"`
	RepeatPenalty float64  `hcl:"repeat_penalty" default:"1" min:"0" frozen:"1"`
	Thinking      string   `hcl:"thinking" kind:"thinking" default:"false" frozen:"false"` // "false" (also ""), "true", or a level: "low", "medium", "high"; chats only
	Format        ResponseFormat
	Tools         string `hcl:"tools" kind:"document" frozen:""`       // JSON list of the functions that a chat is offered, as OpenAI writes it; "" = none
	ToolChoice    string `hcl:"tool_choice" kind:"document" frozen:""` // JSON: "auto", "none", "required" or a function; "" = the engine's own, auto. Only with Tools
	Template      string `hcl:"template" frozen:""`                    // text/template over .System, .Prompt, .Messages: rendered by matrix, sent raw; "" = the engine's own
}

// Warmup precedes the measured phase.
type Warmup struct {
	Requests    int  `hcl:"requests" min:"1"`
	UntilStable bool `hcl:"until_stable" frozen:"false"`
}

// Isolation says how far a launch is kept from everything else.
type Isolation struct {
	Server           string        `hcl:"server" default:"cell" oneof:"cell group" frozen:"cell"`
	Caches           string        `hcl:"caches" default:"warm" oneof:"warm cold" frozen:"warm"`
	PrefixCache      string        `hcl:"prefix_cache" default:"off" oneof:"off natural" frozen:"off"`
	Cooldown         time.Duration `hcl:"cooldown" frozen:"0s"`
	Exclusive        bool          `hcl:"exclusive" default:"true" frozen:"true"`
	Alone            bool          `hcl:"alone" frozen:"false"`               // no other launch runs beside it
	Prime            bool          `hcl:"prime" default:"true" frozen:"true"` // with warm caches: an unmeasured start comes first where no like start is on record
	VRAMToleranceMiB float64       `hcl:"vram_tolerance" kind:"memory" default:"64" frozen:"64"`
}

// Limits end what would not end by itself. Zero durations mean no limit.
type Limits struct {
	Load         time.Duration `hcl:"load" default:"30m"`
	Cell         time.Duration `hcl:"cell"`
	Drain        time.Duration `hcl:"drain" default:"1m"`
	MaxErrorRate float64       `hcl:"max_error_rate" default:"0.5" min:"0" max:"1"` // 1 = never give up
	MaxCells     int           `hcl:"max_cells" min:"1" identity:"-"`
}

// Capture says which outputs are stored.
type Capture struct {
	Outputs string `hcl:"outputs" kind:"capture"` // "all", "sample", "none"
	Sample  int    `identity:"sample"`            // how many, when "sample"
	Chunks  bool   `hcl:"chunks"`                 // gaps between text events
}

// Telemetry is the sampling of the machine.
type Telemetry struct {
	Interval time.Duration `hcl:"interval" default:"1s"`
	Metrics  bool          `hcl:"metrics" default:"true"` // the engine's own metrics
}

// SLO is what goodput counts; zero = not bounded.
type SLO struct {
	TTFT time.Duration `hcl:"ttft"`
	TPOT time.Duration `hcl:"tpot"`
	E2E  time.Duration `hcl:"e2e"`
}

// ThinkingLevel reads Thinking: whether to think, and the level, "" = the model's own.
func (g *Generate) ThinkingLevel() (level string, think bool) {
	if g == nil {
		return "", false
	}
	switch g.Thinking {
	case "", "false":
		return "", false
	case "true":
		return "", true
	}
	return g.Thinking, true
}

// Normalised drops what the mode does not use: a batch has no concurrency, a closed load no rate.
func (l Load) Normalised() Load {
	switch l.Mode {
	case "batch":
		return Load{Mode: l.Mode, Timeout: l.Timeout, Retries: l.Retries}
	case "closed":
		l.Rate, l.Arrival, l.Burstiness, l.Trace, l.TraceSHA256, l.Duration = 0, "", 0, "", "", 0
	case "open":
		l.Concurrency, l.Ramp = 0, 0
		if l.Trace != "" {
			l.Arrival = ""
		}
		if l.Arrival != "gamma" {
			l.Burstiness = 0
		}
	}
	return l
}
