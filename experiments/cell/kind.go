package cell

import (
	"cmp"
	"strconv"
)

// EngineKind is what reading a file, ordering its launches and telling its cells apart takes of an engine. The rest, its
// package below backends knows.
type EngineKind struct {
	Name      string                  // as platform.backend has it
	Server    string                  // whose server it is: what one platform asked of it, another finds in its cache; "" = may be any
	Batch     func(*Platform) bool    // takes the whole batch at once; nil: never
	Attached  bool                    // it runs already, and perhaps on another machine: nothing is launched
	Simulated bool                    // no real engine runs
	GPUs      func(*Platform) int     // how many it spans; nil: as many as the hardware block says, else one
	Loads     *Part                   // the attribute of a model block that says what it loads
	Sequences func(*Platform) float64 // answers that it lets grow at a time unless the memory bounds it; nil: not known
}

// Part is an attribute of a model block: what an engine loads.
type Part struct {
	Name       string
	Attributes []PartAttribute
}

// PartAttribute is a text within a part.
type PartAttribute struct {
	Name     string
	Path     bool // of a file: absolute after loading, and no part of the identity but by its digest
	Required bool
	Digest   bool // a long text: the identity has its SHA-256
}

// kinds are the engines in the order in which they are named to a user. They stand here until the table of main hands them
// to the language: what a package below backends says of its own engine cannot be read from here without a circle.
var kinds = []*EngineKind{
	{Name: VLLMOffline, Server: "vllm", Batch: always, GPUs: vllmGPUs, Sequences: vllmSequences},
	{Name: VLLMServe, Server: "vllm", GPUs: vllmGPUs, Sequences: vllmSequences},
	{Name: Ollama, Server: "ollama", Sequences: ollamaSequences},
	{Name: "llama_cpp", Server: "llama_cpp", Sequences: func(p *Platform) float64 { return float64(cmp.Or(p.Args.Int("parallel"), 4)) },
		Loads: &Part{Name: "llama_cpp", Attributes: []PartAttribute{{Name: "gguf", Path: true, Required: true}, {Name: "template", Digest: true}}}},
	{Name: OpenAI, Attached: true},
	{Name: OpenAIBatch, Attached: true, Batch: always},
	{Name: Simulator, Simulated: true, Batch: func(p *Platform) bool { return p.Options["api"] == VLLMOffline }},
}

// Kinds are the engines that a platform may ask for.
func Kinds() []*EngineKind { return kinds }

func always(*Platform) bool { return true }

func vllmGPUs(p *Platform) int {
	n := 1
	for _, name := range []string{"tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"} {
		n *= max(1, p.Args.Int(name))
	}
	return n
}

func vllmSequences(*Platform) float64 { return 256 } // its usual max_num_seqs

func ollamaSequences(p *Platform) float64 {
	if declared, err := strconv.ParseFloat(p.Env["OLLAMA_NUM_PARALLEL"], 64); err == nil {
		return declared
	}
	return 1
}

// Kind is what is known of the platform's engine; a name that nobody knows has nothing.
func (p *Platform) Kind() *EngineKind {
	for _, k := range kinds {
		if k.Name == p.Backend {
			return k
		}
	}
	return &EngineKind{}
}

// Batch reports whether the platform takes the whole batch at once.
func (p *Platform) Batch() bool {
	k := p.Kind()
	return k.Batch != nil && k.Batch(p)
}

// Attached reports whether the platform's server is there already, perhaps on another machine.
func (p *Platform) Attached() bool { return p.Attach || p.Kind().Attached }

// Simulated reports whether no real engine runs.
func (p *Platform) Simulated() bool { return p.Kind().Simulated }

// Local reports whether the platform's engine runs on this machine's hardware because we start it.
func (p *Platform) Local() bool { return !p.Simulated() && !p.Attached() }

// Server names whose server it is; platforms of one name may meet each other's prompts in its cache. "any" may be each.
func (p *Platform) Server() string { return cmp.Or(p.Kind().Server, "any") }

// Sequences is how many answers the engine lets grow at a time unless the memory bounds it; false where that is not known.
func (p *Platform) Sequences() (n float64, known bool) {
	if k := p.Kind(); k.Sequences != nil {
		return k.Sequences(p), true
	}
	return 0, false
}

// GPUs is how many GPUs the cell's engine spans, 0 where it runs on none of ours. One that does not say takes what it
// sees, so it sees as many as the hardware block says, else one.
func (c *Cell) GPUs() int {
	switch k := c.Platform.Kind(); {
	case !c.Platform.Local():
		return 0
	case k.GPUs != nil:
		return k.GPUs(c.Platform)
	case c.Hardware != nil && c.Hardware.GPUs > 0:
		return c.Hardware.GPUs
	}
	return 1
}
