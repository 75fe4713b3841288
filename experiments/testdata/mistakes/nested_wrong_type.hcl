imports = ["../base.hcl"]

model "m" {
  vllm = { model = "x/y", dtype = 16 }
}
