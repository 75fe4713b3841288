# What Ollama costs over the llama.cpp inside it: one GGUF file, the same slots, context, batch, threads and bytes of each
# prompt. `matrix compare platform=ollama platform=llama_cpp` gives the ratio with its interval, and says where the two
# counted other prompt tokens or answered otherwise.
#
#   matrix fetch experiments/ollama-tax.hcl
#   matrix apply experiments/ollama-tax.hcl

imports = ["installed/cpu.hcl"]

variable "threads" {
  type        = number
  description = "Threads that both compute with; each would choose its own number."
  default     = 2
}

variable "slots" {
  type        = number
  description = "Requests that both answer at once."
  default     = 4
}

variable "context" {
  type        = number
  description = "Tokens of one slot."
  default     = 2048
}

dataset "candidates" {
  path = "prompts/candidates.jsonl"
}

platform "ollama" {
  backend = "ollama"
  engine  = engine.ollama
  env     = { OLLAMA_NUM_PARALLEL = var.slots }
  options = { num_ctx = var.context, num_batch = 512, num_thread = var.threads }
}

platform "llama_cpp" {
  backend = "llama_cpp"
  engine  = engine.llama # the build that this Ollama runs, too
  args = {
    parallel    = var.slots
    ctx_size    = var.slots * var.context # all slots together
    batch_size  = 512
    ubatch_size = 512
    threads     = var.threads
  }
}

experiment "ollama_tax" {
  description = "Ollama against the llama.cpp inside it, on one GGUF file."
  dataset     = dataset.candidates

  matrix {
    platform   = [platform.ollama, platform.llama_cpp]
    model      = [model.gemma3_270m_q4]
    batch_size = [50]
  }

  # Gemma's chat format, written out: both get the same bytes, and put <bos> before them themselves.
  generate {
    max_tokens  = 32
    temperature = 0
    template    = "<start_of_turn>user\n{{with .System}}{{.}}\n\n{{end}}{{.Prompt}}<end_of_turn>\n<start_of_turn>model\n"
  }

  load {
    concurrency = var.slots # no more than either answers at once: waiting is not what is compared
    timeout     = "10m"
  }

  warmup { requests = 4 }

  launches = 6 # an interval needs as many

  limits {
    load = "10m"
    cell = "20m"
  }
}
