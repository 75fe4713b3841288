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
	return args
}

// plainFlags are on or absent: they have no --no- form.
var plainFlags = []string{
	"disable_log_stats", "aggregate_engine_logging", "headless", "grpc",
	"data_parallel_hybrid_lb", "data_parallel_external_lb", "data_parallel_multi_port_external_lb",
}

// flags turns arguments into those of the server, sorted by name.
func flags(args experiments.Values) []string {
	var argv []string
	for _, name := range slices.Sorted(maps.Keys(args)) {
		flag := strings.ReplaceAll(name, "_", "-")
		switch v := args[name].(type) {
		case nil:
		case bool:
			switch {
			case v:
				argv = append(argv, "--"+flag)
			case !slices.Contains(plainFlags, name):
				argv = append(argv, "--no-"+flag)
			}
		default:
			text := flagValue(v)
			if strings.HasPrefix(text, "-") { // else it would read as a flag
				argv = append(argv, "--"+flag+"="+text)
			} else {
				argv = append(argv, "--"+flag, text)
			}
		}
	}
	return argv
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
