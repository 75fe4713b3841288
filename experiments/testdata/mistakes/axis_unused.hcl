imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform     = [platform.serve]
    model        = [model.small]
    batch_size   = [10]
    max_num_seqs = [64, 128]
  }
}
