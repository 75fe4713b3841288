package ollama

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"matrix/backends/ggml"
	"matrix/backends/launched"
)

// facts are what a server's log tells and its API does not.
type facts struct {
	listening string        // address
	gpu       bool          // inference on a GPU was found possible
	computes  bool          // the line that tells so is there
	layers    *int64        // offered to the GPU, the output layer included
	layersGPU *int64        // of layers; both nil: the version does not say, or there is no GPU
	slots     *int64        // requests at once
	loads     int           // runners started
	cut       int           // prompts cut to the window
	started   time.Duration // the runner, with the model in it, as the last load states it; 0 = not told
	warnings  []string      // those of worth, in the log's words
}

var (
	reListening = regexp.MustCompile(`msg="Listening on (\S+) \(version`)
	reCompute   = regexp.MustCompile(`msg="inference compute".* library=(\w+)`)
	reOffloaded = regexp.MustCompile(`offloaded\s+(\d+)/(\d+)\s+layers to GPU`)
	reRunner    = regexp.MustCompile(`msg="starting (?:llama server|llama-server|runner)" cmd="([^"]*)`) // each start is a load
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
// Each pattern is of both eras, and a line may fit none.
func (f *facts) take(line string) {
	if m := reListening.FindStringSubmatch(line); m != nil {
		f.listening = m[1]
	}
	if m := reCompute.FindStringSubmatch(line); m != nil {
		f.computes = true
		f.gpu = f.gpu || !strings.EqualFold(m[1], "cpu")
	}
	if m := reOffloaded.FindStringSubmatch(line); m != nil {
		f.layersGPU, f.layers = ggml.Count(m[1]), ggml.Count(m[2])
	}
	if m := reRunner.FindStringSubmatch(line); m != nil {
		f.loads++
		if s := reSlots.FindStringSubmatch(m[1]); s != nil {
			f.slots = ggml.Count(s[1])
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

// warn keeps a line that says that something is not as it was asked for.
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

// logReader takes a growing log in, from where it stopped the last time.
type logReader struct {
	path   string // it may hold earlier launches before offset
	offset int64  // of the first byte not yet taken
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

// failures are how a launch is known to fail.
// Case does not matter; the particular stand before the general.
var failures = []launched.Sign{
	launched.Known("address already in use", "port_taken", true, "free the port"),
	launched.Known("binary not found", "missing_runner", true, "this build of Ollama has no llama-server beside it: install a release, or see just engines"),
	launched.Known("no space left on device", "disk_full", true, "free some disk space"),
	launched.Known("permission denied", "permission", true, "see that the models folder can be written"),
	launched.Known("too many open files", "file_limit", true, "raise the limit of open files (ulimit -n)"),
	launched.Known("requires more system memory|out of memory|unable to allocate|cudamalloc failed", "oom", false, "take a smaller model, num_ctx or OLLAMA_NUM_PARALLEL"),
	launched.Known("(unknown|unsupported) model architecture", "unsupported", false, "this version of Ollama cannot run the model"),
	launched.Known("invalid file magic", "bad_model", false, "the file is no GGUF"),
}
