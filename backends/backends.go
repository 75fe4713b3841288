package backends

import (
	"context"
	"io/fs"
	"iter"
	"path/filepath"
	"time"

	"matrix/experiments/cell"
)

// Backend is one serving system: what it is here, how a cell's engine is launched, and whatever else it knows. A field that
// is nil is something that it cannot do. The table of them all is package engines; a new engine is one package that
// makes such a value, and a line there. It is a struct and no interface: what few engines know would otherwise be an
// interface of one method each, found by a type assertion that a misspelt method fails in silence.
type Backend struct {
	// Kind is what the language takes of the engine: its name in a file, the attribute of a model that says what it loads,
	// whether it takes batches. Attached servers and the simulator have none: the language has theirs.
	Kind *cell.EngineKind
	// Check says what the engine cannot do for a cell, without starting it.
	Check func(c *cell.Cell) []cell.Problem
	// Fit predicts the memory of a cell by the engine's own rules; promptTokens is the 95th percentile of its prompts.
	Fit func(c *cell.Cell, promptTokens int) cell.Fit
	// Resolve says what would run: engine version, model commit or digests. It reads
	// files only: no import of vLLM (23 s), no GPU, no network. A part that cannot be
	// told is left empty; an error names what is missing (interpreter, package, model).
	Resolve func(ctx context.Context, cell *cell.Cell) (Identity, error)
	// Launch returns when the engine is ready and proven ours, or with an error. A
	// *LaunchError says whose fault it was. Phases are reported through spec.Observe.
	Launch func(ctx context.Context, spec Spec) (Engine, error)

	// Refuses says why a field of Request.Extra cannot be sent, or that its request would fail, and what to do; "" = it is
	// sent. word is what of the value matters: response_format's type, and the tool_choice that goes with tools.
	Refuses func(c *cell.Cell, field, word string) string
	// Reserves is how many bytes of a GPU with so many the engine takes at its start, and does not start without; 0 = it
	// takes what there is.
	Reserves func(c *cell.Cell, totalBytes int64) int64
	// Compiles names what an engine compiles at its first start and keeps on disk, so that this start takes longer than any
	// later one; told from the platform's backend, arguments and environment. Engines of one version and model with the
	// same name find each other's code. "" = nothing is kept.
	Compiles func(platform string, args cell.Values, env map[string]string) string
	// ModelFiles are absolute paths of what a launch reads the weights from; none where the model is not here.
	ModelFiles func(c *cell.Cell) []string

	// Recipe is a shell script that starts the cell's engine with the settings that a launch would give it, and needs
	// nothing of matrix. port is the server's, 0 = the declared one, else the engine's usual one. What is missing on
	// this machine is said in the script's comments: it may be meant for another. example is a request of the cell, which
	// the script shows as it is sent; a zero one is made up.
	Recipe func(ctx context.Context, cell *cell.Cell, port int, example Request) (string, error)
	// Lacking asks the network which models of a cell are not here yet, with sizes; empty when everything is.
	Lacking func(ctx context.Context, cell *cell.Cell) ([]Download, error)
	// Fetch gets one of them; a fetch that was cut off goes on where it stopped. progress is called from one goroutine.
	Fetch func(ctx context.Context, cell *cell.Cell, d Download, progress func(doneBytes, totalBytes int64)) error
	// Installed says what a launch of the platform would find, in the same way: under its environment.
	Installed func(p *cell.Platform) Installed
	// Program is how it is built; nil = it comes as a package, or is there.
	Program *Program
}

// Program is how a program of which an engine block gives the version comes to be on this machine.
type Program struct {
	// Pin says what the sources of a version are, by name and digest, and how many bytes are downloaded for them (0 = not
	// told). with: packages are installed beside it.
	Pin func(ctx context.Context, version string, with bool) (source string, bytes int64, err error)
	// Build makes a folder's bin/NAME from just these sources.
	Build func(ctx context.Context, version, source, folder string) error
}

// Fault is why something cannot be had, and what to do.
type Fault struct {
	Err  error
	Hint string
}

// Error leaves the hint out, which is shown on a line of its own.
func (f *Fault) Error() string { return f.Err.Error() }
func (f *Fault) Unwrap() error { return f.Err }

// Installed is an engine as it stands on this machine.
type Installed struct {
	Name    string // "vLLM"
	Version string // "" = it could not be asked
	Path    string // of its interpreter or executable
	Tested  string // versions that the project's tests run against
	Advice  string // what to do where it is missing
	Err     error  // why it cannot be started
}

// Download is something that a cell's model needs and that this machine lacks.
type Download struct {
	Name  string // "google/gemma-3-4b-it", "gemma3:4b-it-fp16"
	Bytes *int64 // nil: the other side does not say
	Into  string // absolute folder that it lands in; else the URL of an attached server, which keeps it
}

// Engine is one launched system. Generate is called concurrently.
type Engine interface {
	Generate(ctx context.Context, req Request) Reply // never an error: the Reply says how it ended
	Info() Info
	Done() <-chan struct{}           // closed when the engine dies; Info().Cause says how
	Close(ctx context.Context) error // stops it, whatever state it is in; idempotent
}

// Ended reports whether an engine has died or was stopped.
func Ended(e Engine) bool {
	select {
	case <-e.Done():
		return true
	default:
		return false
	}
}

// Prober is an Engine that can be asked whether it is well, beside the requests that are measured. nil = it is. An error
// that has a timeout in it (errors.Is DeadlineExceeded) tells nothing: the engine may just be busy.
type Prober interface {
	Health(ctx context.Context) error
}

// Batcher is an Engine that takes a whole batch at once. Replies carry their request's Seq; for every
// Seq not answered when it returns, the runner writes the row. done is called from one goroutine.
type Batcher interface {
	Engine
	GenerateAll(ctx context.Context, reqs iter.Seq[Request], done func(Reply)) error
}

// Identity is what a backend would run for a cell, read from files.
type Identity struct {
	Engine  string      // "vllm", "ollama", "openai", "simulator"
	Version string      // exact; "" = unknown until apply
	Model   cell.Values // repository and commit, or digests; goes into the identity's model component
	Notes   []string    // said in the plan: "not downloaded, 8.6 GB"
	// NoTemplate names a model that was found to have no chat template, so that the engine would refuse chats, or take them
	// for something else; TemplateHint is what to set for this engine, beside what all know.
	NoTemplate, TemplateHint string
	Thinks                   bool  // its chat template knows a switch for thinking
	NeverThinks              bool  // its chat template was read, and knows none
	Missing                  error // what must be there before a launch: interpreter, package, model
}

// Spec is one launch of one cell.
type Spec struct {
	Cell    *cell.Cell
	Attempt string      // ULID; also MATRIX_ATTEMPT in the engine's environment
	Dir     string      // scratch folder of this launch, removed by the runner
	Keep    string      // folder for what a later segment of the attempt may need after a crash; made by the backend, "" = none
	LogPath string      // the engine's stdout and stderr, appended
	GPUs    []string    // UUIDs for CUDA_VISIBLE_DEVICES; nil = as it is
	Observe func(Phase) // never nil; called from any goroutine
	// Entered says that a part of the load begins, for whoever watches; called from any goroutine. nil = nobody does.
	Entered func(phase string)
	// Listens says where the engine is going to answer, for whoever watches; called from any goroutine. nil = nobody does.
	Listens func(url string)
	Timeout time.Duration // of the load; 0 = none (ctx also bounds it)
}

// Enter says that a part of the load begins.
func (s Spec) Enter(phase string) {
	if s.Entered != nil {
		s.Entered(phase)
	}
}

// Listen says where the engine is going to answer.
func (s Spec) Listen(url string) {
	if s.Listens != nil {
		s.Listens(url)
	}
}

// Phase is a part of a launch that has ended, or an engine's own statement about one.
type Phase struct {
	Name     string // drain, spawn, import, workers, weights, compile, graph_capture, kv_init, ready, warmup, measure, stop, vram_release
	Duration time.Duration
}

// Command is what a backend runs; also what `matrix recipe` prints.
type Command struct {
	Argv  []string          // Argv[0] is the program, absolute where it was found
	Env   map[string]string // set beside the declared base list
	Files map[string]string // name → contents, written to Spec.Dir first
	Dir   string            // working folder
}

// Info is what an engine tells of itself; it may grow while it runs.
type Info struct {
	Engine, Version string            // "vllm"; as it runs, which may differ from Identity's
	PIDs            []int             // roots of its process tree; none when attached
	MetricsURL      string            // Prometheus text; "" = none
	MetricsPrefix   string            // of its metrics' names; "" = Engine and a colon
	LogPath         string            // "" when attached
	Argv            []string          // as started; nil when attached
	Env             map[string]string // as declared, secrets left out
	KVTokens        *int64            // room of the KV cache, all sequences together
	MaxModelLen     *int64            // tokens of one request
	WeightBytes     *int64            // as loaded, of one GPU where they are split; else as stored
	Layers          *int64            // the output layer counted
	LayersGPU       *int64            // of Layers; nil = not told
	SizeBytes       *int64            // Ollama's size
	SizeVRAMBytes   *int64            // Ollama's size_vram
	DType           string            // "bfloat16"; "" = not told
	Quantization    string            // as the engine's own files say it: "Q4_K_M", "fp8"; "" = none, or not told
	Tokenizer       string            // repository or folder; "" = the model's own
	Revision        string            // commit, or "sha256:" and a file's digest
	Template        string            // chat template's SHA-256, "" = none used
	Simulated       bool              // its figures say nothing about a real engine
	Attached        bool              // somebody else runs it
	Warnings        []string          // what makes the figures other than they look
	Footprint       *Footprint        // nil = not found
	Cause           error             // once Done is closed: how it ended
}

// Footprint is what it takes to have the engine installed.
type Footprint struct {
	Packages int64 // 1 for a program with its libraries
	Bytes    int64 // on the disk
}

// ProgramFootprint is that of one program: the regular files at or below these paths, a link's target counted. What cannot be
// read is left out: a footprint is no reason to fail a launch.
func ProgramFootprint(paths ...string) *Footprint {
	f := &Footprint{Packages: 1}
	for _, path := range paths {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			f.Bytes += FolderBytes(target)
		}
	}
	return f
}

// FolderBytes adds up the regular files below a folder, as far as they can be read.
func FolderBytes(folder string) (bytes int64) {
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}
