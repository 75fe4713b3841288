imports = ["../base.hcl"]

hardware "h" {
  vram_gib = "lots"
}

platform "p" {
  backend = "ollama"
  args    = [1, 2]
  url     = 8000
}
