package vllm

import (
	"encoding/json"
	"fmt"

	"matrix/experiments"
)

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
func compiles(platform string, args experiments.Values, env map[string]string) string {
	if fmt.Sprint(args["enforce_eager"]) == "true" || env["VLLM_DISABLE_COMPILE_CACHE"] == "1" {
		return ""
	}
	matter := experiments.Values{}
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
