package cell

// Model is what each backend loads for one logical model.
type Model struct {
	ID           string
	VLLM         *VLLMModel
	Ollama       *OllamaModel
	OpenAI       *OpenAIModel
	Parts        map[string]Values // what engines load whose kind describes it: by EngineKind.Loads.Name
	Architecture *Architecture     // for the memory prediction when no header can be read
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
