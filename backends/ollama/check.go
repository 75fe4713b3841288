package ollama

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"matrix/backends/modelfile"
	"matrix/experiments/cell"
	"matrix/experiments/wording"
)

// asked are options that the generate block sets, under its names.
var asked = map[string]string{
	"num_predict": "max_tokens", "temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "seed": "seed",
	"stop": "stop", "repeat_penalty": "repeat_penalty",
}

// known are the other options of some version. Ollama itself only logs a warning about one that it does not know.
var known = []string{
	"num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "use_mlock", "num_thread", "draft_num_predict", "num_keep",
	"min_p", "typical_p", "repeat_last_n", "presence_penalty", "frequency_penalty", "low_vram", "f16_kv", "numa",
	"mirostat", "mirostat_tau", "mirostat_eta", "penalize_newline",
}

// variables are those of the server, of 0.11.4 and 0.33.0 (envconfig and what else reads the environment).
var variables = []string{
	"OLLAMA_AUTH", "OLLAMA_CONTEXT_LENGTH", "OLLAMA_DEBUG", "OLLAMA_DEBUG_LOG_REQUESTS", "OLLAMA_EXPERIMENT", "OLLAMA_FLASH_ATTENTION", "OLLAMA_GO_TEMPLATE",
	"OLLAMA_GPU_OVERHEAD", "OLLAMA_HOST", "OLLAMA_IGPU_ENABLE", "OLLAMA_INTEL_GPU", "OLLAMA_KEEP_ALIVE", "OLLAMA_KV_CACHE_TYPE", "OLLAMA_LIBRARY_PATH",
	"OLLAMA_LLAMA_CPP_COMPAT", "OLLAMA_LLM_LIBRARY", "OLLAMA_LOAD_TIMEOUT", "OLLAMA_MAX_LOADED_MODELS", "OLLAMA_MAX_QUEUE", "OLLAMA_MAX_TRANSFER_STREAMS",
	"OLLAMA_MAX_VRAM", "OLLAMA_MODELS", "OLLAMA_MULTIUSER_CACHE", "OLLAMA_NEW_ENGINE", "OLLAMA_NOHISTORY", "OLLAMA_NOPRUNE", "OLLAMA_NO_CLOUD", "OLLAMA_NUM_PARALLEL",
	"OLLAMA_ORIGINS", "OLLAMA_REGISTRY_MAXSTREAMS", "OLLAMA_REMOTES", "OLLAMA_SCHED_SPREAD", "OLLAMA_VULKAN",
}

// Check says what Ollama cannot do for a cell, without starting it.
func Check(c *cell.Cell) []cell.Problem {
	problems := checkModel(c)
	problems = append(problems, checkGenerate(c)...)
	problems = append(problems, checkOptions(c)...)
	return append(problems, checkPlatform(c)...)
}

// checkModel wants exactly one source of the model.
func checkModel(c *cell.Cell) []cell.Problem {
	problem := cell.Problem{Path: "model.ollama"}
	switch m := modelOf(c.Model); {
	case m == nil || m.Model == "" && m.GGUF == "":
		problem.Summary = fmt.Sprintf("model %q does not say what Ollama loads", c.Model.ID)
		problem.Detail = `Add ollama = { model = "name:tag" } or ollama = { gguf = "file.gguf" } to the model block.`
	case m.Model != "" && m.GGUF != "":
		problem.Summary = fmt.Sprintf("model %q names both an Ollama model and a GGUF file", c.Model.ID)
		problem.Detail = "Keep one of model and gguf."
	case m.Model == "" && c.Platform.Attach:
		problem.Summary = "a server that is attached to takes no GGUF file from us"
		problem.Detail = `Create the model there, and name it with ollama = { model = "name:tag" }.`
	case len(modelfile.Parts(m.GGUF)) > 1:
		// 0.33 would join them itself, with llama-quantize where that is installed; 0.11 makes a model of the last part.
		problem.Path += ".gguf"
		problem.Summary = filepath.Base(m.GGUF) + " is one part of a model, and Ollama is given whole files only"
		problem.Detail = "Join the parts: llama-gguf-split --merge FIRST-PART JOINED.gguf"
	case m.Model != "" && m.Template != "":
		problem.Summary = "a template goes with a GGUF file only"
		problem.Detail = "A named model has its own; use generate.template to send prompts rendered by matrix."
	default:
		return nil
	}
	return []cell.Problem{problem}
}

// slowSampling is also a warning of the run.
const slowSampling = "top_k = 0 with temperature > 0 is slow on Ollama: its speed here is not what it serves with top_k = 40"

// checkGenerate refuses what Ollama has no option for, since it would pass over it without a word and the answers would not
// be comparable. What only costs speed is a warning.
func checkGenerate(c *cell.Cell) []cell.Problem {
	g := c.Generate
	if g == nil {
		return nil
	}
	var problems []cell.Problem
	say := func(path, summary, detail string) {
		problems = append(problems, cell.Problem{Summary: summary, Detail: detail, Path: path})
	}
	if g.IgnoreEOS {
		say("generate.ignore_eos", "Ollama has no ignore_eos",
			"Answers end where the model ends them. Leave it out for all platforms, cap them with max_tokens, and compare tokens per second.")
	}
	if f := g.Asked(); f.Regex != "" {
		say("generate.regex", "Ollama has no regex", "Its format is JSON. Use json_schema for all platforms, or leave this one out.")
	} else if len(f.Choice) > 0 {
		say("generate.choice", "Ollama has no choice but as JSON, in quotes",
			`Ask all platforms for the same: json_schema = { type = "string", enum = ["yes", "no"] }.`)
	}
	if g.MinTokens > 0 {
		say("generate.min_tokens", "Ollama has no min_tokens", "Leave it out for all platforms.")
	}
	if g.TopK == 0 && g.Temperature > 0 {
		problems = append(problems, cell.Problem{Summary: slowSampling, Path: "generate.top_k", Warning: true,
			Detail: "Its sampler sorts the whole vocabulary on the CPU for each token then (18 tokens/s against 314 with top_k = 40 in 0.11.4; a tenth of the speed in 0.33). Set top_k = 40 for all platforms: all draw from the same 40 words then, and vLLM pays nothing for it."})
	}
	if window := contextOf(c.Platform); g.MaxTokens >= window {
		say("generate.max_tokens", fmt.Sprintf("max_tokens %d leaves no room for a prompt in num_ctx %d", g.MaxTokens, window),
			"Raise options.num_ctx or lower generate.max_tokens.")
	}
	return problems
}

// checkOptions holds options against those that Ollama knows. Unknown ones are a warning: a newer version may have them.
func checkOptions(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	for _, name := range slices.Sorted(maps.Keys(c.Platform.Options)) {
		path := "platform.options." + name
		switch {
		case c.Platform.Options[name] == nil:
		case asked[name] != "":
			problems = append(problems, cell.Problem{
				Summary: fmt.Sprintf("options.%s is set by the generate block", name),
				Detail:  fmt.Sprintf("Use generate.%s, which means the same on every platform.", asked[name]), Path: path,
			})
		case !slices.Contains(known, name):
			problems = append(problems, cell.Problem{
				Summary: fmt.Sprintf("Ollama has no option %q that we know of", name),
				Detail:  "It is sent all the same; Ollama ignores what it does not know.", Path: path, Warning: true,
			})
		}
	}
	if value := c.Platform.Options["num_ctx"]; value == nil {
		problems = append(problems, cell.Problem{
			Summary: fmt.Sprintf("options.num_ctx is not set: %d is sent", defaultContext),
			Detail:  "Ollama's own default depends on its version and on the GPU. Set it to what the other platforms have.",
			Path:    "platform.options.num_ctx", Warning: true,
		})
	} else if n, ok := whole(value); !ok || n <= 0 {
		problems = append(problems, cell.Problem{
			Summary: "options.num_ctx must be a whole number above zero", Path: "platform.options.num_ctx",
		})
	}
	return problems
}

// checkPlatform looks at what the platform gives the server: arguments, environment, address.
func checkPlatform(c *cell.Cell) []cell.Problem {
	p := c.Platform
	var problems []cell.Problem
	say := func(path, summary, detail string, warning bool) {
		problems = append(problems, cell.Problem{Summary: summary, Detail: detail, Path: path, Warning: warning})
	}
	if len(p.Args) > 0 {
		say("platform.args", "Ollama takes no args", "Model settings go into options, server settings into env (OLLAMA_…).", false)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		if strings.HasPrefix(name, "OLLAMA_") && !slices.Contains(variables, name) {
			say("platform.env."+name, fmt.Sprintf("no version of Ollama that we know has a variable %s: it has no effect", name),
				"The server passes over what it does not know."+wording.DidYouMean(name, variables), true)
		}
	}
	if p.Attach {
		if p.URL == "" {
			say("platform.url", "attach needs the server's url", `Set url = "http://127.0.0.1:11434".`, false)
		}
		if len(p.Env) > 0 {
			say("platform.env", "env has no effect on a server that is attached to", "Set it where the server is started.", true)
		}
		return problems
	}
	if _, ok := p.Env["OLLAMA_HOST"]; ok {
		say("platform.env.OLLAMA_HOST", "env.OLLAMA_HOST is set by matrix", "Engines listen on 127.0.0.1 at a free port. Use attach and url for a server that runs.", false)
	}
	slots, declared := p.Env["OLLAMA_NUM_PARALLEL"]
	if n, err := strconv.Atoi(slots); declared && (err != nil || n < 1) {
		say("platform.env.OLLAMA_NUM_PARALLEL", fmt.Sprintf("env.OLLAMA_NUM_PARALLEL = %q is no number above zero", slots), "", false)
	}
	if !declared && c.Load != nil && (c.Load.Concurrency > 1 || c.Load.Mode == "batch") {
		say("platform.env", "env.OLLAMA_NUM_PARALLEL is not set: Ollama answers one request at a time",
			"Set it to the number of slots that are to work at once; num_ctx is kept for each.", true)
	}
	return problems
}

// slowly is the warning of a run whose sampling is slow.
func slowly(g *cell.Generate) []string {
	if g == nil || g.TopK > 0 || g.Temperature == 0 {
		return nil
	}
	return []string{"sampling: " + slowSampling}
}
