imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.tensorrt]
    model      = [model.small]
    batch_size = [1]
  }
}
