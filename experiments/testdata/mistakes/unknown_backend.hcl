imports = ["../base.hcl"]

platform "p" {
  backend = "vlm_serve"
}
