imports = ["../base.hcl"]

platform "p" {
  bakend = "vllm_serve"
}
