# The whole path in about 20 seconds, with no engine, no model and no GPU: plan, launches, Parquet.
# Every engine here is simulated. Its numbers say nothing about vLLM or Ollama, and are marked SIMULATED wherever shown.

variable "vram_gib" {
  type        = number
  description = "Memory of the card that is pretended."
  default     = 16
}

variable "constrained" {
  type        = bool
  description = "Tell the engines of schemas/evaluation.json, to which every answer is held. false shows what that costs: matrix compare of the two result trees."
  default     = true
}

dataset "candidates" {
  path = "prompts/candidates.jsonl"
}

model "small" {
  openai       = { model = "small" }
  architecture = { weights_gib = 8.0 }
}

model "large" {
  openai       = { model = "large" }
  architecture = { weights_gib = 22.7 }
}

# One simulator, three APIs. A queueing model answers: so many slots, so many tokens per second.
platform "vllm_offline" {
  backend = "simulator"
  options = {
    api                  = "vllm_offline"
    slots                = 32
    prefill_tokens_per_s = 40000
    decode_tokens_per_s  = 80
    kv_tokens            = 30000
    load_s               = 0.8
  }
}

platform "vllm_serve" {
  backend = "simulator"
  options = {
    api                  = "vllm_serve"
    slots                = 32
    prefill_tokens_per_s = 35000
    decode_tokens_per_s  = 75
    kv_tokens            = 30000
    load_s               = 1
  }
}

platform "ollama" {
  backend = "simulator"
  options = {
    api                  = "ollama"
    slots                = 8
    prefill_tokens_per_s = 15000
    decode_tokens_per_s  = 60
    load_s               = 0.3
  }
}

experiment "quickstart" {
  description = "Three platforms, two batch sizes, one model that cannot fit. All simulated."
  dataset     = dataset.candidates

  matrix {
    platform   = [platform.vllm_offline, platform.vllm_serve, platform.ollama]
    model      = [model.small]
    batch_size = [10, 50]
  }

  # One cell more, to see how a plan shows what cannot run.
  include {
    platform   = platform.vllm_offline
    model      = model.large
    batch_size = 10
  }

  constraint "memory" {
    condition = cell.model.architecture.weights_gib < var.vram_gib
    message   = "weights of ${cell.model.architecture.weights_gib} GiB do not fit on a card of ${var.vram_gib} GiB"
  }

  generate {
    max_tokens  = 64
    temperature = 0
    json_schema = file("schemas/evaluation.json")
    check_only  = !var.constrained
  }

  load { # served platforms; vllm_offline takes the batch at once
    concurrency = cell.platform.options.slots
  }

  warmup {
    requests = 4
  }

  launches = 1
}
