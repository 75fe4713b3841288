imports = ["../base.hcl"]

model "m" {
  vllm = { dtype = "bfloat16" }
}
