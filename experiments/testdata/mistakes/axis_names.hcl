imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = ["serve", "srve"]
    model      = [platform.serve]
    batch_size = [0, "ten", 1.5]
  }
}
