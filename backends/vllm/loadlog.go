package vllm

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"matrix/backends"
)

// loadLog reads a starting engine's log line by line. It tells the phases:
//
//	import         until the engine core begins: both processes import vLLM and torch, one after the other
//	workers        until the first of them begins to load: their own imports, devices, communication
//	weights        as vLLM states it; the slowest worker's
//	compile        torch.compile, as stated
//	graph_capture  of CUDA graphs, as stated
//	kv_init        profiling and KV cache: "init engine" without the two above
//	ready          from there until the first request can be sent
//
// The phases follow each other, so they add up to the load but for what lies between two of them (the construction of
// the model, a line that was seen late). A phase that the log does not tell is not told.
type loadLog struct {
	spec backends.Spec // who is told

	mu       sync.Mutex // the log is read by one goroutine, its facts by another
	began    time.Time
	imported time.Time     // zero: not yet
	running  string        // the phase at hand
	working  bool          // the phase of the workers has ended
	weights  time.Duration // slowest so far; told when the next phase is
	compiled time.Duration // 0 = nothing was, or it was in the cache
	graphs   time.Duration // 0 = none captured
	initDone time.Time     // zero: the engine is not up yet

	version     string // as the engine's first line has it; "" = not told
	kvTokens    *int64 // nil = not told
	weightBytes *int64 // of one worker, as loaded; nil = not told
}

var (
	// Of several versions: a line that a later one words otherwise is missed, and its phase not told.
	reEngine  = regexp.MustCompile(`Initializing a V1 LLM engine \(v([^)\s]+)\)`)
	reWorkers = regexp.MustCompile(`Starting to load model `)
	reWeights = regexp.MustCompile(`Loading weights took ([\d.]+) seconds`)
	reModel   = regexp.MustCompile(`Model loading took ([\d.]+) GiB(?: memory)? and ([\d.]+) seconds`)
	reCompile = regexp.MustCompile(`torch\.compile.* took ([\d.]+) s in total`)
	reKV      = regexp.MustCompile(`KV cache size: ([\d,]+) tokens`)
	reGraphs  = regexp.MustCompile(`Graph capturing finished in (\d+) secs`)
	reTrace   = regexp.MustCompile(`Dynamo bytecode transform|[Cc]ompil(?:e|ing) a graph|torch_compile_cache|compiled graph\(s\)`)
	reCapture = regexp.MustCompile(`Capturing CUDA graphs|Profiling CUDA graph memory`)
	reInit    = regexp.MustCompile(`init engine \(.*\) took ([\d.]+) s(?:econds)?(?: \(compilation: ([\d.]+))?`)
)

// newLoadLog begins with the moment at which the process was started.
func newLoadLog(began time.Time, spec backends.Spec) *loadLog {
	l := &loadLog{began: began, spec: spec}
	l.enter("import")
	return l
}

// line takes one log line that was seen at a time.
func (l *loadLog) line(at time.Time, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case match(reEngine, text) != nil:
		l.version = match(reEngine, text)[1]
		if l.imported.IsZero() { // each data-parallel engine says it
			l.imported = at
			l.tell("import", at.Sub(l.began))
			l.enter("workers")
		}
	case match(reWorkers, text) != nil:
		if !l.imported.IsZero() && !l.working {
			l.working = true
			l.tell("workers", at.Sub(l.imported))
			l.enter("weights")
		}
	case match(reWeights, text) != nil:
		l.weights = max(l.weights, seconds(match(reWeights, text)[1]))
	case match(reModel, text) != nil:
		m := match(reModel, text)
		l.weights = max(l.weights, seconds(m[2])) // includes "Loading weights"
		if gib, err := strconv.ParseFloat(m[1], 64); err == nil {
			bytes := int64(gib * (1 << 30))
			l.weightBytes = &bytes
		}
		l.enter("kv_init") // profiling begins; what is compiled meanwhile says so
	case match(reCompile, text) != nil:
		l.compiled = max(l.compiled, seconds(match(reCompile, text)[1]))
		l.enter("kv_init")
	case match(reTrace, text) != nil:
		l.enter("compile")
	case match(reCapture, text) != nil:
		l.enter("graph_capture")
	case match(reKV, text) != nil:
		if n, err := strconv.ParseInt(strings.ReplaceAll(match(reKV, text)[1], ",", ""), 10, 64); err == nil {
			l.kvTokens = &n
		}
	case match(reGraphs, text) != nil:
		l.graphs = max(l.graphs, seconds(match(reGraphs, text)[1]))
		l.enter("kv_init")
	case match(reInit, text) != nil:
		l.initialised(at, match(reInit, text))
	}
}

// initialised takes vLLM's own sum of the phases. What is neither compilation nor graph capture is the allocation of the KV
// cache and its profiling run.
func (l *loadLog) initialised(at time.Time, m []string) {
	took := seconds(m[1])
	if m[2] != "" {
		l.compiled = max(l.compiled, seconds(m[2]))
	}
	l.tellWeights()
	if l.compiled > 0 {
		l.tell("compile", l.compiled)
	}
	if l.graphs > 0 {
		l.tell("graph_capture", l.graphs)
	}
	l.tell("kv_init", max(took-l.compiled-l.graphs, 0))
	l.initDone = at
	l.enter("ready")
}

// tellWeights tells once: with the next phase, or at the end where a version says nothing of that one.
func (l *loadLog) tellWeights() {
	if l.weights > 0 {
		l.tell("weights", l.weights)
	}
	l.weights = 0
}

// ready ends the last phase.
func (l *loadLog) ready(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tellWeights()
	if !l.initDone.IsZero() {
		l.tell("ready", max(at.Sub(l.initDone), 0))
	}
}

// facts are what the log told of the engine; absent ones are "" and nil.
func (l *loadLog) facts() (version string, kvTokens, weightBytes *int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version, l.kvTokens, l.weightBytes
}

// tell is called with the lock held: Observe must not come back here.
func (l *loadLog) tell(name string, d time.Duration) {
	l.spec.Observe(backends.Phase{Name: name, Duration: d})
}

// enter says that a phase begins, unless it runs.
func (l *loadLog) enter(name string) {
	if l.running != name {
		l.running = name
		l.spec.Enter(name)
	}
}

func match(re *regexp.Regexp, text string) []string { return re.FindStringSubmatch(text) }

// seconds is 0 for what is no number: a phase without a length is not told.
func seconds(text string) time.Duration {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}
