imports = ["../base.hcl"]

experiment "report" {
  dataset    = dataset.prompts
  platform   = platform.serve
  model      = model.small
  batch_size = 10
}
