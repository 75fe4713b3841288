imports = ["../base.hcl"]

platform "p" {
  backend = "ollama"
  env     = { OLLAMA_NUM_PARALLEL = [8] }
}
