# 24 simulated launches over two kinds of nodes.
variable "load_s" {
  type    = number
  default = 0.1
}

hardware "big" {
  slurm = { partition = "gpu", gres = "gpu:1", constraint = "big", time = "10" }
}

hardware "small" {
  slurm = { partition = "gpu", gres = "gpu:1", constraint = "small", time = "10" }
}

dataset "prompts" {
  synthetic = { count = 100, input_tokens = 20, output_tokens = 8 }
}

model "m" {
  openai = { model = "m" }
}

platform "sim" {
  backend = "simulator"
  options = { slots = 4, load_s = var.load_s, decode_tokens_per_s = 200 }
}

experiment "cluster" {
  dataset = dataset.prompts
  matrix {
    hardware   = [hardware.big, hardware.small]
    platform   = [platform.sim]
    model      = [model.m]
    batch_size = [4, 8, 12, 16]
  }
  # Else the simulated cells of both would have one identity, and the results of one would be those of the other.
  override {
    when    = cell.hardware.id == "small"
    options = { slots = 8 }
  }
  launches = 3
  generate {
    max_tokens = 8
  }
  warmup {
    requests = 1
  }
}
