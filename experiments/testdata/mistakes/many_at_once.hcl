imports = ["../base.hcl"]

locals {
  a = local.missing
}

platform "p" {
  backend = "olama"
  arsg    = {}
}

experiment "e" {
  dataset    = dataset.prompt
  platform   = platform.serve
  model      = model.small
  batch_size = 10

  load {
    timeout = "soon"
  }
}
