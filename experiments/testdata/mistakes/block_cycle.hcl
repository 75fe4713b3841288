platform "a" {
  backend = "vllm_serve"
  args    = platform.b.args
}

platform "b" {
  backend = "vllm_offline"
  args    = local.common
}

locals {
  common = merge(platform.a.args, { max_num_seqs = 8 })
}
