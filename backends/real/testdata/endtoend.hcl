experiment "endtoend" {
  dataset = dataset.prompts
  matrix {
    platform   = [platform.vllm_offline, platform.vllm_serve, platform.ollama, platform.ollama_old]
    model      = [model.gemma3_270m]
    batch_size = [6]
  }
  generate {
    max_tokens = 16
    template   = "<start_of_turn>user\n{{with .System}}{{.}}\n\n{{end}}{{.Prompt}}<end_of_turn>\n<start_of_turn>model\n"
  }
  load {
    concurrency = 3
  }
  warmup {
    requests = 2
  }
  limits {
    load  = "8m"
    drain = "3s" # the wait for a quiet CPU only warns, and CI is never quiet
  }
}
