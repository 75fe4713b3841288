package vllm

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"matrix/backends/launched"
)

// failure is what a log says of an engine's end. vLLM's last line is generic ("Engine core initialization failed"):
// the cause is an earlier line.
type failure struct {
	launched.Failure
	line string // the one that shows it, without its prefix; "" = none found
}

// causes: the first that any line shows decides, so particular ones stand first.
var causes = []launched.Sign{
	launched.Known(`No module named 'vllm'`, "missing_package", true,
		"install vLLM into that interpreter, or set platform.python to one that has it"),
	launched.Known(`[Aa]ddress already in use|Errno 98`, "port_taken", true, "leave args.port out, or free the port"),
	launched.Known(`No space left on device`, "disk_full", true, "free some disk space"),
	launched.Known(`(?:Available|Free) memory on (?:device|node) .* is less than desired`, "memory_taken", false, ""),
	launched.Known(`To serve at least one request with the model's max seq len`, "no_kv_room", false,
		"lower args.max_model_len, or raise gpu_memory_utilization"),
	launched.Known(`No available memory for the cache blocks`, "no_kv_room", false,
		"raise args.gpu_memory_utilization, or take a smaller model"),
	launched.Known(`CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|DefaultCPUAllocator: can't allocate memory|MemoryError`,
		"oom", false, "take a smaller model, max_num_seqs or max_num_batched_tokens"),
	launched.Known(`NVIDIA driver on your system is too old|Found no NVIDIA driver|Failed to infer device type|no CUDA-capable device`,
		"no_device", true, "see matrix doctor for GPUs and drivers"),
	launched.Known(`LocalEntryNotFoundError|OfflineModeIsEnabled|is not a local folder and is not a valid model identifier|outgoing traffic has been disabled|RepositoryNotFound|Repo id must be in the form|Can't load the configuration of|Invalid repository ID or local directory`,
		"missing_model", true, "run matrix fetch first: launches do not download"),
	launched.Known(`error: argument `, "bad_argument", false, "correct its value in platform.args"),
	launched.Known(`error: unrecognized arguments|got an unexpected keyword argument|error: ambiguous option`,
		"unknown_argument", false, "this version of vLLM has no such argument; see platform.args"),
	launched.Known(`Quantization method .* is not supported|Unknown quantization method|not supported for the current GPU`,
		"unsupported", false, ""),
	launched.Known(`Too many open files|Errno 24`, "file_limit", true, "raise the limit of open files (ulimit -n)"),
	launched.Known(`EngineDeadError|EngineCore encountered an issue`, "engine_died", false, ""),
	launched.Known(`Engine core initialization failed`, "exited", false, ""),
}

// logPrefix is what vLLM puts before a message: "(EngineCore pid=1) ERROR 11-23 20:04:43 [core.py:1165] ".
var logPrefix = regexp.MustCompile(`^(?:\([^)]*\) ?)?(?:(?:INFO|WARNING|ERROR|DEBUG|CRITICAL) \S+ \S+ \[[^\]]*\] ?)?`)

// reHarmless are lines that only warn; one quotes the very error that it warns of.
var reHarmless = regexp.MustCompile(`^(?:\([^)]*\) ?)?(?:INFO|WARNING|DEBUG) `)

// classify finds the cause of an engine's end in its log. An unknown one is "exited" with the last error line.
func classify(log string) failure {
	var lines []string
	for line := range strings.SplitSeq(log, "\n") {
		if !reHarmless.MatchString(line) {
			lines = append(lines, line)
		}
	}
	known, line := launched.Classify(causes, strings.Join(lines, "\n"))
	f := failure{known, message(line)}
	switch {
	case line == "":
		f.line = lastError(lines)
	case f.Class == "memory_taken":
		f.judgeMemory()
	}
	return f
}

// reFree finds what was free and what there is in vLLM's complaint about memory, GiB both: "(3.1/79.2 GiB)".
var reFree = regexp.MustCompile(`\(([\d.]+)/([\d.]+) GiB\)`)

// judgeMemory tells memory held by others (the world's fault) from asking for more than the device could ever give.
func (f *failure) judgeMemory() {
	f.Hint = "lower args.gpu_memory_utilization"
	m := reFree.FindStringSubmatch(f.line)
	if m == nil {
		return
	}
	free, _ := strconv.ParseFloat(m[1], 64)
	total, _ := strconv.ParseFloat(m[2], 64)
	// More than a tenth taken is somebody's; with less, the cell asks for what the device has not.
	if free < 0.9*total {
		f.Environment = true
		f.Hint = fmt.Sprintf("other processes hold %.1f GiB of it: end them, or lower args.gpu_memory_utilization", total-free)
	}
}

// reError finds the last line of a Python traceback, or an argparse error.
var reError = regexp.MustCompile(`^[A-Za-z_.]*(?:Error|Exception|Exit|Interrupt)\b.*|error: .*`)

// lastError goes backwards: a traceback's last line says what, and those above only where.
func lastError(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if text := message(lines[i]); reError.MatchString(text) {
			return text
		}
	}
	return ""
}

// message bounds what goes into a row's or a cell's error: vLLM prints whole configurations on one line.
func message(line string) string {
	text := strings.TrimSpace(line[len(logPrefix.FindString(line)):])
	return text[:min(len(text), 500)]
}
