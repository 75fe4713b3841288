imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.serve]
    model      = [model.small]
    batch_size = [10]
    fit        = [1, 2]
  }
}
