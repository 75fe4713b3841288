imports = ["../base.hcl"]

model "small" {
  ollama = { model = "gemma3" }
}
