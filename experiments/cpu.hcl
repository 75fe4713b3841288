# vLLM offline, vllm serve and Ollama for real, on a processor, with a small real model: about an hour on two cores, most of it
# vLLM's starts (--only batch_size=10 to see it work in a quarter of that).
# Right for seeing everything work. For choosing a platform for a GPU, run gemma3.hcl on that GPU.
#
#   just engines           puts the engines and the model under ~/.cache/matrix/engines (or $MATRIX_ENGINES)
#   just quickstart-cpu    runs this file with engines = that folder

variable "constrained" {
  type        = bool
  description = "Tell the engines of schemas/evaluation.json, to which every answer is held. false shows what that costs: matrix compare of the two result trees."
  default     = true
}

variable "engines" {
  type        = string
  description = "Absolute path of the folder that `just engines` fills; an experiment cannot see your home."
  default     = "../.engines" # `just quickstart-cpu` sets MATRIX_VAR_engines; by hand: --var engines=$HOME/.cache/matrix/engines
}

dataset "candidates" {
  path = "prompts/candidates.jsonl"
}

# The same weights on all three platforms: bfloat16, so that their speeds can be ranked against each other.
model "gemma3_270m" {
  vllm   = { model = "${var.engines}/model/gemma3-270m", dtype = "bfloat16" }
  ollama = { gguf = "${var.engines}/model-bf16/gemma3-270m-bf16.gguf" }
}

# What Ollama is mostly run with: a quarter of the bytes. Another model as far as a ranking goes; its answers are compared.
model "gemma3_270m_q4" {
  ollama = { gguf = "${var.engines}/model/gemma3-270m-q4_k_m.gguf" }
}

platform "vllm_offline" {
  backend = "vllm_offline"
  python  = "${var.engines}/vllm/bin/python"
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
  python  = platform.vllm_offline.python
  args    = platform.vllm_offline.args
  env     = platform.vllm_offline.env
}

platform "ollama" {
  backend = "ollama"
  binary  = "${var.engines}/ollama/bin/ollama"
  env     = { OLLAMA_NUM_PARALLEL = 4 }
  options = { num_ctx = 2048 } # as vLLM's max_model_len
}

experiment "cpu" {
  description = "Gemma 3 270M on a processor: the whole path on real engines."
  dataset     = dataset.candidates

  matrix {
    platform   = [platform.vllm_offline, platform.vllm_serve, platform.ollama]
    model      = [model.gemma3_270m, model.gemma3_270m_q4]
    batch_size = [10, 50]
  }

  # Gemma's chat format, written out, so that each engine gets the same bytes and counts the same prompt tokens. Both
  # engines put <bos> before it themselves: written here, it would be there twice.
  generate {
    max_tokens  = 192
    temperature = 0
    json_schema = file("schemas/evaluation.json")
    check_only  = !var.constrained
    template    = "<start_of_turn>user\n{{with .System}}{{.}}\n\n{{end}}{{.Prompt}}<end_of_turn>\n<start_of_turn>model\n"
  }

  load {
    concurrency = cell.platform.backend == "ollama" ? 8 : 64
    timeout     = "10m"
  }

  warmup {
    requests = 4
  }

  # vLLM has no 4-bit form of this model here.
  exclude {
    when   = cell.model.id == "gemma3_270m_q4" && cell.platform.backend != "ollama"
    reason = "only a GGUF is quantised"
  }

  launches = 3 # fewer cannot tell how much identical launches differ

  limits {
    load = "10m"
    cell = "20m"
  }
}
