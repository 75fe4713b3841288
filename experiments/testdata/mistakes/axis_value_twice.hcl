imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.serve, platform.serve]
    model      = [model.small]
    batch_size = [10, 100, 10.0]
    seats      = [1, "1"]
  }
}
