package cell

// Names of the backends that are no engine of anybody's.
const (
	OpenAI      = "openai"
	OpenAIBatch = "openai_batch"
	Simulator   = "simulator"
)

// Platform is a serving system with its settings.
type Platform struct {
	ID        string
	Backend   string            // an EngineKind's name
	Args      Values            // engine arguments in snake_case, passed through
	Env       map[string]string // added to the engine's environment
	Options   Values            // Ollama's options; the simulator's queueing model
	Engine    *Engine           // what is installed for it, which Python and Binary are of; nil: whatever stands there
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

// Hardware is a constraint on the machine that runs a cell. Its tags are those of the settings.
type Hardware struct {
	ID        string
	GPU       string  `hcl:"gpu"` // product name as NVML reports it; "" = no GPU asked for
	GPUs      int     `hcl:"gpus" min:"0"`
	VRAMGiB   float64 `hcl:"vram_gib" min:"0"` // usable, per GPU, as CUDA reports it; 0 = unknown
	RAMGiB    float64 `hcl:"ram_gib" min:"0"`  // of the host; 0 = unknown
	MinDriver string  `hcl:"min_driver"`       // a lower version is refused; "" = any
	Slurm     Values  // what a job asks Slurm for, as sbatch names it
	Place     Place
}
