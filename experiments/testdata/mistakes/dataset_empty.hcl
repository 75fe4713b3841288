imports = ["../base.hcl"]

dataset "d" {
  repeat = true
}
