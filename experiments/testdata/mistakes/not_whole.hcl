imports = ["../base.hcl"]

hardware "h" {
  gpus = 1.5
}
