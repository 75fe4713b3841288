imports = ["../base.hcl"]

hardware "h" {
  colour = "green"
}
