# All requests at once against one server: none may be lost, whatever the server does with a queue of thousands.

variable "requests" {
  type = number
}

dataset "numbers" {
  path = "numbers.jsonl"
}

platform "vllm_burst" {
  backend = "vllm_serve"
  python  = platform.vllm_offline.python
  args    = { enforce_eager = true, max_model_len = 256, max_num_seqs = 256, max_num_batched_tokens = 4096 }
  env     = platform.vllm_offline.env
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
  limits {
    load = "8m"
  }
}
