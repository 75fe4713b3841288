imports = ["nowhere.hcl", 5]
