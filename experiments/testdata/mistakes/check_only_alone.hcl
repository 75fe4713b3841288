imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.offline, platform.serve, platform.ollama]
    model      = [model.small, model.big]
    batch_size = [10, 100]
  }

  generate {
    check_only = true
  }
}
