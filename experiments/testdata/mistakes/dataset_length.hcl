imports = ["../base.hcl"]

dataset "d" {
  synthetic = { input_tokens = { distribution = "normal", mean = 100 } }
}

dataset "e" {
  synthetic = { input_tokens = { men = 100 } }
}

dataset "f" {
  synthetic = { input_tokens = { distribution = "norml", mean = 100 } }
}
