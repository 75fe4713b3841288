package vllm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"matrix/experiments/cell"
)

// arguments are the engine's, in snake_case, as both entry points take them: what the platform declares, and what
// the model and the isolation say. Unset ones are left to vLLM.
func arguments(c *cell.Cell) cell.Values {
	args := cell.Values{"generation_config": "vllm"} // else generation_config.json changes unset sampling fields
	if c.Isolation != nil && c.Isolation.PrefixCache == "off" {
		args["enable_prefix_caching"] = false
	}
	if m := modelOf(c.Model); m != nil {
		args["model"] = m.Model
		for name, value := range map[string]string{
			"revision": m.Revision, "tokenizer": m.Tokenizer, "dtype": m.DType, "quantization": m.Quantization,
		} {
			if value != "" {
				args[name] = value
			}
		}
	}
	maps.Copy(args, c.Platform.Args)
	maps.DeleteFunc(args, func(_ string, v any) bool { return v == nil }) // null means vLLM's default
	return args
}

// plainFlags are on or absent: they have no --no- form.
var plainFlags = []string{
	"disable_log_stats", "aggregate_engine_logging", "headless", "grpc",
	"data_parallel_hybrid_lb", "data_parallel_external_lb", "data_parallel_multi_port_external_lb",
}

// jsonLists are lists that the server wants as one JSON value; any other takes its elements one by one.
var jsonLists = []string{"allowed_origins", "allowed_methods", "allowed_headers"}

// flags turns arguments into those of the server, sorted by name.
func flags(args cell.Values) []string { // sorted: the same cell has the same command line each time
	var argv []string
	for _, name := range slices.Sorted(maps.Keys(args)) {
		argv = append(argv, asFlag(name, args[name])...)
	}
	return argv
}

// asFlag is the words of a command line for one argument of platform.args: nothing for null, --x or --no-x for a boolean,
// --x a b for a list, one JSON text for a table and for the lists that vLLM reads as JSON.
func asFlag(name string, value any) []string {
	kebab := strings.ReplaceAll(name, "_", "-")
	switch v := value.(type) {
	case nil:
		return nil
	case bool:
		switch {
		case v:
			return []string{"--" + kebab}
		case slices.Contains(plainFlags, name):
			return nil
		}
		return []string{"--no-" + kebab}
	case []any:
		if len(v) == 0 || slices.Contains(jsonLists, name) {
			break
		}
		words := []string{"--" + kebab}
		for _, element := range v {
			words = append(words, flagValue(element))
		}
		return words
	}
	text := flagValue(value)
	if strings.HasPrefix(text, "-") { // else it would read as a flag
		return []string{"--" + kebab + "=" + text}
	}
	return []string{"--" + kebab, text}
}

// flagValue is a value as one word. A fraction keeps its digits: 0.1 stays 0.1.
func flagValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any, cell.Values, map[string]any:
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(text)
	default:
		return fmt.Sprint(v)
	}
}

// uncompiled are the arguments that vLLM's compile cache does not depend on: those of config/*.py's compute_hash that are
// ignored factors (0.32), and what belongs to the server. Any other is taken to matter: one priming too many costs a
// start, one too few a wrong load.
var uncompiled = map[string]bool{
	"gpu_memory_utilization": true, "kv_cache_memory_bytes": true, "num_gpu_blocks_override": true, "enable_prefix_caching": true,
	"prefix_caching_hash_algo": true, "seed": true, "tokenizer": true, "tokenizer_mode": true, "served_model_name": true,
	"host": true, "port": true, "uds": true, "root_path": true, "api_server_count": true, "stream_interval": true,
	"disable_log_stats": true, "enable_log_requests": true, "uvicorn_log_level": true, "disable_uvicorn_access_log": true,
	"chat_template": true, "shutdown_timeout": true, "max_num_queued_reqs": true,
}

// compiles names torch.compile's result; "" where it is switched off. Offline and served vLLM have other defaults for
// the two limits below, and share their code only where both are declared.
func compiles(platform string, args cell.Values, env map[string]string) string {
	if fmt.Sprint(args["enforce_eager"]) == "true" || env["VLLM_DISABLE_COMPILE_CACHE"] == "1" {
		return ""
	}
	matter := cell.Values{}
	for name, v := range args {
		if !uncompiled[name] {
			matter[name] = v
		}
	}
	if args["max_num_batched_tokens"] != nil && args["max_num_seqs"] != nil {
		platform = "vllm"
	}
	name, err := json.Marshal([]any{platform, matter, env})
	if err != nil {
		panic(err) // values of the language: all of them have a JSON form
	}
	return string(name)
}
