package ollama

import (
	"fmt"
	"maps"
	"strings"

	"matrix/backends"
	"matrix/experiments/cell"
)

// Command is how a cell's server is started: argv and what is set in its environment. store is the folder with the
// models, port the loopback port.
// The platform's own variables win over the defaults, but not over the folder and the address, by which the server
// is proven ours.
func Command(spec backends.Spec, binary, store string, port int) backends.Command {
	env := map[string]string{
		"OLLAMA_NOPRUNE":           "1", // the user's blobs are not ours to tidy
		"OLLAMA_KEEP_ALIVE":        "-1",
		"OLLAMA_MAX_LOADED_MODELS": "1",
		"OLLAMA_NUM_PARALLEL":      "1",
		"OLLAMA_NO_CLOUD":          "1", // no look at a registry while we measure
		"GIN_MODE":                 "release",
	}
	if len(spec.GPUs) > 0 {
		env["CUDA_VISIBLE_DEVICES"] = strings.Join(spec.GPUs, ",")
	}
	maps.Copy(env, spec.Cell.Platform.Env)
	env["OLLAMA_MODELS"] = store // absolute, where the declared folder need not be
	env["OLLAMA_HOST"] = fmt.Sprintf("127.0.0.1:%d", port)
	return backends.Command{Argv: []string{binary, "serve"}, Env: env, Dir: spec.Dir}
}

// offloadDeclared reports whether the user himself said how many layers go to the GPU.
// Then a split model is what is measured, and no failure.
func offloadDeclared(p *cell.Platform) bool { return p.Options["num_gpu"] != nil }
