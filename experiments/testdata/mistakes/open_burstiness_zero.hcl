imports = ["../base.hcl"]

experiment "e" {
  dataset = dataset.prompts

  matrix {
    platform   = [platform.offline, platform.serve, platform.ollama]
    model      = [model.small, model.big]
    batch_size = [10, 100]
  }

  load {
    rate       = 1
    arrival    = "gamma"
    burstiness = 0
    mode = cell.platform.id == "offline" ? "batch" : "open"
  }
}
