# Which platform should evaluate 5K-200K candidates on one 16 GB card?

variable "batch_sizes" {
  type        = list(number)
  description = "Requests per batch. 200000 is worth a night once the smaller ones have decided something."
  default     = [10, 100, 1000, 5000, 10000, 50000]
}

variable "overnight" {
  type        = bool
  description = "Also run the batches that take Ollama hours."
  default     = false
}

hardware "rtx4080" {
  gpu      = "NVIDIA GeForce RTX 4080" # product name as NVML reports it
  gpus     = 1
  vram_gib = 15.57 # usable, as CUDA reports it (NVML's total is a little more)
}

dataset "candidates" {
  path   = "prompts/candidates.jsonl" # OpenAI batch JSONL, one request a line
  repeat = true                       # a larger batch reuses prompts; each copy is made unique, the same way everywhere
}

# What the memory prediction needs where a model is not downloaded yet; else its config.json or GGUF header is read.
locals {
  gemma3_4b = {
    parameters        = 4300079472 # with the vision tower
    layers            = 34
    full_layers       = 5 # every sixth; the others see a window
    sliding_window    = 1024
    hidden_size       = 2560
    intermediate_size = 10240
    heads             = 8
    kv_heads          = 4
    head_dim          = 256
    vocab_size        = 262208
  }
  gemma3_12b = {
    parameters        = 12187325040
    layers            = 48
    full_layers       = 8
    sliding_window    = 1024
    hidden_size       = 3840
    intermediate_size = 15360
    heads             = 16
    kv_heads          = 8
    head_dim          = 256
    vocab_size        = 262208
  }
}

# Like for like: 16-bit on both sides, then about 4-bit on both sides.
model "gemma3_4b" {
  vllm         = { model = "google/gemma-3-4b-it", dtype = "bfloat16" }
  ollama       = { model = "gemma3:4b-it-fp16" }
  architecture = local.gemma3_4b
}

model "gemma3_4b_q4" {
  vllm         = { model = "RedHatAI/gemma-3-4b-it-quantized.w4a16" }
  ollama       = { model = "gemma3:4b-it-q4_K_M" }
  architecture = local.gemma3_4b
}

model "gemma3_12b" {
  vllm         = { model = "google/gemma-3-12b-it", dtype = "bfloat16" } # 24 GB: the plan says why it cannot run here
  ollama       = { model = "gemma3:12b-it-fp16" }
  architecture = local.gemma3_12b
}

model "gemma3_12b_q4" {
  vllm         = { model = "RedHatAI/gemma-3-12b-it-quantized.w4a16" }
  ollama       = { model = "gemma3:12b-it-q4_K_M" }
  architecture = local.gemma3_12b
}

platform "vllm_offline" {
  backend = "vllm_offline" # LLM.generate: always takes the batch at once
  args = {
    gpu_memory_utilization = 0.92
    max_model_len          = 4096
    max_num_seqs           = 256
    max_num_batched_tokens = 8192 # else offline and serve differ by default
  }
}

platform "vllm_serve" {
  backend = "vllm_serve"
  args    = platform.vllm_offline.args
}

platform "ollama" {
  backend = "ollama"
  env     = { OLLAMA_NUM_PARALLEL = 8, OLLAMA_FLASH_ATTENTION = 1 }
  options = { num_ctx = 4096 }
}

experiment "gemma3" {
  description = "Best platform for batch candidate evaluation on an RTX 4080 16 GB."
  hardware    = hardware.rtx4080
  dataset     = dataset.candidates

  matrix {
    platform   = [platform.vllm_offline, platform.vllm_serve, platform.ollama]
    model      = [model.gemma3_4b, model.gemma3_4b_q4, model.gemma3_12b, model.gemma3_12b_q4]
    batch_size = var.batch_sizes
  }

  # What the program that reads the answers needs. What counts is valid evaluations per hour: an answer that is no such JSON is
  # none. What the schema costs: the same file with check_only = true in another results folder, and matrix compare.
  generate {
    max_tokens  = 256
    temperature = 0
    json_schema = file("schemas/evaluation.json")
    thinking    = false
  }

  load {                                                       # served platforms; the default mode is "closed" for them and "batch" for vllm_offline
    concurrency = cell.platform.backend == "ollama" ? 16 : 512 # twice the engine's slots
    timeout     = "30m"
  }

  launches = cell.batch_size >= 10000 ? 1 : 3 # fresh server starts; each is one replicate

  limits {
    load = "15m"
    cell = "6h"
  }

  exclude {
    when   = cell.platform.backend == "ollama" && cell.batch_size > 10000 && !var.overnight
    reason = "set overnight = true to spend the hours"
  }

  constraint "room" {
    condition = coalesce(cell.fit.max_sequences, 8) >= 8
    message   = "room for only ${coalesce(cell.fit.max_sequences, 0)} sequences at once"
  }
}

decision "gemma3" {
  weights = { performance = 40, reliability = 30, efficiency = 20, simplicity = 10 }
  require = { success_rate = 0.999 } # shown at 95% confidence: takes about 3,000 clean requests
}
