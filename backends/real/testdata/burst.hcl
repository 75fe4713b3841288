# All requests at once against one server: none may be lost, whatever the server does with a queue of thousands.

variable "requests" {
  type = number
}

dataset "numbers" {
  path = "numbers.jsonl"
}

variable "url" {
  type = string
}

platform "vllm_burst" {
  backend = "vllm_serve"
  attach  = true
  url     = var.url
}

experiment "burst" {
  dataset = dataset.numbers
  matrix {
    platform   = [platform.vllm_burst]
    model      = [model.gemma3_270m]
    batch_size = [var.requests]
  }
  generate {
    max_tokens = 2
  }
  load {
    mode    = "batch"
    timeout = "15m"
  }
}
