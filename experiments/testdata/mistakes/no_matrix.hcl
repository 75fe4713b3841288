imports = ["../base.hcl"]

experiment "e" {
  platform = [platform.serve]
  model    = model.small
}
