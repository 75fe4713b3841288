package ollama

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// facts are what a server's log tells and its API does not.
type facts struct {
	listening string // address
	gpu       bool   // inference on a GPU was found possible
	computes  bool   // the line that tells so is there
	layers    *int64 // offered to the GPU, the output layer included
	layersGPU *int64
	slots     *int64        // requests at once
	loads     int           // runners started
	cut       int           // prompts cut to the window
	started   time.Duration // the runner, with the model in it, as the last load states it; 0 = not told
	warnings  []string
}

var (
	reListening = regexp.MustCompile(`msg="Listening on (\S+) \(version`)
	reCompute   = regexp.MustCompile(`msg="inference compute".* library=(\w+)`)
	reOffloaded = regexp.MustCompile(`offloaded\s+(\d+)/(\d+)\s+layers to GPU`)
	reRunner    = regexp.MustCompile(`msg="starting (?:llama server|llama-server|runner)" cmd="([^"]*)`)
	reSlots     = regexp.MustCompile(`(?:--parallel|-np) (\d+)`)
	reStarted   = regexp.MustCompile(`msg="(?:llama runner|llama-server) started in ([\d.]+) seconds`)
	reMessage   = regexp.MustCompile(`msg="?([^"]*)`)
)

// worth are warnings that change what is measured.
var worth = []string{
	"requested context size too large for model", "does not currently support parallel requests", "kv cache type not supported",
	"flash attention enabled but not supported", "quantized kv cache requested but flash attention disabled", "does not support parallel",
}

// take reads one line.
func (f *facts) take(line string) {
	if m := reListening.FindStringSubmatch(line); m != nil {
		f.listening = m[1]
	}
	if m := reCompute.FindStringSubmatch(line); m != nil {
		f.computes = true
		f.gpu = f.gpu || !strings.EqualFold(m[1], "cpu")
	}
	if m := reOffloaded.FindStringSubmatch(line); m != nil {
		f.layersGPU, f.layers = number(m[1]), number(m[2])
	}
	if m := reRunner.FindStringSubmatch(line); m != nil {
		f.loads++
		if s := reSlots.FindStringSubmatch(m[1]); s != nil {
			f.slots = number(s[1])
		}
	}
	if m := reStarted.FindStringSubmatch(line); m != nil {
		if s, err := strconv.ParseFloat(m[1], 64); err == nil {
			f.started = time.Duration(s * float64(time.Second))
		}
	}
	if strings.Contains(line, "truncating input prompt") {
		f.cut++
	}
	if strings.Contains(line, "level=WARN") {
		f.warn(line)
	}
}

func (f *facts) warn(line string) {
	if strings.HasSuffix(line, `type=""`) {
		return // "kv cache type not supported", said of none
	}
	for _, words := range worth {
		if m := reMessage.FindStringSubmatch(line); m != nil && strings.Contains(line, words) {
			f.warnings = append(f.warnings, "ollama: "+m[1])
			return
		}
	}
}

func number(digits string) *int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// logReader takes a growing log in, from where it stopped the last time.
type logReader struct {
	path   string
	offset int64
	facts
}

// read takes what is new, whole lines only. A log that cannot be read tells nothing.
func (r *logReader) read() {
	f, err := os.Open(r.path)
	if err != nil {
		return
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, r.offset, 64<<20))
	if err != nil {
		return
	}
	whole := strings.LastIndexByte(string(text), '\n') + 1
	r.offset += int64(whole)
	for line := range strings.SplitSeq(string(text[:whole]), "\n") {
		r.take(line)
	}
}

// failure is what a log or an error says of a launch that failed.
type failure struct {
	class       string
	environment bool
	hint        string
}

var failures = []struct {
	words string
	failure
}{
	{"address already in use", failure{"port_taken", true, "free the port"}},
	{"binary not found", failure{"missing_runner", true, "this build of Ollama has no llama-server beside it: install a release, or see just engines"}},
	{"no space left on device", failure{"disk_full", true, "free some disk space"}},
	{"permission denied", failure{"permission", true, "see that the models folder can be written"}},
	{"too many open files", failure{"file_limit", true, "raise the limit of open files (ulimit -n)"}},
	{"requires more system memory", failure{"oom", false, "take a smaller model, num_ctx or OLLAMA_NUM_PARALLEL"}},
	{"out of memory", failure{"oom", false, "take a smaller model, num_ctx or OLLAMA_NUM_PARALLEL"}},
	{"unable to allocate", failure{"oom", false, "take a smaller model, num_ctx or OLLAMA_NUM_PARALLEL"}},
	{"cudamalloc failed", failure{"oom", false, "take a smaller model, num_ctx or OLLAMA_NUM_PARALLEL"}},
	{"unknown model architecture", failure{"unsupported", false, "this version of Ollama cannot run the model"}},
	{"unsupported model architecture", failure{"unsupported", false, "this version of Ollama cannot run the model"}},
	{"invalid file magic", failure{"bad_model", false, "the file is no GGUF"}},
}

// classify finds the first known cause in any of the texts, which stand in the order of their weight.
func classify(texts ...string) failure {
	for _, text := range texts {
		lower := strings.ToLower(text)
		for _, f := range failures {
			if strings.Contains(lower, f.words) {
				return f.failure
			}
		}
	}
	return failure{class: "exited"}
}
