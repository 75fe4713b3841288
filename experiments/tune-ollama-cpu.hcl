# How many requests Ollama should answer at once, and in pieces of how many prompt tokens, on this processor: a search, not
# a full grid. Run it with `matrix tune experiments/tune-ollama-cpu.hcl` (matrix fetch first).

imports = ["cpu.hcl"]

experiment "tune_ollama_cpu" {
  description = "OLLAMA_NUM_PARALLEL and num_batch of Ollama on a processor."
  dataset     = dataset.candidates

  matrix {
    platform     = [platform.ollama]
    model        = [model.gemma3_270m_q4]
    num_parallel = [1, 2, 4]
    num_batch    = [128, 512]
    batch_size   = [8, 16, 32]
  }

  override {
    when    = true
    env     = { OLLAMA_NUM_PARALLEL = cell.num_parallel }
    options = { num_batch = cell.num_batch }
  }

  load {
    concurrency = cell.num_parallel # no more in flight than Ollama answers at once: the rest would only wait
    timeout     = "10m"
  }

  generate {
    max_tokens  = 32
    temperature = 0
    template    = "<start_of_turn>user\n{{with .System}}{{.}}\n\n{{end}}{{.Prompt}}<end_of_turn>\n<start_of_turn>model\n"
  }

  warmup { requests = 2 }
}
