imports = ["../base.hcl"]

locals {
  a = platform.offline.arg.max_num_seqs
}
