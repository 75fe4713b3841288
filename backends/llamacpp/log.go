package llamacpp

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/ggml"
	"matrix/backends/launched"
)

// facts are what the server's log tells and its API does not.
type facts struct {
	devices           []string // that were offered layers
	layers, layersGPU *int64   // the output layer included; nil = not told
	weightBytes       float64  // of all model buffers; 0 = not told
	warnings          []string // in the server's words, each once
}

var (
	reStamp     = regexp.MustCompile(`^(\d+)\.(\d\d)\.(\d{3})\.(\d{3}) [A-Z] `) // min, s, ms and µs since it began
	reOffloaded = regexp.MustCompile(`offloaded (\d+)/(\d+) layers to GPU`)
	reDevice    = regexp.MustCompile(`using device (\S+)`)
	reLayers    = regexp.MustCompile(`print_info: n_layer +=\s*(\d+)`)
	reWeights   = regexp.MustCompile(`load_tensors: .*model buffer size = +([\d.]+) MiB`)
	// What the server does otherwise than it was asked to. Its other warnings come with each launch: that there is no API key,
	// and odd tokens of a vocabulary.
	reWarning = regexp.MustCompile(`^\S+ W (?:srv +load_model|llama_context|llama_init_from_model): (.+)|^warning: (no usable GPU found.+)`)
)

// ends of the parts of a load behind the process's start, in their order; each is the first line that has one of the words.
var ends = []struct {
	phase string
	words []string
}{
	{"import", []string{"loading model '", "main: loading model", "loading model"}},
	{"workers", []string{"fitting params to free memory took"}}, // the search for layers and context that fit
	{"weights", []string{"constructing llama_context", "llama_context: n_seq_max", "llama_init_from_model", "llama_new_context_with_model"}},
	{"kv_init", []string{"n_slots = "}}, // caches, scratch memory and an empty run
}

// loadLog takes the log in while the server loads.
type loadLog struct {
	mu    sync.Mutex // guards all: the watch writes, the launch reads
	began time.Time  // by our clock
	spec  backends.Spec
	zero  time.Duration            // of the log's own clock, since began
	set   bool                     // zero is known
	ended map[string]time.Duration // by phase, since began
	facts
}

// newLoadLog begins with the moment at which the process was started.
func newLoadLog(began time.Time, spec backends.Spec) *loadLog {
	return &loadLog{began: began, spec: spec, ended: map[string]time.Duration{}}
}

// line takes a line that was read at a time. Its own stamp, where it has one, is nearer to the truth: the log is polled.
func (l *loadLog) line(at time.Time, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := at.Sub(l.began)
	if m := reStamp.FindStringSubmatch(text); m != nil {
		stamp := stampOf(m)
		if !l.set {
			l.zero, l.set = max(0, since-stamp), true
		}
		since = min(since, l.zero+stamp)
	}
	for i, e := range ends {
		if _, known := l.ended[e.phase]; known {
			continue
		}
		for _, words := range e.words {
			if strings.Contains(text, words) {
				l.ended[e.phase] = since
				if i+1 < len(ends) {
					l.spec.Enter(ends[i+1].phase)
				}
				break
			}
		}
	}
	l.take(text)
}

// stampOf is the time on the log's own clock, which begins some way into the process's life.
func stampOf(m []string) time.Duration {
	var total time.Duration
	for i, unit := range []time.Duration{time.Minute, time.Second, time.Millisecond, time.Microsecond} {
		n, _ := strconv.Atoi(m[i+1]) // digits, by the pattern
		total += time.Duration(n) * unit
	}
	return total
}

// ready ends the load: what each part took, those that the log did not tell within the next.
func (l *loadLog) ready(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var before time.Duration
	for _, e := range ends {
		if end, told := l.ended[e.phase]; told && end >= before {
			l.spec.Observe(backends.Phase{Name: e.phase, Duration: end - before})
			before = end
		}
	}
	l.spec.Observe(backends.Phase{Name: "ready", Duration: max(0, at.Sub(l.began)-before)})
}

// take reads one line. Builds differ in what they print, so every fact is optional, and the count of layers has two
// sources.
func (f *facts) take(line string) {
	if m := reOffloaded.FindStringSubmatch(line); m != nil {
		f.layersGPU, f.layers = ggml.Count(m[1]), ggml.Count(m[2])
	}
	if m := reDevice.FindStringSubmatch(line); m != nil {
		f.devices = append(f.devices, m[1])
	}
	if m := reLayers.FindStringSubmatch(line); m != nil && f.layers == nil {
		if n := ggml.Count(m[1]); n != nil {
			*n++ // the output layer is one
			f.layers = n
		}
	}
	if m := reWeights.FindStringSubmatch(line); m != nil {
		if mib, err := strconv.ParseFloat(m[1], 64); err == nil {
			f.weightBytes += mib * (1 << 20)
		}
	}
	if m := reWarning.FindStringSubmatch(line); m != nil {
		// The search for what fits makes a context too, and is warned as well.
		if text := "llama.cpp warns: " + m[1] + m[2]; !slices.Contains(f.warnings, text) {
			f.warnings = append(f.warnings, text)
		}
	}
}

// told is a copy of what the log has told by now.
func (l *loadLog) told() facts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.facts
}

// failures are how a launch is known to fail.
var failures = []launched.Sign{
	launched.Known("couldn't bind|address already in use", "port_taken", true, "free the port, or leave args.port out"),
	launched.Known("no module named", "missing_binary", true, "install xllamacpp into platform.python"),
	launched.Known("error while loading shared libraries", "missing_binary", true, "this build lacks a library: install it, or another build"),
	launched.Known("illegal instruction", "missing_binary", true, "this build wants another processor"),
	launched.Known("invalid argument:|error: argument|has no argument", "bad_argument", false, "correct platform.args: this build does not know it"),
	launched.Known("too many open files", "file_limit", true, "raise the limit of open files (ulimit -n)"),
	launched.Known("out of memory|failed to allocate|unable to allocate", "oom", false, "lower ctx_size or parallel, or take a smaller model"),
	launched.Known("unknown model architecture", "unsupported", false, "this build cannot run the model: take a newer one"),
	launched.Known("invalid magic", "bad_model", false, "the file is no GGUF"),
	launched.Known("failed to load model", "bad_model", false, "see the log's last lines"),
}
