imports = ["../base.hcl"]

experiment "e" {
  dataset  = model.small
  hardware = "box"

  matrix {
    platform   = [platform.offline, platform.serve, platform.ollama]
    model      = [model.small, model.big]
    batch_size = [10, 100]
  }
}
