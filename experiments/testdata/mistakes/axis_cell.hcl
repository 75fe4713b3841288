imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.serve]
    model      = [model.small]
    batch_size = [cell.platform.args.max_num_seqs]
  }
}
