dataset "d" { synthetic = { input_tokens = 10 } }
model "m" { openai = { model = "m" } }
platform "s" { backend = "simulator" }

experiment "x" {
  dataset    = dataset.d
  platform   = platform.s
  model      = model.m
  batch_size = 1
  launches   = 1e12
}
