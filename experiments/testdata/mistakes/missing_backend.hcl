imports = ["../base.hcl"]

platform "p" {
  args = { max_num_seqs = 1 }
}
