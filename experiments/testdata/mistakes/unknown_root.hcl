imports = ["../base.hcl"]

locals {
  a = vars.x
  b = locals.a
}
