# vLLM offline, vllm serve, llama.cpp and Ollama for real, on a processor, with a small real model: more than an hour on two
# cores, most of it vLLM's starts (--only batch_size=10 to see it work in a quarter of that).
# Right for seeing everything work. For choosing a platform for a GPU, run gemma3.hcl on that GPU.
#
#   matrix fetch experiments/cpu.hcl     installs the engines and the model (8 GB)
#   matrix apply experiments/cpu.hcl
#
# just quickstart-cpu does the same, and begins with what is installed in seconds.

imports = ["installed/cpu.hcl"]

variable "constrained" {
  type        = bool
  description = "Tell the engines of schemas/evaluation.json, to which every answer is held. false shows what that costs: matrix compare of the two result trees."
  default     = true
}

dataset "candidates" {
  path = "prompts/candidates.jsonl"
}

platform "vllm_offline" {
  backend = "vllm_offline"
  engine  = engine.vllm
  args = {
    max_model_len          = 2048
    max_num_seqs           = 64
    max_num_batched_tokens = 4096 # else offline and serve differ by default
    enforce_eager          = true # compiling takes two minutes more and pays only in long runs
  }
  env = { VLLM_CPU_KVCACHE_SPACE = 2 } # GiB; without it vLLM takes its share of all memory
}

platform "vllm_serve" {
  backend = "vllm_serve"
  engine  = engine.vllm
  args    = platform.vllm_offline.args
  env     = platform.vllm_offline.env
}

platform "llama_cpp" {
  backend = "llama_cpp"
  engine  = engine.llama
  args    = { parallel = 4, ctx_size = 4 * 2048 } # which the slots share: of each, as vLLM's max_model_len
}

platform "ollama" {
  backend = "ollama"
  engine  = engine.ollama
  env     = { OLLAMA_NUM_PARALLEL = 4 }
  options = { num_ctx = 2048 }
}

experiment "cpu" {
  description = "Gemma 3 270M on a processor: the whole path on real engines."
  dataset     = dataset.candidates

  matrix {
    platform   = [platform.vllm_offline, platform.vllm_serve, platform.llama_cpp, platform.ollama]
    model      = [model.gemma3_270m, model.gemma3_270m_q4]
    batch_size = [10, 50]
  }

  # Gemma's chat format, written out, so that each engine gets the same bytes and counts the same prompt tokens. All
  # put <bos> before it themselves: written here, it would be there twice.
  generate {
    max_tokens  = 192
    temperature = 0
    json_schema = file("schemas/evaluation.json")
    check_only  = !var.constrained
    template    = "<start_of_turn>user\n{{with .System}}{{.}}\n\n{{end}}{{.Prompt}}<end_of_turn>\n<start_of_turn>model\n"
  }

  load {
    concurrency = can(regex("^vllm", cell.platform.backend)) ? 64 : 8
    timeout     = "10m"
  }

  warmup {
    requests = 4
  }

  # vLLM has no 4-bit form of this model here.
  exclude {
    when   = cell.model.id == "gemma3_270m_q4" && can(regex("^vllm", cell.platform.backend))
    reason = "only a GGUF is quantised"
  }

  launches = 3 # fewer cannot tell how much identical launches differ

  limits {
    load = "10m"
    cell = "20m"
  }
}
