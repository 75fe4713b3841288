# Did an upgrade make it slower? Two builds of llama.cpp side by side, which matrix installs itself, on a processor: minutes.
#
#   matrix fetch experiments/upgrade-cpu.hcl         both builds and a small model, pinned by matrix.lock.json; launches then run offline
#   matrix apply experiments/upgrade-cpu.hcl
#   matrix compare engine=llama_sep engine=llama_oct --gate output_throughput=-5%

imports = ["installed/cpu.hcl"]

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
