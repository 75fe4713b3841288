imports = ["../base.hcl"]

platform "a" {
  backend = "openai"
}

platform "b" {
  backend     = "vllm_serve"
  attach      = true
  api_key_env = "sk-123-456"
}
