imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.offlin]
    model      = [model.small]
    batch_size = var.sizes
  }
}
