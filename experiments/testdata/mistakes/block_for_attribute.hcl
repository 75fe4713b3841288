imports = ["../base.hcl"]

model "m" {
  vllm {
    model = "x"
  }
}
