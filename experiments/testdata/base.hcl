# What the mistakes share: one of each block.

hardware "box" {
  gpu      = "NVIDIA GeForce RTX 4080"
  vram_gib = 15.57
}

model "small" {
  vllm   = { model = "google/gemma-3-4b-it", dtype = "bfloat16" }
  ollama = { model = "gemma3:4b-it-fp16" }
}

model "big" {
  vllm   = { model = "google/gemma-3-12b-it" }
  ollama = { model = "gemma3:12b-it-fp16" }
}

dataset "prompts" {
  synthetic = { input_tokens = 100 }
}

platform "offline" {
  backend = "vllm_offline"
  args    = { max_num_seqs = 256, max_model_len = 4096 }
}

platform "serve" {
  backend = "vllm_serve"
  args    = platform.offline.args
}

platform "ollama" {
  backend = "ollama"
  options = { num_ctx = 4096 }
}
