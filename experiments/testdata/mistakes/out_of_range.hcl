imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.offline, platform.serve, platform.ollama]
    model      = [model.small, model.big]
    batch_size = [10, 100]
  }

  launches = 0

  generate {
    max_tokens  = 0
    top_p       = 1.5
    temperature = -1
  }

  limits {
    max_error_rate = 2
  }
}
