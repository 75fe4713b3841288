imports = ["../base.hcl"]

dataset "d" {
  path = "~/prompts.jsonl"
}
