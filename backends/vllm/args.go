package vllm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"matrix/experiments"
)

// arguments are the engine's, in snake_case, as both entry points take them: what the platform declares, and what
// the model and the isolation say. Unset ones are left to vLLM.
func arguments(c *experiments.Cell) experiments.Values {
	args := experiments.Values{"generation_config": "vllm"} // else generation_config.json changes unset sampling fields
	if c.Isolation != nil && c.Isolation.PrefixCache == "off" {
		args["enable_prefix_caching"] = false
	}
	if m := c.Model.VLLM; m != nil {
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
func flags(args experiments.Values) []string {
	var argv []string
	for _, name := range slices.Sorted(maps.Keys(args)) {
		argv = append(argv, asFlag(name, args[name])...)
	}
	return argv
}

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

func flagValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any, experiments.Values, map[string]any:
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(text)
	default:
		return fmt.Sprint(v)
	}
}
