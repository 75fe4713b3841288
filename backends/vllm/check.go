package vllm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/experiments/cell"
)

// owned are the arguments that matrix sets itself.
var owned = map[string]string{
	"model":             "declare it in the model block",
	"host":              "engines listen on 127.0.0.1 only",
	"uds":               "requests go over loopback TCP",
	"served_model_name": "a name of our own proves that the server is the one we started",
	"api_key":           "name the variable in platform.api_key_env; an argument would be seen in the process list",
}

// gone are arguments of older versions; passing them makes vLLM refuse to start.
var gone = map[string]string{
	"swap_space":           "vLLM preempts by recomputing now; leave it out",
	"disable_log_requests": "requests are not logged unless enable_log_requests is set; leave it out",
	"num_lookahead_slots":  "leave it out",
	"use_v2_block_manager": "leave it out",
}

// serverOnly are arguments that the LLM class does not know.
var serverOnly = []string{
	"port", "api_server_count", "uvicorn_log_level", "disable_uvicorn_access_log", "enable_prompt_tokens_details",
	"enable_force_include_usage", "stream_interval", "shutdown_timeout", "enable_log_requests", "max_log_len",
	"enable_per_request_metrics", "max_num_queued_reqs", "max_num_queued_tokens", "enable_auto_tool_choice",
	"tool_call_parser", "response_role", "root_path", "middleware", "ssl_keyfile", "ssl_certfile",
}

// Check says what vLLM cannot do for a cell, without starting it.
func Check(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	if c.Platform.Attach {
		return checkAttach(c)
	}
	if modelOf(c.Model) == nil || modelOf(c.Model).Model == "" {
		problems = append(problems, cell.Problem{
			Summary: fmt.Sprintf("model %q does not say what vLLM loads", c.Model.ID),
			Detail:  `Add vllm = { model = "organisation/name" } to the model block.`, Path: "model.vllm",
		})
	} else if strings.HasSuffix(modelOf(c.Model).Model, ".gguf") {
		problems = append(problems, cell.Problem{
			Summary: "vLLM reads GGUF files only with a plugin",
			Detail:  "Core support ended with 0.24: install vllm-gguf-plugin or name a safetensors model.",
			Path:    "model.vllm.model", Warning: true,
		})
	}
	problems = append(problems, checkArgs(c)...)
	problems = append(problems, checkNames(c)...)
	problems = append(problems, checkLimits(c)...)
	problems = append(problems, checkThinking(c)...)
	return append(problems, checkIsolation(c)...)
}

// checkAttach says what an attached platform lacks.
func checkAttach(c *cell.Cell) []cell.Problem {
	switch {
	case c.Platform.Backend == OfflineName:
		return []cell.Problem{{
			Summary: "vllm_offline cannot attach", Detail: "It is a library in a process of its own; use vllm_serve.",
			Path: "platform.attach",
		}}
	case c.Platform.URL == "":
		return []cell.Problem{{
			Summary: "attach needs the server's url", Detail: `Set url = "http://127.0.0.1:8000".`, Path: "platform.url",
		}}
	}
	return nil
}

// checkArgs holds the arguments against what matrix sets itself, what vLLM dropped, and what only its server knows. The
// names are sorted: messages come in one order, whatever the map's.
func checkArgs(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	say := func(name, summary, detail string) {
		problems = append(problems, cell.Problem{Summary: summary, Detail: detail, Path: "platform.args." + name})
	}
	offline := c.Platform.Backend == OfflineName
	for _, name := range slices.Sorted(maps.Keys(c.Platform.Args)) {
		switch {
		case strings.Contains(name, "-"):
			say(name, fmt.Sprintf("arguments are written in snake_case, not %q", name),
				fmt.Sprintf("Write %s.", strings.ReplaceAll(name, "-", "_")))
		case owned[name] != "":
			say(name, fmt.Sprintf("args.%s is set by matrix", name), owned[name]+".")
		case gone[name] != "":
			say(name, fmt.Sprintf("vLLM has no %s any more", name), gone[name]+".")
		case offline && slices.Contains(serverOnly, name):
			say(name, fmt.Sprintf("args.%s belongs to the server", name), "vllm_offline has no HTTP server; leave it out.")
		}
	}
	if n, ok := cell.Number(c.Platform.Args["tensor_parallel_size"]); ok && c.Hardware != nil && c.Hardware.GPUs > 0 && n > float64(c.Hardware.GPUs) {
		say("tensor_parallel_size", fmt.Sprintf("tensor_parallel_size %g needs more than the %d GPUs of hardware %q",
			n, c.Hardware.GPUs, c.Hardware.ID), "Lower it, or declare the hardware's gpus.")
	}
	return problems
}

// checkLimits compares lengths that are declared with each other; what the model itself allows is known at launch only. Two
// defaults get a warning: they differ between the offline engine and the server, and whoever compares these would compare
// the defaults.
func checkLimits(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	length, ok := cell.Number(c.Platform.Args["max_model_len"])
	if ok && length > 0 && c.Generate != nil && float64(c.Generate.MaxTokens) >= length {
		problems = append(problems, cell.Problem{
			Summary: fmt.Sprintf("max_tokens %d leaves no room for a prompt in max_model_len %g", c.Generate.MaxTokens, length),
			Detail:  "Raise args.max_model_len or lower generate.max_tokens.", Path: "generate.max_tokens",
		})
	}
	for _, name := range []string{"max_num_seqs", "max_num_batched_tokens"} {
		if c.Platform.Args[name] == nil {
			problems = append(problems, cell.Problem{
				Summary: fmt.Sprintf("args.%s is not set: its default differs between vllm_offline and vllm_serve", name),
				Detail:  "Set it, so that the two are comparable.", Path: "platform.args." + name, Warning: true,
			})
		}
	}
	return problems
}

// checkThinking: vLLM tells reasoning and answer apart by a parser that is the model's and that it does not choose itself.
func checkThinking(c *cell.Cell) []cell.Problem {
	if c.Generate == nil {
		return nil
	}
	parser, _ := c.Platform.Args["reasoning_parser"].(string)
	_, think := c.Generate.ThinkingLevel()
	switch {
	case !think || parser != "":
		return nil
	case !c.Generate.Asked().None():
		return []cell.Problem{{
			Summary: "vLLM holds an answer to its form from the first token unless args.reasoning_parser is set: the model could not think",
			Detail:  `Set args = { reasoning_parser = "qwen3" } (the parser is the model's), or thinking = false.`, Path: "generate.thinking",
		}}
	case c.Platform.Backend == ServeName:
		return []cell.Problem{{
			Summary: "without args.reasoning_parser vllm serve leaves the reasoning in the answer's text",
			Detail:  `Set args = { reasoning_parser = "qwen3" } (the parser is the model's).`, Path: "generate.thinking", Warning: true,
		}}
	}
	return nil
}

// checkIsolation finds arguments that undo what the isolation block promises, or that take from the measurement what it
// measures.
func checkIsolation(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	if on, _ := c.Platform.Args["enable_prefix_caching"].(bool); on && c.Isolation != nil && c.Isolation.PrefixCache == "off" {
		problems = append(problems, cell.Problem{
			Summary: "enable_prefix_caching contradicts isolation.prefix_cache = \"off\"",
			Detail:  `Set isolation { prefix_cache = "natural" } to measure with the cache.`,
			Path:    "platform.args.enable_prefix_caching",
		})
	}
	if off, _ := c.Platform.Args["disable_log_stats"].(bool); off {
		problems = append(problems, cell.Problem{
			Summary: "without log stats vLLM tells no times and no metrics",
			Detail:  "Queue, prefill and decode times and first tokens will be missing.",
			Path:    "platform.args.disable_log_stats", Warning: true,
		})
	}
	return problems
}
