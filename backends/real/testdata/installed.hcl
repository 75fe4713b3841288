# An engine that matrix installs itself, with the lock that the shipped experiments have.

variable "engines" {
  type = string
}

engine "llama" {
  package = "xllamacpp==2026.10.11549"
}

model "gemma3_270m" {
  llama_cpp = { gguf = "${var.engines}/model/gemma3-270m-q4_k_m.gguf" }
}

platform "llama_cpp" {
  backend = "llama_cpp"
  engine  = engine.llama
  args    = { ctx_size = 1024, parallel = 2 }
}

dataset "prompts" {
  synthetic = { input_tokens = 16, count = 4, seed = 1 }
}

experiment "installed" {
  dataset    = dataset.prompts
  platform   = platform.llama_cpp
  model      = model.gemma3_270m
  batch_size = 4

  generate {
    max_tokens  = 8
    temperature = 0
  }

  load {
    concurrency = 2
  }

  warmup { requests = 1 }
  limits { drain = "3s" } # the wait for a quiet CPU only warns, and CI is never quiet
}
