# A launch that lasts long enough to be killed in, and one that is committed before that.
experiment "killed" {
  dataset = dataset.prompts
  matrix {
    platform   = [platform.ollama, platform.vllm_serve]
    model      = [model.gemma3_270m]
    batch_size = [4, 36]
  }
  exclude {
    when   = (cell.platform.backend == "ollama") != (cell.batch_size == 4)
    reason = "the small batch is Ollama's, the large one vLLM's"
  }
  generate {
    max_tokens = 32
    template   = "<start_of_turn>user\n{{with .System}}{{.}}\n\n{{end}}{{.Prompt}}<end_of_turn>\n<start_of_turn>model\n"
  }
  load {
    concurrency = 2
  }
  warmup {
    requests = 2
  }
  limits {
    load  = "8m"
    drain = "3s" # the wait for a quiet CPU only warns, and CI is never quiet
  }
}
