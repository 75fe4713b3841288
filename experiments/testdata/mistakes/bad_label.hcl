imports = ["../base.hcl"]

model "gemma 3" {
  ollama = { model = "gemma3" }
}
