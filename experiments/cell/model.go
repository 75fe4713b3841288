package cell

// Model is what each backend loads for one logical model.
type Model struct {
	ID           string
	Parts        map[string]Values // what each engine loads: by EngineKind.Loads.Name
	Architecture *Architecture     // for the memory prediction when no header can be read
	Place        Place
	Places       Places `json:"-"` // of its attributes: "openai.model"
}

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
