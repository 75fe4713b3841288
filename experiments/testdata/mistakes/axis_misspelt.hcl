imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform  = [platform.serve]
    modle     = [model.small]
    batchsize = [10]
  }
}
