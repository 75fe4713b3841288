package process

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// Names of the variables that mark an engine's processes.
const (
	envAttempt = "MATRIX_ATTEMPT"
	envOwner   = "MATRIX_OWNER" // the matrix that started it, see Leftovers
	// Python's setproctitle, by which vLLM names its processes, overwrites /proc/PID/environ unless this is set.
	envKeep = "SPT_NOENV"
)

// detector is what the guard and the engine get besides in tests under the race detector, where both may be of this program.
var detector []string

// Passed is what an engine's environment keeps of ours; a trailing * matches any
// ending. All else is cleared, so that a launch depends on what was declared:
// proxies, tokens, VLLM_* and OLLAMA_* settings of the caller's shell do not pass.
var Passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*", "TMPDIR", "TZ",
	"LD_LIBRARY_PATH", "CUDA_*", "NVIDIA_*", "HF_HOME", "HF_HUB_CACHE",
	"XDG_*", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// Env is the environment of an engine: what Passed lets through, and what was
// declared above it, sorted by name.
func Env(declared map[string]string) []string {
	all := map[string]string{}
	for _, kv := range os.Environ() {
		if name, value, ok := strings.Cut(kv, "="); ok && passes(name) {
			all[name] = value
		}
	}
	maps.Copy(all, declared)
	env := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		env = append(env, name+"="+all[name])
	}
	return env
}

// Getenv looks a variable up as an engine with that declared environment will see it.
func Getenv(declared map[string]string) func(name string) string {
	return func(name string) string {
		if v, ok := declared[name]; ok || !passes(name) {
			return v
		}
		return os.Getenv(name)
	}
}

// passes goes by the name alone: a value may hold anything.
func passes(name string) bool { return Matches(Passed, name) }

// Matches reports whether a variable is among names, where a trailing * matches any ending.
func Matches(names []string, name string) bool {
	return slices.ContainsFunc(names, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "*")
		return name == p || wild && strings.HasPrefix(name, prefix)
	})
}

// mark adds the variables by which a later start finds leftovers. As with
// os/exec, the last value of a variable counts: programs differ in which they see.
func mark(env []string, attempt string) []string {
	env = append(slices.Concat(env, detector), envAttempt+"="+attempt, envOwner+"="+owner(), envKeep+"=1")
	last := map[string]int{}
	for i, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		last[name] = i
	}
	marked := make([]string, 0, len(last))
	for i, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); last[name] == i {
			marked = append(marked, kv)
		}
	}
	return marked
}
