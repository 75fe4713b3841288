package cell

import "fmt"

// Dataset is where prompts come from.
type Dataset struct {
	ID        string
	Path      string     // absolute after loading; "" when Synthetic
	Format    string     // "", "openai_batch", "jsonl", "sharegpt", "csv", "parquet"; "" = by content and suffix
	Column    string     // of CSV and Parquet
	Synthetic *Synthetic // nil: read from Path
	Limit     int        // first so many prompts; 0 = all
	Shuffle   bool       // by Seed
	Repeat    bool       // a larger batch reuses prompts
	Chat      *bool      // nil: messages are sent as chat, prompts as completion
	Seed      int64      // of shuffle, synthetic prompts, nonces and arrivals
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
	Distribution string  // "constant", "uniform", "normal", "lognormal"
	Mean         float64 // of the lengths themselves, of a lognormal too
	Stddev       float64
	Min, Max     int // max 0 = none
}

// WithDefaults fills what follows from the rest: a spread means normal, bounds alone mean uniform.
func (l Length) WithDefaults() Length {
	if l.Distribution == "" {
		switch {
		case l.Stddev > 0:
			l.Distribution = "normal"
		case l.Min > 0 && l.Max > l.Min:
			l.Distribution = "uniform"
		default:
			l.Distribution = "constant"
		}
	}
	if l.Mean == 0 && l.Max > 0 {
		l.Mean = float64(max(l.Min, 1)+l.Max) / 2
	}
	if l.Distribution == "constant" {
		l.Min, l.Max = int(l.Mean), int(l.Mean)
	}
	l.Min = max(l.Min, 1)
	return l
}

// Validate says what no length can be drawn from, nil = nothing; defaults must be filled in.
func (l Length) Validate() *Problem {
	switch {
	case l.Mean < 1:
		return &Problem{Summary: "Length without a mean", Detail: "Give the mean number of tokens: { mean = 200 }, or min and max."}
	case l.Max > 0 && l.Max < l.Min:
		return &Problem{Summary: "Value out of range", Detail: fmt.Sprintf("max (%d) is below min (%d).", l.Max, l.Min)}
	case l.Distribution == "uniform" && l.Max == 0:
		return &Problem{Summary: "Uniform length without max", Detail: "A uniform distribution needs min and max."}
	case (l.Distribution == "normal" || l.Distribution == "lognormal") && l.Stddev == 0:
		return &Problem{Summary: "Length without a spread", Detail: fmt.Sprintf("A %s distribution needs stddev above 0.", l.Distribution)}
	}
	return nil
}
