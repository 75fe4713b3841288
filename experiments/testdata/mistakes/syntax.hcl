experiment "e" {
  dataset = dataset.prompts
  matrix {
    platform = [platform.serve
  }
}
