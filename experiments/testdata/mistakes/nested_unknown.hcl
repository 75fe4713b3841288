imports = ["../base.hcl"]

model "m" {
  vllm = { model = "x/y", dtpye = "bfloat16" }
}
