imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.offline, platform.serve, platform.ollama]
    model      = [model.small, model.big]
    batch_size = [10, 100]
  }

  override {
    args = { max_num_seqs = cell.fit.max_sequences }
  }

  generate {
    max_tokens = coalesce(cell.fit.max_sequences, 1) * 2
  }
}
