imports = ["import_self.hcl"]
