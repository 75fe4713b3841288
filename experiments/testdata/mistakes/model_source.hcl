imports = ["../base.hcl"]

model "a" {
  ollama = { template = "x" }
}

model "b" {
  ollama = { model = "gemma3", gguf = "gemma3.gguf" }
}

model "c" {
  ollama = {}
}
