imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.serve]
    model      = [model.small]
    batch_size = range(1, 101)
    seqs       = range(1, 201)
  }

  load {
    concurrency = cell.seqs
  }
}
