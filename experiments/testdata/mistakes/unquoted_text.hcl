imports = ["../base.hcl"]

platform "p" {
  backend = ollama
}
