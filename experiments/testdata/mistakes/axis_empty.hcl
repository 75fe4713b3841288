imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.serve]
    model      = []
    batch_size = [1]
  }
}
