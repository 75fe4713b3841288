package cell

// Model is what each backend loads for one logical model.
type Model struct {
	ID           string
	Parts        map[string]Values    // what each engine loads: by EngineKind.Loads.Name
	Weights      map[string][]*Engine // what is installed for each part, beside the engine
	Architecture *Architecture        // for the memory prediction when no header can be read
	Place        Place
	Places       Places `json:"-"` // of its attributes: "openai.model"
}

// Architecture gives the figures of config.json that the memory prediction needs, where no file does. 0 = not said. Its tags
// are those of the settings.
type Architecture struct {
	Parameters       float64 `hcl:"parameters" min:"0"`  // count
	WeightsGiB       float64 `hcl:"weights_gib" min:"0"` // overrides Parameters
	Layers           int     `hcl:"layers" min:"0"`
	HiddenSize       int     `hcl:"hidden_size" min:"0"`
	IntermediateSize int     `hcl:"intermediate_size" min:"0"`
	Heads            int     `hcl:"heads" min:"0"`
	KVHeads          int     `hcl:"kv_heads" min:"0"` // fewer than Heads where they share keys and values
	HeadDim          int     `hcl:"head_dim" min:"0"`
	VocabSize        int     `hcl:"vocab_size" min:"0"`
	SlidingWindow    int     `hcl:"sliding_window" min:"0"` // tokens; 0 = all layers attend fully
	FullLayers       int     `hcl:"full_layers" min:"0"`    // layers with full attention; 0 with SlidingWindow = 0 means all
}

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
