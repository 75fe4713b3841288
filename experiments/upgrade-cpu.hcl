# Did an upgrade make it slower? Two builds of llama.cpp side by side, which matrix installs itself, on a processor: minutes.
#
#   scripts/engines.sh gguf                          a small model, 250 MB, under ~/.cache/matrix/engines
#   matrix fetch experiments/upgrade-cpu.hcl         both builds, 70 MB, pinned by matrix.lock.json; launches then run offline
#   matrix apply experiments/upgrade-cpu.hcl
#   matrix compare engine=llama_sep engine=llama_oct --gate output_throughput=-5%

variable "engines" {
  type        = string
  description = "Absolute path of the folder with the model: MATRIX_VAR_engines, or --var engines=$HOME/.cache/matrix/engines."
  default     = "../.engines"
}

variable "launches" {
  type        = number
  description = "Six show a difference of 5% where identical launches differ by 2%."
  default     = 6
}

engine "llama_sep" {
  package = "xllamacpp==2026.9.11063"
}

engine "llama_oct" {
  package = "xllamacpp==2026.10.11549"
}

dataset "prompts" {
  synthetic = { input_tokens = 64, count = 40, seed = 1 }
}

model "gemma3_270m_q4" {
  llama_cpp = { gguf = "${var.engines}/gguf/gemma3-270m-q4_k_m.gguf" }
}

platform "llama_cpp" {
  backend = "llama_cpp"
  args    = { ctx_size = 2048, parallel = 4 }
}

experiment "upgrade_cpu" {
  description = "Two builds of llama.cpp on a processor."
  dataset     = dataset.prompts
  platform    = platform.llama_cpp
  model       = model.gemma3_270m_q4
  batch_size  = 40

  matrix {
    engine = [engine.llama_sep, engine.llama_oct]
  }

  generate {
    max_tokens  = 32
    temperature = 0
  }

  load {
    concurrency = 4
  }

  launches = var.launches
}
