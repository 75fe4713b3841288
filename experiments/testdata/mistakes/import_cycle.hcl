imports = ["folder/cycle.hcl"]
