# How many sequences vLLM should run at once, and how many tokens a step may have, on this processor: a search, not a full
# grid. Run it with `matrix tune experiments/tune-vllm-cpu.hcl` (matrix fetch first).

imports = ["cpu.hcl"]

experiment "tune_vllm_cpu" {
  description = "max_num_seqs and max_num_batched_tokens of vLLM offline on a processor."
  dataset     = dataset.candidates

  matrix {
    platform               = [platform.vllm_offline]
    model                  = [model.gemma3_270m]
    max_num_seqs           = [8, 32]
    max_num_batched_tokens = [2048, 4096]
    batch_size             = [16, 48]
  }

  override {
    when = true
    args = { max_num_seqs = cell.max_num_seqs, max_num_batched_tokens = cell.max_num_batched_tokens }
  }

  generate {
    max_tokens  = 32
    temperature = 0
    template    = "<start_of_turn>user\n{{with .System}}{{.}}\n\n{{end}}{{.Prompt}}<end_of_turn>\n<start_of_turn>model\n"
  }

  warmup { requests = 4 }

  limits {
    load = "10m"
    cell = "20m"
  }
}
