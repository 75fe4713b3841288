variable "sizes" {
  type    = list(number)
  default = [10, 100]
}

locals {
  seqs = 2 * 64
}

dataset "d" {
  synthetic = { input_tokens = { mean = 100, stddev = 10 }, output_tokens = 20 }
  seed      = 3
}

model "m" {
  vllm   = { model = "org/m" }
  ollama = { model = "m" }
}

platform "serve" {
  backend = "vllm_serve"
  args    = { max_num_seqs = local.seqs, enforce_eager = true }
}

platform "ollama" {
  backend = "ollama"
  env     = { OLLAMA_NUM_PARALLEL = 8 }
}

experiment "twin" {
  dataset = dataset.d
  model   = model.m

  matrix {
    platform   = [platform.serve, platform.ollama]
    batch_size = var.sizes
  }

  load {
    concurrency = cell.platform.backend == "ollama" ? 8 : 64
    timeout     = "5m"
  }

  launches = cell.batch_size > 10 ? 1 : 3

  exclude {
    when   = cell.platform.backend == "ollama" && cell.batch_size > 10
    reason = "slow at ${cell.batch_size}"
  }

  constraint "few" {
    condition = cell.batch_size < 100
  }

  include {
    platform   = platform.serve
    batch_size = 5
  }
}
