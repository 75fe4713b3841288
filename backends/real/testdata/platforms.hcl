# The three platforms, and Ollama's older way of running a model, small enough for two cores.

variable "engines" {
  type = string
}

dataset "prompts" {
  path = "prompts.jsonl"
}

model "gemma3_270m" {
  vllm   = { model = "${var.engines}/model/gemma3-270m", dtype = "bfloat16" }
  ollama = { gguf = "${var.engines}/model/gemma3-270m-q4_k_m.gguf" }
}

platform "vllm_offline" {
  backend = "vllm_offline"
  python  = "${var.engines}/vllm/bin/python"
  args    = { enforce_eager = true, max_model_len = 2048, max_num_seqs = 16, max_num_batched_tokens = 2048 }
  env     = { VLLM_CPU_KVCACHE_SPACE = 2, VLLM_CPU_OMP_THREADS_BIND = "nobind", OMP_NUM_THREADS = 1 } # several threads spin
}

platform "vllm_serve" {
  backend = "vllm_serve"
  python  = platform.vllm_offline.python
  args    = platform.vllm_offline.args
  env     = platform.vllm_offline.env
}

platform "ollama" {
  backend = "ollama"
  binary  = "${var.engines}/ollama/bin/ollama"
  env     = { OLLAMA_NUM_PARALLEL = 2 }
  options = { num_ctx = 2048, num_thread = 1 }
}

platform "ollama_old" {
  backend = "ollama"
  binary  = "${var.engines}/ollama-0.11.4/bin/ollama"
  env     = platform.ollama.env
  options = platform.ollama.options
}
