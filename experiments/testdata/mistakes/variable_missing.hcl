variable "n" {
  type = number
}

locals {
  twice = var.n * 2
}
