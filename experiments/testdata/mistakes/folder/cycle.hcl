imports = ["../import_cycle.hcl"]
