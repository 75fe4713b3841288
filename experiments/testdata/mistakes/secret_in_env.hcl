platform "p" {
  backend = "vllm_serve"
  env     = { HF_TOKEN = "hf_never_shown" }
}
