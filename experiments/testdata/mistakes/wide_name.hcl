model "模型" {
  openai = { model = "x" }
}

locals {
  all = [model.模型, model.m3]
}
