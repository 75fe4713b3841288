imports = ["../base.hcl"]

dataset "d" {
  path      = "x.jsonl"
  synthetic = { input_tokens = 10 }
}
